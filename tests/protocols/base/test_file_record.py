from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tta_bench.config.prediction_file import resolve_scores
from tta_bench.errors import UserError
from tta_bench.protocols.base.file_record import check_ids, write_scored
from tta_bench.records.predictions import collect
from tta_bench.records.schema import Record
from tta_bench.records.score import Results, keep_results
from tta_bench.records.status import now
from tta_bench.records.store import load_records


def scored(folder: Path, text: str, *words: str) -> Record:
    """The record of two samples, both right, handed in as a file of this text."""
    for name in ("p.csv", "l.csv"):
        (folder / name).write_text(text)
    predictions = collect(["a", "b"], np.eye(2, dtype=np.float32), [0, 1], ["a", "b"], ("x", "y"))

    def keep(records: Path, stem: str) -> Results:
        return keep_results(predictions, records, stem, ranked_by="top1")

    files = [f"predictions={folder / 'p.csv'}", f"labels={folder / 'l.csv'}"]
    asked = resolve_scores(["protocol=ucf101_ft", *files, *words])
    return write_scored(asked, {"scores": "one for each class"}, keep, now(), folder)


def test_a_scored_file_leaves_a_whole_record_without_paths(tmp_path: Path) -> None:
    record = scored(tmp_path, "id,class\na,x\n", "backbone=net")
    assert load_records(tmp_path / "records") == [record]
    assert (record.origin, record.status, record.environment, record.cost) == ("scored", "success", None, None)
    assert (record.metrics["top1"].value, record.n_expected, record.n_scored) == (1.0, 2, 2)
    assert str(tmp_path) not in record.model_dump_json()
    assert "predictions=p.csv" in record.given


def test_other_contents_split_or_seed_are_another_record(tmp_path: Path) -> None:
    words = {"": "", "id,class\n": "", "split": "split=2", "seed": "seed=1"}
    keys = [scored(tmp_path, text, *filter(None, [word])).identity.run_key for text, word in words.items()]
    assert len(set(keys)) == 4
    assert scored(tmp_path, "seed", "seed=1").identity.run_key == keys[-1]


def test_ids_are_counted_and_lost_zeros_are_noticed() -> None:
    check_ids(["00002", "00001"], ["00001", "00002"])
    with pytest.raises(UserError, match="1 missing: 00003; 1 repeated: 00001; 1 not of this split: x") as caught:
        check_ids(["00001", "00001", "x", "00002"], ["00001", "00002", "00003"])
    assert caught.value.hint == ""
    with pytest.raises(UserError, match="2 missing.*2 not of this split: 1, 2") as caught:
        check_ids(["1", "2"], ["00001", "00002"])
    assert "leading zeros" in caught.value.hint


@pytest.mark.parametrize("given", ["v_7", "v_7.mp4", "'v_007", "v_07"])
def test_numbers_within_ids_lose_zeros_too(given: str) -> None:
    with pytest.raises(UserError, match="1 missing: v_007; 1 not of this split") as caught:
        check_ids([given], ["v_007"])
    assert f"{given} for v_007" in caught.value.hint
