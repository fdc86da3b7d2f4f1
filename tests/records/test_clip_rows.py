from __future__ import annotations

import numpy as np
import pytest

from tests.records.some_intensities import some_intensities
from tests.records.some_records import some_predictions
from tta_bench.records.clip_rows import clip_rows
from tta_bench.records.intensities import Intensities
from tta_bench.records.predictions import collect


def test_a_clip_has_its_classes_its_rank_and_every_score() -> None:
    scores = np.array([[0.25, 0.5, 0.25], [0.75, 0.25, 0.0]])
    rows = clip_rows(collect(["b", "a"], scores, [0, 0], ["g", "h"], ["walk", "run", "sit"]))
    assert [row["id"] for row in rows] == ["a", "b"]
    assert rows[0] == {
        "id": "a",
        "group": "h",
        "label": "walk",
        "taken": "walk",
        "rank": 0,
        "score of walk": 0.75,
        "score of run": 0.25,
        "score of sit": 0.0,
    }
    assert (rows[1]["taken"], rows[1]["rank"]) == ("run", 2)  # a tie is above


def test_hits_are_those_of_the_record() -> None:
    kept = some_predictions()
    assert [row["rank"] for row in clip_rows(kept)] == kept.outcomes().ranks.tolist()


@pytest.mark.parametrize("known", [True, False])
def test_intensities_have_their_labels_where_these_are_kept(known: bool) -> None:
    kept = some_intensities()
    kept = kept if known else Intensities(kept.ids, kept.outputs, kept.emotions)
    rows = clip_rows(kept)
    assert [row["id"] for row in rows] == kept.ids.tolist()
    assert np.array_equal([[row[name] for name in kept.emotions] for row in rows], kept.outputs)
    assert ("true " + kept.emotions[0] in rows[0]) == known


def test_a_frame_has_a_row_for_each_clip() -> None:
    pytest.importorskip("pandas")
    frame = clip_rows(some_predictions()).to_frame()
    assert frame.shape[0] == len(some_predictions().ids)
    assert list(frame.columns[:5]) == ["id", "group", "label", "taken", "rank"]
