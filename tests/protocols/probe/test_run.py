"""The frozen protocols from end to end, on a few small clips: encoded once, resumed, controlled, and refused."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.engine.processes import in_processes
from tta_bench import api
from tta_bench.data.features.store import FeatureStore
from tta_bench.data.synthetic.ucf101 import SampleSettings, generate_ucf101_sample
from tta_bench.engine.world import current
from tta_bench.errors import UserError
from tta_bench.protocols.base.launch import as_one_of
from tta_bench.protocols.probe import fitting, report
from tta_bench.protocols.probe.encoder import Encoder, EncodingSize, FrozenBackbone
from tta_bench.protocols.probe.encoding import encoding_stores
from tta_bench.protocols.probe.exported import export
from tta_bench.protocols.probe.run import Frozen
from tta_bench.records.files import read_predictions
from tta_bench.records.schema import Record
from tta_bench.records.verify import verify_record

SMALL = (
    "backbone=videomaev2_vit_tiny",
    "weights=none",
    "clip.size=16",
    "clip.frames=4",
    "clip.span=8",
    "runtime.workers=0",
)
PROBE = ("probe.epochs=2", "probe.batch=8", "probe.lrs=1e-3,1e-2", "probe.decays=0.01,0.1")
HEADS = {"knn": (), "linear": ("linear.points=4", "linear.max_iter=20"), "probe": PROBE}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = SampleSettings(groups=4, test_groups=1, clips=1, frames=12, width=32, height=24)
    folder = generate_ucf101_sample(tmp_path_factory.mktemp("data") / "ucf101", settings)
    lists = folder / "ucfTrainTestlist"
    for side in ("train", "test"):  # a second split of the same clips
        shutil.copy(lists / f"{side}list01.txt", lists / f"{side}list02.txt")
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    with monkeypatch.context() as patch:
        patch.setenv("TTA_BENCH_CACHE", str(tmp_path / "cache"))
        yield


@pytest.fixture(scope="module")
def warm(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache in which the clips are encoded, for tests that do not ask when they are."""
    folder = tmp_path_factory.mktemp("warm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TTA_BENCH_CACHE", str(folder / "cache"))
        frozen(root, folder, "probe").run()
    return folder / "cache"


@pytest.fixture
def encoded(warm: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    with monkeypatch.context() as patch:
        patch.setenv("TTA_BENCH_CACHE", str(warm))
        yield


@pytest.fixture(autouse=True)
def measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count multiply-adds and tokens of one backbone and clip once: test_encoding and test_report measure them."""
    monkeypatch.setattr(Encoder, "size", lambda self: _size(self))
    monkeypatch.setattr(report, "count_gmacs", lambda *_: 1.0)


SIZES: dict[str, EncodingSize] = {}
size_of = Encoder.size


def _size(encoder: Encoder) -> EncodingSize:
    key = f"{encoder.card.name} {encoder.clip}"
    if key not in SIZES:
        SIZES[key] = size_of(encoder)
    return SIZES[key]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of windows in each call of a backbone that computes something."""
    seen: list[int] = []
    forward = FrozenBackbone.forward

    def counted(self: FrozenBackbone, clip: Tensor) -> tuple[Tensor, Tensor | None]:
        if clip.device.type != "meta":
            seen.append(len(clip))
        return forward(self, clip)

    monkeypatch.setattr(FrozenBackbone, "forward", counted)
    return seen


def frozen(root: Path, work_dir: Path, head: str, *words: str) -> Frozen:
    keys = {word.partition("=")[0] for word in words}
    small = [word for word in (*SMALL, *HEADS[head]) if word.partition("=")[0] not in keys]
    (experiment,) = api.experiments((f"protocol=ucf101_{head}", f"data.root={root}", *small, *words), ())
    found = api.start(experiment, work_dir, "missing")
    assert isinstance(found, Frozen)
    return found


def scores(record: Record, work_dir: Path) -> np.ndarray[Any, Any]:
    assert record.predictions is not None
    return np.asarray(read_predictions(work_dir / "records" / record.predictions.name).scores)  # type: ignore[union-attr]


def figures(record: Record) -> dict[str, Any]:
    """Everything in a record that is no time."""
    timed = {"created", "heartbeat", "finished", "phases", "content_sha256", "given"}
    return record.model_dump(mode="json", exclude=timed)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.usefixtures("encoded")
def test_a_run_gives_a_record_that_verify_recomputes(head: str, root: Path, tmp_path: Path) -> None:
    run = frozen(root, tmp_path, head)
    (record,) = run.run()
    assert verify_record(record, tmp_path / "records") == ("predictions", [])
    assert (record.n_scored, record.metrics["top1"].n_groups, record.cost.views) == (8, 8, 2)  # type: ignore[union-attr]
    assert (record.selection is None) == (head == "knn")
    if record.selection is not None:
        assert len(record.selection.points) == 4
        assert record.selection.held_out_clips == record.selection.held_out_groups == 8
    assert run.run() == [record]


def test_the_weights_are_the_same_bytes_after(root: Path, tmp_path: Path) -> None:
    run = frozen(root, tmp_path, "probe")
    module = run.encoder.module()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    run.run()
    assert run.encoder.module() is module
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in module.parameters())
    after = module.state_dict()
    assert all(value.numpy().tobytes() == after[name].numpy().tobytes() for name, value in before.items())


def test_each_clip_is_encoded_once_and_the_next_protocol_encodes_nothing(
    root: Path, tmp_path: Path, calls: list[int]
) -> None:
    frozen(root, tmp_path, "probe").run()
    assert calls == [2] * 32
    records = [frozen(root, tmp_path, head).run()[0] for head in ("linear", "knn")]
    assert calls == [2] * 32
    assert [phase.name for record in records for phase in record.phases] == ["train", "train"]


def test_what_knn_encoded_serves_linear_and_other_splits_with_other_seeds_of_given_weights(
    root: Path, tmp_path: Path, calls: list[int]
) -> None:
    frozen(root, tmp_path, "knn").run()
    frozen(root, tmp_path, "linear").run()
    frozen(root, tmp_path, "knn", "split=2").run()
    assert len(calls) == 32
    frozen(root, tmp_path, "knn", "seed=1").run()  # other initial weights
    assert len(calls) == 64


@pytest.mark.parametrize("head", HEADS)
def test_stopped_in_the_encoding_and_in_the_heads_the_record_is_the_same(
    head: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warm: Path
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TTA_BENCH_CACHE", str(warm))
        (whole,) = frozen(root, tmp_path / "whole", head).run()
    with monkeypatch.context() as patch:
        patch.setattr(FeatureStore, "write", _stops_after(11, FeatureStore.write))
        with pytest.raises(KeyboardInterrupt):
            frozen(root, tmp_path / "cut", head).run()
    name = {"knn": "NeighbourHead", "linear": "LinearHead", "probe": "AttentiveHead"}[head]
    with monkeypatch.context() as patch:
        patch.setattr(fitting, name, _stops_after(0, getattr(fitting, name)))
        with pytest.raises(KeyboardInterrupt):
            frozen(root, tmp_path / "cut", head).run()
    (again,) = frozen(root, tmp_path / "cut", head).run()
    assert figures(again) == figures(whole)


def _stops_after(calls: int, function: Callable[..., Any]) -> Callable[..., Any]:
    left = [calls]

    def counted(*arguments: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return function(*arguments)

    return counted


@pytest.mark.parametrize("control", ["frozen", "reversed", "shuffled"])
@pytest.mark.usefixtures("encoded")
def test_a_control_tests_other_clips_with_the_same_head(
    control: str, root: Path, tmp_path: Path, calls: list[int]
) -> None:
    plain, other = frozen(root, tmp_path, "linear"), frozen(root, tmp_path, "linear", f"eval.control={control}")
    records = [*plain.run(), *other.run()]
    assert len(calls) == 8  # the test clips; training clips are as they were
    assert plain.folder == other.folder
    assert records[1].identity.control == control
    assert not np.array_equal(*(scores(record, tmp_path) for record in records))


def in_world(root: Path, work_dir: Path, head: str, *words: str, dies: int | None = None) -> dict[str, Any]:
    """One process of a run of several: the figures of its record, and the windows that it encoded."""
    seen: list[int] = []
    encode, write = Encoder.encode, FeatureStore.write

    def counted(self: Encoder, clips: Tensor, kinds: Any) -> Any:
        seen.append(clips.shape[0] * clips.shape[1])
        return encode(self, clips, kinds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TTA_BENCH_CACHE", str(work_dir / "cache"))
        patch.setattr(Encoder, "encode", counted)
        if dies is not None and current().rank == 1:
            patch.setattr(FeatureStore, "write", _dies_after(dies, write))
        (record,) = as_one_of(frozen(root, work_dir, head, *words), current())
    return {"figures": figures(record), "windows": seen}


def _dies_after(calls: int, function: Callable[..., Any]) -> Callable[..., Any]:
    counted = _stops_after(calls, function)

    def dying(*arguments: Any) -> None:
        try:
            counted(*arguments)
        except KeyboardInterrupt:
            os.kill(os.getpid(), signal.SIGKILL)

    return dying


@pytest.mark.parametrize(("head", "size"), [("probe", 2), ("linear", 3)])
def test_processes_share_the_encoding_and_end_with_the_figures_of_one(
    head: str, size: int, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warm: Path
) -> None:
    told = in_processes(size, in_world, root, tmp_path / "shared", head)
    with monkeypatch.context() as patch:
        patch.setenv("TTA_BENCH_CACHE", str(warm))
        (whole,) = frozen(root, tmp_path / "whole", head).run()
    assert [process["figures"] for process in told] == [figures(whole)] * size
    assert sum(len(process["windows"]) for process in told) == 32
    assert all(process["windows"] for process in told)
    ours, theirs = (
        {file.relative_to(folder): file.read_bytes() for file in folder.glob("features/encoded-*/pooled/*/*.npy")}
        for folder in (tmp_path / "shared" / "cache", warm)
    )
    assert len(ours) == 32
    assert ours.items() <= theirs.items()


def test_a_killed_process_of_several_leaves_what_it_encoded(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warm: Path
) -> None:
    monkeypatch.setattr("tta_bench.engine.world.PATIENCE", timedelta(seconds=2))
    with pytest.raises(EOFError):
        in_processes(2, partial(in_world, dies=7), root, tmp_path / "shared", "knn")
    (again, other) = in_processes(2, in_world, root, tmp_path / "shared", "knn")
    assert len(again["windows"]) + len(other["windows"]) == 32 - 16 - 7
    with monkeypatch.context() as patch:
        patch.setenv("TTA_BENCH_CACHE", str(warm))
        (whole,) = frozen(root, tmp_path / "whole", "knn").run()
    assert again["figures"] == other["figures"] == figures(whole)


def kinds_left(tmp_path: Path) -> set[str]:
    return {path.parents[1].name for path in (tmp_path / "cache" / "features").glob("encoded-*/*/*/*.npy")}


def test_features_that_are_not_kept_are_deleted(root: Path, tmp_path: Path) -> None:
    frozen(root, tmp_path, "probe", "features.keep=false").run()
    assert not list((tmp_path / "cache" / "features").glob("encoded-*/*"))


@pytest.mark.parametrize(
    ("before", "head", "files"), [(("knn", "limit=8"), "probe", 16), (("probe", "limit=null"), "knn", 64)]
)
def test_features_of_other_runs_are_not_deleted(
    before: tuple[str, str], head: str, files: int, root: Path, tmp_path: Path
) -> None:
    frozen(root, tmp_path, *before).run()
    there = {path: path.read_bytes() for path in (tmp_path / "cache" / "features").rglob("*.npy")}
    frozen(root, tmp_path / "b", head, "features.keep=false").run()
    assert {path: path.read_bytes() for path in (tmp_path / "cache" / "features").rglob("*.npy")} == there
    assert len(there) == files


def test_features_of_an_interrupted_run_are_deleted_by_the_run_that_goes_on(
    root: Path, tmp_path: Path, calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = Encoder.encode

    def until_five(self: Encoder, *words: Any) -> Any:
        if len(calls) == 5:
            raise KeyboardInterrupt
        return encode(self, *words)

    first = frozen(root, tmp_path, "knn", "features.keep=false")
    with monkeypatch.context() as patch:
        patch.setattr(Encoder, "encode", until_five)
        with pytest.raises(KeyboardInterrupt):
            first.run()
    assert kinds_left(tmp_path) == {"pooled"}
    frozen(root, tmp_path, "knn", "features.keep=false").run()
    assert len(calls) == 32
    assert not kinds_left(tmp_path)


def test_features_that_a_finished_run_could_not_delete_are_deleted_by_the_same_command(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Frozen, "tidy", lambda _: None)  # killed after the record
        frozen(root, tmp_path, "knn", "features.keep=false").run()
    assert kinds_left(tmp_path)
    frozen(root, tmp_path, "knn", "features.keep=false").run()
    assert not kinds_left(tmp_path)


PLUGIN = """
import torch.nn as nn
from tta_bench import register_backbone

@register_backbone("picture", modality="image", frames=4, size=16)
def picture():
    return nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())

@register_backbone("plain", modality="video", frames=4, size=16)
def plain():
    return nn.Sequential(nn.Conv3d(3, 6, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten())
"""


def test_a_plugin_without_tokens_is_for_linear_and_knn(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "plain.py"
    file.write_text(PLUGIN)
    for head in HEADS:
        words = (f"protocol=ucf101_{head}", f"data.root={root}", "backbone=plain", "runtime.workers=0")
        (experiment,) = api.experiments((*words, *HEADS[head]), [file])
        run = api.start(experiment, tmp_path / "runs", "missing")
        if head != "probe":
            assert run.run()[0].status == "success"
            continue
        with pytest.raises(UserError, match="no tokens") as caught:
            run.run()
        assert "linear and knn protocols take it" in str(caught.value.hint)


def test_a_backbone_for_images_gives_a_token_for_each_frame(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "picture.py"
    file.write_text(PLUGIN)
    words = ("protocol=ucf101_probe", f"data.root={root}", "backbone=picture", "runtime.workers=0", "clip.span=8")
    (experiment,) = api.experiments((*words, *PROBE), [file])
    run = api.start(experiment, tmp_path / "runs", "missing")
    assert isinstance(run, Frozen)
    assert run.encoder.size() == (6, 4)
    assert run.run()[0].status == "success"


@pytest.mark.usefixtures("encoded")
def test_a_grid_of_one_point_chooses_nothing(root: Path, tmp_path: Path) -> None:
    (record,) = frozen(root, tmp_path, "probe", "probe.lrs=1e-3", "probe.decays=0.1").run()
    assert record.selection is not None
    assert [point.held_out for point in record.selection.points] == [None]
    assert record.selection.optimism == 0


def test_too_few_groups_are_refused_and_sound_too(tmp_path: Path) -> None:
    alone = generate_ucf101_sample(
        tmp_path / "few", SampleSettings(groups=2, test_groups=1, clips=2, frames=6, width=32, height=24)
    )
    with pytest.raises(UserError, match="too few groups"):
        frozen(alone, tmp_path, "linear").run()
    with pytest.raises(UserError, match="of modality 'audio'"):
        api.run("ucf101_knn", "mfcc", data={"root": alone}, work_dir=tmp_path)


def test_a_disk_that_is_too_full_is_found_before_anything_is_encoded(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: list[int]
) -> None:
    run = frozen(root, tmp_path, "probe")
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000, "total": 1, "used": 0}))
    with pytest.raises(UserError, match=r"tokens and pooled features of 32 clips need .* GB") as caught:
        run.run()
    assert "The linear and knn protocols need" in str(caught.value.hint)
    assert not calls


def test_the_plan_says_disk_reading_and_time(root: Path, tmp_path: Path) -> None:
    run = frozen(root, tmp_path, "probe")
    plan = run.plan()
    assert "32 of 32 clips" in plan
    assert "4 attentive heads of 1 blocks, 2 epochs" in plan
    assert all(word in plan for word in ("GB of features", "reading", "min of encoding", "64 values x 8 tokens"))
    run.run()
    assert "0 of 32 clips" in frozen(root, tmp_path, "probe").plan()


@pytest.mark.usefixtures("encoded")
def test_shots_are_a_fold_of_the_training_list_and_choose_nothing(root: Path, tmp_path: Path) -> None:
    runs = [frozen(root, tmp_path, "linear", "train.shots=1", f"seed={fold}") for fold in (0, 1)]
    assert [len(run.clips.train) for run in runs] == [8, 8]
    assert runs[0].clips.train != runs[1].clips.train
    (record,) = runs[0].run()
    assert (record.identity.standard, len(record.selection.points)) == (False, 1)  # type: ignore[union-attr]


def test_a_broken_training_clip_is_left_out_and_a_broken_test_clip_refused(tmp_path: Path) -> None:
    settings = SampleSettings(groups=4, test_groups=1, clips=1, frames=6, width=32, height=24)
    root = generate_ucf101_sample(tmp_path / "ucf101", settings)
    lists = root / "ucfTrainTestlist"
    broken, tested = (
        root / "UCF-101" / (lists / f"{side}list01.txt").read_text().split()[0] for side in ("train", "test")
    )
    broken.write_bytes(b"no video")
    (record,) = frozen(root, tmp_path, "knn").run()
    assert record.excluded.names == (broken.stem,)
    tested.write_bytes(b"no video")
    with pytest.raises(UserError, match=tested.stem):
        frozen(root, tmp_path, "knn").run()


def test_a_damaged_cache_is_named_or_made_again(root: Path, tmp_path: Path, calls: list[int]) -> None:
    frozen(root, tmp_path, "knn").run()
    files = sorted((tmp_path / "cache" / "features").glob("encoded-*/pooled/*/*.npy"))
    files[0].write_bytes(b"cut short")
    frozen(root, tmp_path, "linear").run()
    assert len(calls) == 33
    assert torch.isfinite(torch.from_numpy(np.load(files[0]))).all()


@pytest.mark.usefixtures("encoded")
@pytest.mark.parametrize("made_by", ["NUMERICS_VERSION", "decoder_version"])
def test_features_that_another_version_made_are_not_used(
    made_by: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They lie in a folder of their own, and an export by another version is refused by name."""
    now = frozen(root, tmp_path, "knn")
    export(now.experiment, now.encoder, now.kinds, tmp_path, tmp_path / "out")
    other: Any = 99 if made_by == "NUMERICS_VERSION" else lambda: "PyAV 99"
    monkeypatch.setattr(f"tta_bench.protocols.probe.encoder.{made_by}", other)
    later = frozen(root, tmp_path, "knn", f"features.root={tmp_path / 'out'}")
    stores = [encoding_stores(run.encoder, run.rules()[0], ("pooled",))["pooled"] for run in (now, later)]
    assert not list(stores[1].folder.glob("*/*.npy"))
    name = {"NUMERICS_VERSION": "numerics", "decoder_version": "decoder"}[made_by]
    with pytest.raises(UserError, match=f"something else: {name} differ"):
        later.run()


@pytest.mark.parametrize("kind", ["pooled", "tokens"])
def test_what_a_process_killed_in_the_encoding_left_is_removed(root: Path, tmp_path: Path, kind: str) -> None:
    frozen(root, tmp_path / "a", "probe").run()
    store = next((tmp_path / "cache").rglob(f"encoded-*/{kind}"))
    file = next(store.glob("??/*.npy"))
    program = (
        "import os, sys; from pathlib import Path; from tta_bench.utils.files import atomic_file\n"
        "with atomic_file(Path(sys.argv[1])) as file:\n    file.write(b'half'); file.flush(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, file], check=False)
    file.unlink()
    assert list(store.rglob(".*.tmp"))
    frozen(root, tmp_path / "b", "probe").run()
    assert not list(store.rglob(".*.tmp"))
