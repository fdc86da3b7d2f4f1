from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.records.some_intensities import some_intensities, some_truth
from tests.records.some_records import some_predictions
from tta_bench.data.datasets.hume_reaction import EMOTIONS
from tta_bench.errors import UserError
from tta_bench.records.files import (
    fetch_predictions,
    read_outcomes,
    read_predictions,
    write_outcomes,
    write_predictions,
)
from tta_bench.records.intensities import (
    Intensities,
    IntensityOutcomes,
)
from tta_bench.records.schema import FileRef


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


ODD = {
    "a number": np.float32(1),
    "dates": np.zeros(96, "datetime64[s]"),
    "pairs": np.zeros((96, 2), np.uint8),
    "a structure": np.zeros(96, [("a", "u1")]),
    "whole numbers with a sign": np.zeros(96, np.int64),
    "complex numbers": np.zeros(96, np.complex64),
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("name", ["ranks", "keys", "groups"])
def test_odd_arrays_are_named(tmp_path: Path, name: str, kind: str) -> None:
    arrays = {key: np.asarray(value) for key, value in vars(some_predictions().outcomes()).items() if value is not None}
    np.savez(tmp_path / "odd.npz", **(arrays | {name: ODD[kind]}))
    with pytest.raises(UserError, match=f"{name} is an array of"):
        read_outcomes(tmp_path / "odd.npz")


@pytest.mark.parametrize("name", ["classes", "ids"])
def test_texts_without_a_length_are_named(tmp_path: Path, name: str) -> None:
    header = "{'descr': '<U0', 'fortran_order': False, 'shape': (8,), }".ljust(117) + "\n"
    np.savez(tmp_path / "p.npz", **{key: value for key, value in vars(some_predictions()).items() if value is not None})
    with zipfile.ZipFile(tmp_path / "p.npz") as kept, zipfile.ZipFile(tmp_path / "odd.npz", "w") as odd:
        for member in kept.namelist():
            odd.writestr(member, kept.read(member) if member != f"{name}.npy" else NO_LENGTH + header.encode())
    with pytest.raises(UserError, match=f"{name} is an array of <U0"):
        read_predictions(tmp_path / "odd.npz")


NO_LENGTH = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little")
"""Beginning of an array's file whose header has 118 characters."""


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"scores": np.full((96, 8), np.nan)}, "no finite numbers"),
        ({"scores": np.zeros((96, 7))}, "do not fit 8 names"),
        ({"labels": np.full(96, 8)}, "labels are not those of 8 classes"),
        ({"labels": np.full(96, -1)}, "labels are not those of 8 classes"),
        ({"ids": np.full(96, "one")}, "ids name one thing twice"),
        ({"classes": np.array(["\x1b[31m", *"abcdefg"])}, "signs that are not seen"),
    ],
)
def test_senseless_predictions_are_named(tmp_path: Path, changes: dict[str, np.ndarray], named: str) -> None:
    arrays = {key: np.asarray(value) for key, value in vars(some_predictions()).items() if value is not None}
    np.savez(tmp_path / "p.npz", **(arrays | changes))
    with pytest.raises(UserError, match=named):
        read_predictions(tmp_path / "p.npz")


@pytest.mark.parametrize("place", range(0, 100, 7))
def test_damaged_files_are_named(tmp_path: Path, place: int) -> None:
    ref = write_outcomes(tmp_path / "o.npz", some_predictions().outcomes())
    content = bytearray((tmp_path / ref.name).read_bytes())
    at = place * len(content) // 100
    content[at : at + 8] = b"\xff" * 8
    (tmp_path / "damaged.npz").write_bytes(content)
    try:
        read_outcomes(tmp_path / "damaged.npz")
        said = "damaged.npz"  # these bytes tell nothing
    except UserError as error:
        said = error.message
    assert "damaged.npz" in said
    assert len(said.splitlines()) == 1


def test_published_predictions_are_fetched_once_and_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def download(address: str, path: Path, sha256: str | None, most: int | None) -> None:
        asked.append((address, sha256, most))
        path.write_bytes(b"predictions")

    monkeypatch.setattr("tta_bench.utils.download.download", download)
    ref = FileRef(name="p.npz", sha256="a" * 64, address="https://example.org/p.npz", bytes=11)
    fetch_predictions(ref, tmp_path)
    fetch_predictions(ref, tmp_path)
    fetch_predictions(FileRef(name="q.npz", sha256="a" * 64), tmp_path)
    assert asked == [("https://example.org/p.npz", "a" * 64, 11)]
