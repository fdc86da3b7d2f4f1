from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Done
from tta_bench.config.resolve import resolve
from tta_bench.data.synthetic.ucf101 import SampleSettings, generate_ucf101_sample
from tta_bench.experiments.probe import FrozenExperiment
from tta_bench.protocols.probe.split import open_frozen_split


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = SampleSettings(groups=4, test_groups=1, clips=1, frames=4, width=16, height=16)
    folder = generate_ucf101_sample(tmp_path_factory.mktemp("data") / "ucf101", settings)
    lists = folder / "ucfTrainTestlist"
    for side in ("train", "test"):
        for split in (2, 3):
            (lists / f"{side}list0{split}.txt").write_bytes((lists / f"{side}list01.txt").read_bytes())
    return folder


def test_the_lists_are_those_that_train_shots_uses(root: Path, tmp_path: Path, command: Callable[..., Done]) -> None:
    words = ("ucf101", f"data.root={root}", "--into", tmp_path / "out", "--most", 2, "--folds", 2)
    done = command("data", "shots", *words)
    assert "6 lists of up to 2 clips of each of 8 classes" in done.out
    for fold, shots in ((0, 1), (1, 1), (1, 2)):
        asked = (f"train.shots={shots}", f"seed={fold}", f"data.root={root}", "runtime.workers=0")
        (experiment,) = resolve(("protocol=ucf101_knn", "weights=none", *asked))
        assert isinstance(experiment, FrozenExperiment)
        used = {sample.id for sample in open_frozen_split(experiment, tmp_path / "runs", 0).train}
        with (tmp_path / "out" / f"ucf101__split1_fold{fold}.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert {row["id"] for row in rows if int(row["shot"]) <= shots} == used


def test_more_shots_than_clips_and_data_without_classes_are_refused(
    root: Path, tmp_path: Path, command: Callable[..., Done]
) -> None:
    many = command("data", "shots", "ucf101", f"data.root={root}", "--into", tmp_path / "out", "--most", 4)
    assert (many.code, "8 classes have fewer training clips" in many.err) == (2, True)
    assert not (tmp_path / "out").exists()
    videos = command("data", "shots", "videos", f"data.root={root}", "--into", tmp_path / "out")
    assert (videos.code, "neither classes nor a split" in videos.err) == (2, True)
