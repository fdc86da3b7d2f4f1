from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records.some_intensities import some_intensities
from tta_bench.boards.web.confusion import (
    ClassFigure,
    class_figure,
    class_hits,
    confusion,
    emotion_figures,
    matrix_picture,
    mistakes,
)
from tta_bench.records.predictions import Outcomes, Predictions, collect


def class_figures(outcomes: Outcomes) -> list[ClassFigure]:
    return list(map(class_figure, *class_hits(outcomes)))


def predictions_of(pairs: list[tuple[int, int]], classes: int = 4) -> Predictions:
    """Return predictions of clips with a true class and the class with the highest score."""
    scores = np.zeros((len(pairs), classes), np.float32)
    scores[range(len(pairs)), [taken for _, taken in pairs]] = 1
    ids = [f"clip{n:03d}" for n in range(len(pairs))]
    names = [f"class {n} <b>" for n in range(classes)]
    return collect(ids, scores, [true for true, _ in pairs], [f"g{n % 5}" for n in range(len(pairs))], names)


pairs_of_four = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)


@given(pairs_of_four)
def test_the_matrix_counts_every_clip_once(pairs: list[tuple[int, int]]) -> None:
    predictions = predictions_of(pairs)
    matrix = confusion(predictions)
    assert matrix.sum() == len(pairs)
    assert np.trace(matrix) == sum(true == taken for true, taken in pairs)
    wrong = mistakes(matrix, predictions.classes)
    assert sum(line.clips for line in wrong) == len(pairs) - np.trace(matrix)
    assert [line.clips for line in wrong] == sorted((line.clips for line in wrong), reverse=True)


@given(pairs_of_four)
def test_class_figures_are_those_of_the_record(pairs: list[tuple[int, int]]) -> None:
    outcomes = predictions_of(pairs).outcomes()
    recorded, _ = outcomes.per_class()
    figures = class_figures(outcomes)
    assert {figure.name: figure.value for figure in figures} == pytest.approx(recorded)
    assert all(figure.low is not None and figure.low <= figure.value <= (figure.high or 0) for figure in figures)
    assert sum(figure.n for figure in figures) == len(pairs)


def test_one_group_says_next_to_nothing() -> None:
    scores = np.eye(2, dtype=np.float32)[[0] * 10]
    outcomes = collect([f"c{n}" for n in range(10)], scores, [0] * 10, ["g"] * 10, ["a", "b"]).outcomes()
    (figure,) = class_figures(outcomes)
    assert figure.value == 1
    assert figure.low is not None
    assert figure.low < 0.05


def test_emotions_have_fishers_interval_of_their_subjects() -> None:
    outcomes = some_intensities().outcomes()
    assert outcomes is not None
    figures = list(emotion_figures(outcomes))
    assert [figure.name for figure in figures] == list(outcomes.emotions)
    assert all(figure.low is None or figure.low <= figure.value <= (figure.high or 0) for figure in figures)


def test_the_picture_shows_what_is_not_empty_and_escapes_names() -> None:
    predictions = predictions_of([(0, 0), (1, 0), (2, 2), (3, 1)])
    drawn = matrix_picture(confusion(predictions), predictions.classes)
    root = ElementTree.fromstring(drawn)
    assert len([rect for rect in root.findall("rect") if "cell" in rect.get("class", "")]) == 4
    assert "class 1 <b> taken for class 0 <b>: 1" in [title.text for title in root.iter("title")]
    many = matrix_picture(np.eye(101, dtype=np.int64), tuple(map(str, range(101))))
    assert 'class="name"' not in many
    assert len(many) < 40_000
