"""The reaction protocol on a few small clips, with backbones that learn in seconds."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tta_bench import api
from tta_bench.config.prediction_file import resolve_scores
from tta_bench.data.datasets.hume_reaction import EMOTIONS, HumeReaction
from tta_bench.data.synthetic.hume_reaction import ReactionSampleSettings, generate_reaction_sample
from tta_bench.errors import UserError
from tta_bench.models.checkpoints.read import read_checkpoint, save_checkpoint
from tta_bench.protocols.base import seen
from tta_bench.protocols.reaction import split
from tta_bench.protocols.reaction.run import Reaction
from tta_bench.protocols.reaction.step import ReactionStep
from tta_bench.records.files import read_predictions
from tta_bench.records.schema import Record
from tta_bench.registry import BACKBONES

SMALL = ("protocol=abaw_eri", "train.batch=4", "train.steps=4", "train.width=8", "train.heads=2", "train.layers=1")
SMALL += ("runtime.workers=0", "clip.cropper=none")


class Looks(nn.Module):
    """A picture's colours in a 2 x 2 grid."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv2d(3, 3, 1)
        self.layer = nn.Linear(12, 6)

    def forward(self, pictures: Tensor) -> Tensor:
        features: Tensor = self.layer(nn.functional.adaptive_avg_pool2d(self.mix(pictures), 2).flatten(1))
        return features


class Hears:
    """How loud a sound is, and how much of it is high."""

    def __call__(self, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.array([np.log10(signal.std() + 1e-6), np.diff(signal).std() / (signal.std() + 1e-6)], np.float32)


@pytest.fixture(autouse=True)
def backbones() -> None:
    BACKBONES.register_module("looks", module=Looks, modality="image", frames=2, size=16, recipe="cnn")
    BACKBONES.register_module("hears", module=Hears, modality="audio", recipe="audio")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small dataset in Hume-Reaction's form."""
    settings = ReactionSampleSettings(
        train_subjects=3, train_clips=4, val_subjects=3, val_clips=2, test_subjects=2, test_clips=1, frames=8, size=32
    )
    return generate_reaction_sample(tmp_path_factory.mktemp("data") / "hume", settings)


def run(root: Path, work_dir: Path, *words: str, resume: str = "missing") -> Record:
    (record,) = api.run_all(api.experiments((*SMALL, f"data.root={root}", *words), ()), work_dir, resume)
    return record


def weights(work_dir: Path) -> dict[str, Tensor]:
    (path,) = work_dir.glob("*/checkpoint.pt")
    model: dict[str, Tensor] = read_checkpoint(path)["model"]
    return model


@pytest.mark.parametrize(("backbone", "seen"), [("looks", (2, 16)), ("hears", None), ("looks+hears", (2, 16))])
def test_a_run_trains_scores_and_records(
    root: Path, tmp_path: Path, backbone: str, seen: tuple[int, int] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    record = run(root, tmp_path, f"backbone={backbone}", "clip.frames=2")
    assert record.status == "success"
    assert record.identity.split == "val"
    assert record.identity.dataset.splits == ("val",)
    assert set(record.metrics) == {"pearson"}
    assert record.metrics["pearson"].n == record.n_expected == record.n_scored == 6
    assert record.metrics["pearson"].n_groups == 3
    assert set(record.per_class) | set(record.undefined or ()) == set(EMOTIONS)
    assert (record.input is None) == (seen is None)
    assert seen is None or (record.input is not None and (record.input.frames, record.input.size) == seen)
    assert record.input is None or record.input.stride is None
    assert [phase.name for phase in record.phases] == ["extract", "train", "test"]
    assert record.cost is not None
    assert (record.cost.parameters or 0) > 0
    assert record.resolved["runtime"]["micro_batch"] == 4  # type: ignore[index,call-overload]
    capsys.readouterr()
    again = run(root, tmp_path, f"backbone={backbone}", "clip.frames=2")
    assert again == record
    assert "done before" in capsys.readouterr().err


def test_a_real_datasets_record_says_nothing_of_labels_or_subjects(root: Path, tmp_path: Path) -> None:
    record = run(root, tmp_path, "backbone=hears")
    assert record.verifiable_with == "data.root"
    assert record.outcomes is None
    assert record.predictions is not None
    kept = read_predictions(tmp_path / "records" / record.predictions.name)
    assert (getattr(kept, "targets"), getattr(kept, "groups")) == (None, None)  # noqa: B009


def test_what_is_extracted_once_is_reused_by_every_run(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTA_BENCH_CACHE", str(tmp_path / "cache"))
    run(root, tmp_path, "backbone=looks")
    assert "0 reused, 18 made" in capsys.readouterr().err
    run(root, tmp_path, "backbone=looks+hears")
    said = capsys.readouterr().err
    assert "faces: 18 clips: 18 reused, 0 made" in said
    assert "hears: 18 clips: 0 reused, 18 made" in said


def test_a_stopped_run_goes_on_and_ends_as_an_uninterrupted_one(root: Path, tmp_path: Path) -> None:
    words = ("backbone=looks+hears", "train.modality_dropout=0.4", "train.flip=0.5", "train.dropout=0.2")
    whole = run(root, tmp_path / "whole", *words)
    original = ReactionStep.train_parts

    def stopping(self: ReactionStep, *args: Any) -> Any:
        if self.step == 2:
            os.kill(os.getpid(), signal.SIGINT)  # asks for a stop after this step, as Ctrl-C does
        return original(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ReactionStep, "train_parts", stopping)
        with pytest.raises(KeyboardInterrupt):
            run(root, tmp_path / "stopped", *words)
    continued = run(root, tmp_path / "stopped", *words)
    assert continued.metrics == whole.metrics
    one, two = weights(tmp_path / "whole"), weights(tmp_path / "stopped")
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_clip_without_sight_or_sound_is_scored_with_what_it_has(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "hume"
    shutil.copytree(root, copy)
    first, second = HumeReaction(root).ids("val")[:2]
    for id in (first, second):
        (copy / "val" / "mp4" / f"{id}.mp4").write_bytes(b"no video")
    record = run(copy, tmp_path, "backbone=looks+hears")
    assert record.n_scored == 6
    assert record.predictions is not None
    kept = read_predictions(tmp_path / "records" / record.predictions.name)
    outputs = dict(zip(kept.ids.tolist(), getattr(kept, "outputs"), strict=True))  # noqa: B009
    np.testing.assert_array_equal(outputs[first], outputs[second])  # nothing is known of either


def test_statistics_stand_in_the_checkpoint(root: Path, tmp_path: Path) -> None:
    run(root, tmp_path, "backbone=hears")
    state = weights(tmp_path)
    assert state["paths.0.mean"].shape == state["paths.0.std"].shape == (2,)
    assert state["paths.0.std"].isfinite().all()


def test_a_submission_has_every_test_clip_in_the_challenges_form_and_no_record(root: Path, tmp_path: Path) -> None:
    words = (*SMALL, f"data.root={root}", "backbone=hears")
    (record,) = api.run_all(api.experiments(words, ()), tmp_path, "missing")
    api.submit(api.experiments((*words, "eval.split=test"), ()), tmp_path / "out.csv", tmp_path, "missing")
    rows = list(csv.reader((tmp_path / "out.csv").open()))
    assert rows[0] == ["File_ID", *EMOTIONS]
    assert len(rows) == 1 + 2
    assert all(row[0].startswith("[") and row[0].endswith("]") for row in rows[1:])
    assert all(0 < float(value) < 1 for row in rows[1:] for value in row[1:])
    assert len(list(tmp_path.glob("*/checkpoint.pt"))) == 1  # the scored network was used, not another
    assert len(list((tmp_path / "records").glob("*.json"))) == 1
    assert record.status == "success"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("protocol=abaw_eri", "backbone=hears"), "--submission is for the test part"),
        (("protocol=abaw_eri", "backbone=hears", "eval.split=test", "seed=0,1"), "one file"),
        (("protocol=ucf101_ft",), "nothing to submit"),
    ],
)
def test_a_submission_of_anything_else_is_refused(words: tuple[str, ...], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        api.submit(api.experiments(words, ()), tmp_path / "out.csv", tmp_path, "missing")
    assert not list(tmp_path.iterdir())


def test_the_test_part_without_a_submission_is_refused(tmp_path: Path) -> None:
    found = api.experiments(("protocol=abaw_eri", "backbone=hears", "eval.split=test"), ())
    with pytest.raises(UserError, match="no labels") as caught:
        list(api.run_all(found, tmp_path, "missing"))
    assert "--submission" in str(caught.value.hint)


def test_a_plan_says_what_would_be_done_and_trains_nothing(root: Path, tmp_path: Path) -> None:
    (found,) = api.experiments((*SMALL, f"data.root={root}", "backbone=looks+hears"), ())
    plan = api.start(found, tmp_path, "missing").plan()
    assert "12 training clips, 6 of the part val" in plan
    assert "4 steps" in plan
    assert "looks+hears" in plan
    assert not list(tmp_path.glob("*/checkpoint.pt"))


def test_weights_are_for_the_visual_part_or_for_each(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "looks.pth"
    save_checkpoint(file, {name: torch.full_like(tensor, 0.5) for name, tensor in Looks().state_dict().items()})
    frozen = ("backbone=looks+hears", "train.encoder_lr=0")
    for number, said in enumerate((f"{file}", f"{file}+none")):
        record = run(root, tmp_path / f"{number}", *frozen, f"weights={said}")
        assert record.identity.weights is not None
        assert record.identity.weights.name == "looks.pth"
        assert record.load is not None
        assert (record.load.tensors, record.load.left_over) == (4, ())
        assert record.cost is not None
        assert (
            0
            < (record.cost.trained or 0)
            == (record.cost.parameters or 0) - sum(parameter.numel() for parameter in Looks().parameters())
        )
        loaded = weights(tmp_path / f"{number}")["paths.0.encoder.encoder.layer.weight"]
        assert torch.equal(loaded, torch.full((6, 12), 0.5))
    with pytest.raises(UserError, match="hears has no weights"):
        run(root, tmp_path / "x", *frozen, f"weights=none+{file}")
    with pytest.raises(UserError, match="one encoder, and looks\\+looks has 2"):
        run(root, tmp_path / "x", "backbone=looks+looks", f"weights={file}")


def test_a_trained_network_is_tested_without_training(root: Path, tmp_path: Path) -> None:
    trained = run(root, tmp_path, "backbone=hears")
    (folder,) = (path.parent for path in tmp_path.glob("*/checkpoint.pt"))
    tested = run(root, tmp_path, "backbone=hears", f"weights={folder.name}", "phase=test")
    assert tested.metrics == trained.metrics
    assert [phase.name for phase in tested.phases] == ["extract", "test"]
    with pytest.raises(UserError, match="was trained with hears, not looks"):
        run(root, tmp_path, "backbone=looks", f"weights={folder.name}", "phase=test")
    with pytest.raises(UserError, match="does not fit"):
        run(root, tmp_path, "backbone=hears", f"weights={folder.name}", "phase=test", "train.temporal=gru")


def test_an_encoder_of_an_own_run_says_what_it_has_seen(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = run(root, tmp_path, "backbone=looks")
    assert record.load is None
    assert record.cost is not None
    assert record.cost.trained is None
    (folder,) = (path.parent for path in tmp_path.glob("*/checkpoint.pt"))
    tested = run(root, tmp_path, "backbone=looks", f"weights={folder.name}", "phase=test")
    assert tested.load is not None
    assert tested.load.tensors > 4
    clips = HumeReaction(root).part("val")
    content = dict(read_checkpoint(folder / "checkpoint.pt"))
    content["seen"] = seen.entry(record.identity.dataset.name, [clip.id for clip in clips], None)
    save_checkpoint(tmp_path / "leaky.pt", content)
    capsys.readouterr()
    again = run(root, tmp_path, "backbone=looks+hears", f"weights={tmp_path / 'leaky.pt'}")
    assert "were trained on 6 of the 6 test clips" in " ".join(capsys.readouterr().err.split())
    assert again.identity.weights is not None
    assert again.identity.weights.pretraining.labels is True
    assert again.identity.weights.pretraining.data.endswith("training part")


def test_a_submitted_file_is_scored_like_anybodys(root: Path, tmp_path: Path) -> None:
    record = run(root, tmp_path, "backbone=hears")
    assert record.predictions is not None
    words = ("protocol=abaw_eri", f"predictions={tmp_path / 'records' / record.predictions.name}", f"data.root={root}")
    scored = Reaction.score_file(resolve_scores(words), tmp_path / "scored")
    assert scored.metrics == record.metrics


def test_ready_features_in_the_form_of_muse_are_a_backbone_and_their_contents_count(tmp_path: Path) -> None:
    root, draw = tmp_path / "muse", np.random.default_rng(0)
    folder = root / "feats" / "mine"
    folder.mkdir(parents=True)
    ids = [f"{number:05d}" for number in range(12)]
    parts = ["train"] * 6 + ["devel"] * 4 + ["test"] * 2
    labels = {
        id: [] if part == "test" else draw.random(7).round(3).tolist() for id, part in zip(ids, parts, strict=True)
    }
    rows = [[f"[{id}]", *(row or [""] * 7)] for id, row in labels.items()]
    for name, lines in (
        ("labels.csv", [["File_ID", *EMOTIONS], *rows]),
        ("partition.csv", [["Id", "Partition"], *zip(ids, parts, strict=True)]),
    ):
        with (root / name).open("w", newline="") as stream:
            csv.writer(stream).writerows(lines)
    for number, id in enumerate(ids[:-1]):  # the last clip has no file
        np.save(folder / f"{id}.npy", draw.random((1 + number % 3, 5), np.float32))
    record = run(root, tmp_path, "backbone=features/mine")
    assert (record.n_scored, record.input) == (4, None)
    words = (*SMALL, f"data.root={root}", "backbone=features/mine", "eval.split=test")
    api.submit(api.experiments(words, ()), tmp_path / "out.csv", tmp_path, "missing")
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 3
    assert len(list(tmp_path.glob("*/checkpoint.pt"))) == 1  # the scored network was used, not another
    for number, trainings in ((6, 1), (0, 2)):  # a scored clip's features, then those of one that is trained on
        np.save(folder / f"{ids[number]}.npy", draw.random((2, 5), np.float32))
        changed = run(root, tmp_path, "backbone=features/mine")
        assert changed.identity.run_key != record.identity.run_key
        assert len(list(tmp_path.glob("*/checkpoint.pt"))) == trainings


class Norms(Looks):
    """The same colours, normalised over the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("backbone=norms",), 2),
        (("backbone=norms+hears",), 2),
        (("backbone=norms", "train.encoder_lr=0"), 4),
        (("backbone=looks",), 4),
        (("backbone=hears",), 4),
    ],
)
def test_only_batch_norm_that_is_trained_is_shown_what_the_recipe_says(
    root: Path, tmp_path: Path, words: tuple[str, ...], expected: int
) -> None:
    BACKBONES.register_module("norms", module=Norms, modality="image", frames=2, size=16, recipe="cnn")
    given = (*SMALL, f"data.root={root}", "train.norm_batch=2", *words)
    [ready] = [Reaction(one, tmp_path, "missing") for one in api.experiments(given, ())]
    assert ready.prepared.micro_batch == expected
    [asked] = [Reaction(one, tmp_path, "missing") for one in api.experiments((*given, "runtime.micro_batch=4"), ())]
    if expected == 4:
        assert asked.prepared.micro_batch == 4
    else:
        with pytest.raises(UserError, match=r"runtime.micro_batch=4 .* train.norm_batch=2 is the recipe's"):
            asked.run()


def exchange(clip: Path, other: Path) -> None:
    """Give a clip the bytes of another, and leave its size and time as they are."""
    before, content = clip.stat(), other.read_bytes()
    time.sleep(0.02)  # a clock of files ticks every few milliseconds
    clip.write_bytes(content[: before.st_size].ljust(before.st_size, b"\0"))
    os.utime(clip, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("part", ["train", "val"])
def test_a_clip_that_is_exchanged_before_its_features_are_taken_is_named_and_gives_no_score(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setenv("TTA_BENCH_CACHE", str(tmp_path / "cache"))
    copy = shutil.copytree(root, tmp_path / "hume")
    one, other = (copy / part / "mp4" / f"{id}.mp4" for id in HumeReaction(copy).ids(part)[:2])
    original = split.extract

    def late(*args: Any) -> Any:
        exchange(one, other)
        return original(*args)

    with monkeypatch.context() as patch:
        patch.setattr(split, "extract", late)
        with pytest.raises(UserError, match=f"1 clip changed while the run went on: {one.stem}"):
            run(copy, tmp_path, "backbone=looks")
    assert not list((tmp_path / "records").glob("*.json"))


def test_a_clip_that_is_exchanged_between_preflight_and_test_changes_nothing_and_the_next_run_is_of_other_data(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test rests on what was taken from the bytes that the record names, whatever the files are by then."""
    monkeypatch.setenv("TTA_BENCH_CACHE", str(tmp_path / "cache"))
    copy = shutil.copytree(root, tmp_path / "hume")
    one, other = (copy / "val" / "mp4" / f"{id}.mp4" for id in HumeReaction(copy).ids("val")[:2])
    undisturbed = run(copy, tmp_path / "undisturbed", "backbone=looks+hears")
    original = Reaction.test

    def late(self: Reaction, step: ReactionStep) -> Any:
        exchange(one, other)
        return original(self, step)

    with monkeypatch.context() as patch:
        patch.setattr(Reaction, "test", late)
        record = run(copy, tmp_path / "disturbed", "backbone=looks+hears")
    assert (record.metrics, record.identity) == (undisturbed.metrics, undisturbed.identity)
    after = run(copy, tmp_path / "disturbed", "backbone=looks+hears")
    assert after.identity.dataset.contents_sha256 != record.identity.dataset.contents_sha256
    assert after.identity.run_key != record.identity.run_key
