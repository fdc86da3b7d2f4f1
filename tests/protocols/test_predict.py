from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.protocols.probe.test_run import HEADS, frozen
from tta_bench import api
from tta_bench.data.synthetic.ucf101 import SampleSettings, generate_ucf101_sample
from tta_bench.errors import UserError
from tta_bench.protocols.predict import Finder
from tta_bench.records.files import read_predictions
from tta_bench.records.schema import Record
from tta_bench.records.store import file_stem


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = SampleSettings(groups=4, test_groups=1, clips=1, frames=30, width=32, height=24)
    return generate_ucf101_sample(tmp_path_factory.mktemp("data") / "ucf101", settings)


def stored(record: Record, work_dir: Path, name: str) -> np.ndarray[Any, Any]:
    assert record.predictions is not None
    found: Any = read_predictions(work_dir / "records" / record.predictions.name)
    return np.asarray(found.scores[list(found.ids).index(name)])


def tuned(root: Path, work_dir: Path) -> Record:
    words = ("protocol=ucf101_ft", f"data.root={root}", "backbone=videomaev2_vit_tiny", "weights=none", "train.steps=2")
    words += ("train.batch=4", "train.views=1", "clip.size=16", "clip.frames=4", "clip.span=8", "runtime.workers=0")
    (record,) = api.run_all(api.experiments((*words, "eval.segments=2"), ()), work_dir, "missing")
    return record


@pytest.mark.parametrize("head", [*HEADS, "ft"])
def test_a_test_clip_gets_the_scores_of_the_record(head: str, root: Path, tmp_path: Path) -> None:
    record = tuned(root, tmp_path) if head == "ft" else frozen(root, tmp_path, head).run()[0]
    predictor = Finder(file_stem(record), tmp_path, (), ()).predictor()
    path = sorted((root / "UCF-101").rglob("*_g04_*.avi"))[3]
    try:
        expected = stored(record, tmp_path, path.stem)
    except ValueError:
        path = sorted((root / "UCF-101").rglob("*_g01_*.avi"))[3]
        expected = stored(record, tmp_path, path.stem)
    assert np.abs(predictor.whole(path).astype(expected.dtype) - expected).max() <= 1e-6
    windows = list(predictor.along(path, 0.4))
    assert len(windows) > 1
    assert all(window.scores.sum() == pytest.approx(1, abs=1e-4) for window in windows)


def test_a_run_is_named_by_its_folder_its_record_or_the_records_file(root: Path, tmp_path: Path) -> None:
    run = frozen(root, tmp_path, "knn")
    (record,) = run.run()
    names = [
        run.folder.name,
        str(run.folder),
        file_stem(record),
        str(tmp_path / "records" / f"{file_stem(record)}.json"),
    ]
    for name in names:
        assert Finder(name, tmp_path, (), ()).found[1] == run.folder
    with pytest.raises(UserError, match="there is no finished run 'ucf101_knm"):
        Finder("ucf101_knm", tmp_path, (), ()).predictor()


def test_a_model_that_is_gone_is_named(root: Path, tmp_path: Path) -> None:
    run = frozen(root, tmp_path, "knn")
    (record,) = run.run()
    (run.folder / "head.pt").unlink()
    with pytest.raises(UserError, match=r"head\.pt is not there"):
        Finder(file_stem(record), tmp_path, (), ()).predictor()
