from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.data.clips import write_video
from tests.protocols.pretrain.test_run import FEW, SMALL, start
from tta_bench import api
from tta_bench.boards.web.curves import curves
from tta_bench.data.synthetic.ucf101 import generate_ucf101_sample
from tta_bench.engine.metrics_log import read_metrics
from tta_bench.engine.watch import Watch
from tta_bench.errors import UserError
from tta_bench.models.checkpoints.read import read_checkpoint
from tta_bench.protocols.base.weights import CHECKPOINT
from tta_bench.protocols.pretrain.neighbours import NeighbourCurve
from tta_bench.protocols.pretrain.run import Pretrain
from tta_bench.records.schema import Record
from tta_bench.records.store import read_record


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Eight clips to pre-train on, two steps an epoch, and a small UCF101 to look with."""
    root = tmp_path_factory.mktemp("data")
    for number in range(8):
        (root / "corpus/dance").mkdir(exist_ok=True, parents=True)
        write_video(root / f"corpus/dance/7{number:02}.mp4", frames=30 + number)
    ucf101 = generate_ucf101_sample(root / "ucf101", FEW)
    return {"data": {"root": root / "corpus", "roots": {"ucf101": ucf101}}}


@pytest.fixture(scope="module")
def watched(keys: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Pretrain, Record]:
    """A pre-training that was looked at after each of its two epochs."""
    work_dir = tmp_path_factory.mktemp("watched")
    run = start(work_dir, **keys, knn={"every": 1})
    (record,) = run.run()
    return work_dir, run, record


def test_the_last_point_is_what_the_protocol_reports_of_the_checkpoint(
    watched: tuple[Path, Pretrain, Record], keys: dict[str, Any]
) -> None:
    work_dir, run, record = watched
    roots = {"roots": {"ucf101": keys["data"]["roots"]["ucf101"]}}
    given = {"backbone": SMALL["backbone"], "runtime": SMALL["runtime"], "data": roots}
    (judged,) = api.run("ucf101_knn", weights=run.folder.name, work_dir=work_dir, **given)
    assert record.curve is not None
    assert [step for step, _ in record.curve.points] == [2, 4]
    assert record.curve.points[-1][1] == judged.metrics["top1"].value
    assert (record.curve.protocol, record.curve.dataset, record.curve.split) == ("ucf101_knn", "ucf101", 1)


def test_the_curve_is_logged_and_drawn(watched: tuple[Path, Pretrain, Record]) -> None:
    work_dir, run, record = watched
    lines = read_metrics(run.folder / "metrics.jsonl")
    assert record.curve is not None
    assert [(line["step"] + 1, line["knn"]) for line in lines if "knn" in line] == list(record.curve.points)
    assert "kNN accuracy" in dict(curves(lines))
    (file,) = (work_dir / "records").glob("tta_pretrain*.json")
    assert read_record(file) == record


def test_looking_changes_neither_the_weights_nor_the_name(
    watched: tuple[Path, Pretrain, Record], keys: dict[str, Any], tmp_path: Path
) -> None:
    _, run, record = watched
    plain = start(tmp_path, **keys)
    (without,) = plain.run()
    assert plain.folder.name == run.folder.name
    assert (without.identity, without.resolved) == (record.identity, record.resolved)
    assert without.curve is None
    assert without.metrics == record.metrics
    kept, own = (read_checkpoint(each.folder / CHECKPOINT)["model"] for each in (run, plain))
    assert all(torch.equal(kept[name], own[name]) for name in kept)
    assert start(tmp_path, **keys, knn={"every": 1}).run() == [without]


def test_the_plan_says_what_is_looked_at(watched: tuple[Path, Pretrain, Record], keys: dict[str, Any]) -> None:
    plan = start(watched[0], **keys, knn={"every": 2}).plan()
    assert "every 2 epochs by ucf101_knn, split 1, on ucf101: 8 test clips by 8 training clips" in plan


@pytest.mark.parametrize("asked", [{"protocol": "ucf101_linear"}, {"protocol": "ucf101_ft"}, {"split": 9}])
def test_a_protocol_or_split_that_cannot_look_is_refused_before_anything_is_spent(
    keys: dict[str, Any], tmp_path: Path, asked: dict[str, Any]
) -> None:
    with pytest.raises(UserError, match="vote of neighbours|split"):
        start(tmp_path, **keys, knn={"every": 1, **asked}).run()
    assert not [*tmp_path.glob("*/checkpoint.pt")]


def test_a_stop_in_a_look_is_heard_at_once(keys: dict[str, Any], tmp_path: Path) -> None:
    run = start(tmp_path, **keys, knn={"every": 1})
    watched, step = run.neighbours, run.build(8)
    assert isinstance(watched, NeighbourCurve)
    asked: list[int] = []

    def stopped() -> bool:
        asked.append(1)
        return len(asked) >= 3

    assert watched.accuracy(step.autoencoder, stopped) is None
    assert len(asked) < 24
    assert isinstance(run.training(step).watch, Watch)


def test_features_that_are_no_numbers_give_no_point(keys: dict[str, Any], tmp_path: Path) -> None:
    run = start(tmp_path, **keys, knn={"every": 1})
    step = run.build(8)
    with torch.no_grad():
        step.autoencoder.encoder.norm.weight.fill_(torch.inf)
        step.autoencoder.encoder.patch_embed.proj.weight.fill_(torch.nan)
    assert run.neighbours is not None
    assert run.neighbours.accuracy(step.autoencoder, lambda: False) is None
