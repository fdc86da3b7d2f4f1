from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch

from tests.data.clips import write_video
from tta_bench import api
from tta_bench.boards.write import collect_entries, current_boards
from tta_bench.config.resolve import resolve
from tta_bench.data.synthetic.ucf101 import SampleSettings, generate_ucf101_sample
from tta_bench.engine.device import OutOfMemory
from tta_bench.errors import UserError
from tta_bench.models.checkpoints.read import read_checkpoint, save_checkpoint
from tta_bench.protocols.base.training_run import resume_or_preflight
from tta_bench.protocols.base.weights import CHECKPOINT
from tta_bench.protocols.pretrain.model import build_autoencoder
from tta_bench.protocols.pretrain.run import PICTURE, Pretrain
from tta_bench.protocols.pretrain.step import PretrainStep
from tta_bench.records.schema import Record
from tta_bench.records.verify import verify_record

SMALL: dict[str, Any] = {
    "train": {"batch": 4, "views": 2, "steps": 4},
    "clip": {"size": 16, "frames": 4},
    "runtime": {"workers": 0},
    "backbone": "videomaev2_vit_tiny",
}
PARTS = "train", "clip"
FEW = SampleSettings(groups=2, test_groups=1, clips=1, frames=12, width=32, height=24)


def words(**keys: Any) -> list[str]:
    """The protocol made small, where the keys do not say otherwise."""
    merged = {name: {**value, **keys.pop(name, {})} if name in PARTS else value for name, value in SMALL.items()}
    return list(api.words({"protocol": "tta_pretrain", **merged, **keys}))


def start(work_dir: Path, resume: str = "missing", **keys: Any) -> Pretrain:
    (experiment,) = resolve(words(**keys))
    started = api.start(experiment, work_dir, resume)
    assert isinstance(started, Pretrain)
    return started


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve small clips under two hashtags, one of them broken."""
    root = tmp_path_factory.mktemp("corpus")
    for number in range(12):
        folder = root / ("dance" if number % 2 else "run")
        folder.mkdir(exist_ok=True)
        write_video(folder / f"7{number:02}.mp4", frames=30 + number)
    (root / "run/700.mp4").write_bytes(b"not a video")
    return root


@pytest.fixture(scope="module")
def done(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Pretrain, Record]:
    """A finished pre-training on these clips: its work folder, itself and its record."""
    work_dir = tmp_path_factory.mktemp("runs")
    run = start(work_dir, data={"root": corpus}, train={"broken": 0.1})
    (record,) = run.run()
    return work_dir, run, record


def test_the_record_says_what_was_trained_on_and_how_it_went(done: tuple[Path, Pretrain, Record], corpus: Path) -> None:
    _, run, record = done
    losses = [json.loads(line)["loss"] for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert (record.status, record.n_expected, record.n_scored) == ("success", 11, 11)
    assert record.excluded.count == 1
    assert record.excluded.names == ("700",)
    assert (record.identity.dataset.name, record.identity.tier) == ("tiktok_actions", "full")
    assert len(losses) == 4
    assert record.metrics["loss"].value == losses[-1]
    assert (record.metrics["loss"].low, record.metrics["loss"].n) == (None, 4 * 2)
    (phase,) = record.phases
    assert (phase.name, phase.samples) == ("pretrain", 16)
    assert record.cost is not None
    assert record.cost.parameters == sum(p.numel() for p in run.build(8).parameters())
    assert str(corpus) not in record.model_dump_json()
    assert verify_record(record, done[0] / "records").problems == []


def test_the_picture_shows_three_clips(done: tuple[Path, Pretrain, Record]) -> None:
    assert cv2.imread(str(done[1].folder / PICTURE)).shape == (3 * 3 * (96 + 4), 72 + 4 * (96 + 4), 3)


def test_the_checkpoint_says_its_run_data_clips_and_steps(done: tuple[Path, Pretrain, Record]) -> None:
    kept = read_checkpoint(done[1].folder / CHECKPOINT)
    assert (kept["run"], kept["step"]) == (done[1].folder.name, 4)
    assert kept["pretraining"] == {"data": "tiktok_actions", "labels": False, "clips": 11}


def test_a_second_call_has_nothing_to_do(done: tuple[Path, Pretrain, Record], corpus: Path) -> None:
    work_dir, _, record = done
    assert start(work_dir, data={"root": corpus}, train={"broken": 0.1}).run() == [record]


def test_a_pretraining_has_no_board(done: tuple[Path, Pretrain, Record], tmp_path: Path) -> None:
    folder = [done[0] / "records"]
    assert collect_entries(folder, tmp_path, tmp_path) == ({}, [])
    assert current_boards(folder, tmp_path, tmp_path) == ({}, [])


def test_a_fine_tune_knows_what_its_weights_have_seen(done: tuple[Path, Pretrain, Record], tmp_path: Path) -> None:
    work_dir, run, _ = done
    root = generate_ucf101_sample(tmp_path / "ucf101", FEW)
    small: dict[str, Any] = SMALL | {"train": {"batch": 4, "steps": 1}}
    data, name = {"root": root}, run.folder.name
    (record,) = api.run("ucf101_ft", weights=name, data=data, work_dir=work_dir, **small)
    weights = record.identity.weights
    assert weights is not None
    assert weights.name == run.folder.name
    assert weights.pretraining is not None
    assert weights.pretraining.model_dump() == {"data": "tiktok_actions", "labels": False, "clips": 11, "steps": 4}
    (board,) = current_boards([work_dir / "records"], work_dir, work_dir).texts.values()
    assert name in board
    assert "not the protocol's data" in board or "official" in board


def test_pretraining_goes_on_from_weights_and_says_so(done: tuple[Path, Pretrain, Record], corpus: Path) -> None:
    work_dir, run, _ = done
    again = start(work_dir, data={"root": corpus}, weights=run.folder.name, train={"broken": 0.1, "steps": 1})
    own, kept = again.build(8).autoencoder.state_dict(), read_checkpoint(run.folder / CHECKPOINT)["model"]
    assert all(torch.equal(own[name], tensor) for name, tensor in kept.items())
    again.run()
    seen = read_checkpoint(again.folder / CHECKPOINT)["pretraining"]
    assert seen["data"] == "tiktok_actions, and before it: tiktok_actions"


def test_a_micro_batch_that_does_not_fit_is_halved_until_it_does_and_kept(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = PretrainStep.summed_errors

    def small_device(step: PretrainStep, clips: torch.Tensor, masks: Any) -> torch.Tensor:
        if len(clips) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return whole(step, clips, masks)

    keys: dict[str, Any] = {"data": {"root": corpus}, "train": {"broken": 0.1}}
    monkeypatch.setattr(PretrainStep, "summed_errors", small_device)
    with pytest.raises(OutOfMemory, match="out of memory with 8 clips"):
        start(tmp_path / "asked", **keys, runtime={"micro_batch": 8, "workers": 0}).run()
    run = start(tmp_path, **keys)
    (record,) = run.run()
    assert "8 clips at once do not fit into memory: 4 are tried" in capsys.readouterr().err
    assert record.resolved["runtime"]["micro_batch"] == 4  # type: ignore[index,call-overload]
    again = start(tmp_path, "always", **keys)
    assert again.prepared.micro_batch == 8
    assert resume_or_preflight(again.prepared, again.trial).micro_batch == 4


def test_an_encoder_alone_can_be_started_from(tmp_path: Path) -> None:
    (experiment,) = resolve(words())
    parts = experiment.backbone, experiment.clip, experiment.train.decoder  # type: ignore[attr-defined]
    tensors = build_autoencoder(*parts, seed=5, weights=None).state_dict()
    file = tmp_path / "encoder.pt"
    save_checkpoint(file, {name: tensor for name, tensor in tensors.items() if name.startswith("encoder.")})
    fresh = build_autoencoder(*parts, seed=6, weights=None).state_dict()
    loaded = build_autoencoder(*parts, seed=6, weights=read_checkpoint(file)).state_dict()
    for name, tensor in loaded.items():
        source = tensors if name.startswith(("encoder.blocks", "encoder.patch_embed")) else fresh
        assert torch.equal(tensor, source[name]), name


def test_the_plan_says_how_many_tokens_have_which_part(corpus: Path, tmp_path: Path) -> None:
    plan = start(tmp_path, data={"root": corpus}, train={"broken": 0.1}, clip={"size": 32, "frames": 8}).plan()
    assert "64: 8 seen, 32 decoded, 28 in the loss" in plan
    assert "11 clips, 1 left out" in plan
    assert "4 steps (2.0 epochs) of 4 videos x 2 views" in plan
    assert not list(tmp_path.glob("records/*"))


def test_a_smaller_subset_is_another_run_within_the_larger(corpus: Path, tmp_path: Path) -> None:
    whole, part = (
        start(tmp_path, data={"root": corpus}, train={"broken": 0.5, **clips}) for clips in ({}, {"clips": 5})
    )
    assert {clip.id for clip in part.prepared.clips.clips} < {clip.id for clip in whole.prepared.clips.clips} | {"700"}
    assert "-clips5-seed0-" in part.folder.name
    assert part.prepared.training != whole.prepared.training


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, r"1 of the 12 clips cannot be read \(8.3%\), and train.broken allows 5.0%: 700"),
        ({"train": {"clips": 13}}, "a part of 13 clips was asked for, and the corpus has 12"),
        ({"train": {"broken": 0.1, "batch": 12}}, "11 videos and a step takes 12"),
        ({"train": {"broken": 0.1, "mask": {"encoder": 0.1}}}, r"int\(0.1 x 2 x 2\) = 0 of 4 places"),
        ({"train": {"broken": 0.1, "decoder": {"heads": 5}}}, "train.decoder: width=384 is no multiple of heads=5"),
        ({"train": {"broken": 0.1}, "clip": {"size": 24}}, "rows 3 / 2 = 1.5"),
        ({"clip": {"frames": 1}}, "takes clips of a multiple of 2 frames, and 1 were asked for"),
        ({"train": {"broken": 0.1}, "backbone": "vit_b16_image"}, "masked pre-training needs a VideoMAEV2"),
        ({"backbone": "resnet50"}, "tta_pretrain has no recipe for resnet50"),
        ({"phase": "test"}, "a pre-training has nothing to test"),
        ({"weights": "no-such-run", "train": {"broken": 0.1}}, "neither a card, nor a file, nor a run"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_spent(
    corpus: Path, tmp_path: Path, keys: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        start(tmp_path, data={"root": corpus}, **keys).run()
    assert not list(tmp_path.glob("records/*"))
    assert not list(tmp_path.glob("*/checkpoint.pt"))


def test_a_dataset_with_classes_is_no_corpus(tmp_path: Path) -> None:
    root = generate_ucf101_sample(tmp_path / "ucf101", FEW)
    with pytest.raises(UserError, match="ucf101 is no corpus to pre-train on"):
        start(tmp_path, dataset="ucf101", data={"root": root}).run()


@pytest.mark.parametrize("protocol", ["tta_pretrain", "ucf101_ft", "ucf101_knn"])
def test_a_run_from_local_copies_is_the_same_run(
    corpus: Path, tmp_path: Path, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = corpus if protocol == "tta_pretrain" else generate_ucf101_sample(tmp_path / "ucf101", FEW)
    broken = {"broken": 0.1} if protocol == "tta_pretrain" else {}
    trained = {} if protocol == "ucf101_knn" else {"train": {"batch": 4, "steps": 1, **broken}}
    given: dict[str, Any] = {name: SMALL[name] for name in ("clip", "runtime", "backbone")} | trained
    (plain,) = api.run(protocol, work_dir=tmp_path / "plain", data={"root": root}, **given)
    monkeypatch.setenv("TTA_BENCH_CACHE", str(tmp_path / "empty"))
    data = {"root": root, "cache": tmp_path / "near"}
    (experiment,) = resolve(api.words({"protocol": protocol, "data": data, **given}))
    plan = api.start(experiment, tmp_path / "near runs", "missing").plan()
    assert f"clips are copied to {tmp_path / 'near'} first" in plan
    assert not (tmp_path / "near").exists()
    (copied,) = api.run(protocol, work_dir=tmp_path / "near runs", data=data, **given)
    assert (copied.identity, copied.metrics, copied.given) == (plain.identity, plain.metrics, plain.given)
    assert len([path for path in (tmp_path / "near").rglob("*") if path.is_file()]) > 5
