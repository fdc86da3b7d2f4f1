from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.records.some_intensities import some_intensities, some_truth
from tests.records.some_records import some_predictions
from tta_bench.data.datasets.hume_reaction import EMOTIONS
from tta_bench.errors import UserError
from tta_bench.records.files import read_outcomes, read_predictions, write_outcomes, write_predictions
from tta_bench.records.intensities import (
    Intensities,
    IntensityOutcomes,
)


def same(a: object, b: object) -> bool:
    return all(np.array_equal(value, vars(b)[name]) for name, value in vars(a).items() if value is not None)


@pytest.mark.parametrize("reverse", [False, True])
def test_what_was_written_is_read(tmp_path: Path, reverse: bool) -> None:
    predictions = some_predictions(reverse=reverse)
    ref = write_predictions(tmp_path / "p.npz", predictions)
    assert same(predictions, read_predictions(tmp_path / ref.name))
    outcomes = predictions.outcomes()
    ref = write_outcomes(tmp_path / "o.npz", outcomes)
    read = read_outcomes(tmp_path / ref.name)
    assert same(outcomes, read)
    assert (read.reversed_ranks is not None) == reverse


def test_equal_predictions_give_equal_files(tmp_path: Path) -> None:
    one, two = some_predictions(), some_predictions()
    assert write_predictions(tmp_path / "p.npz", one) == write_predictions(tmp_path / "p.npz", two)
    assert len(list(tmp_path.iterdir())) == 1


def test_other_predictions_do_not_overwrite_them(tmp_path: Path) -> None:
    names = {write_predictions(tmp_path / "p.npz", some_predictions(salt=salt)).name for salt in "ab"}
    assert len(names) == 2


def test_what_holds_no_predictions_is_named(tmp_path: Path) -> None:
    outcomes = write_outcomes(tmp_path / "o.npz", some_predictions().outcomes()).name
    np.savez(tmp_path / "objects.npz", ids=np.array([{}], dtype=object))
    (tmp_path / "text.npz").write_text("ids")
    for name in (outcomes, "objects.npz", "text.npz", "absent.npz"):
        with pytest.raises(UserError, match=name):
            read_predictions(tmp_path / name)


@pytest.mark.parametrize("known", [True, False])
def test_what_was_written_is_read_as_its_kind(tmp_path: Path, known: bool) -> None:
    predictions = some_intensities(truth=some_truth(known=known))
    ref = write_predictions(tmp_path / "p.npz", predictions)
    assert same(predictions, read_predictions(tmp_path / ref.name))
    outcomes = predictions.outcomes()
    ref = write_outcomes(tmp_path / "o.npz", outcomes)
    assert same(outcomes, read_outcomes(tmp_path / ref.name))


def test_arrays_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    predictions = some_intensities()
    fewer = Intensities(predictions.ids[1:], predictions.outputs, EMOTIONS)
    with pytest.raises(UserError, match="differ in length"):
        read_predictions(tmp_path / write_predictions(tmp_path / "p.npz", fewer).name)
    ref = write_outcomes(tmp_path / "o.npz", predictions.outcomes())
    with pytest.raises(UserError, match="holds no intensities"):
        read_predictions(tmp_path / ref.name)
    assert isinstance(read_outcomes(tmp_path / ref.name), IntensityOutcomes)
