from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.records.some_intensities import some_intensities, some_truth
from tta_bench.data.datasets.hume_reaction import EMOTIONS, PARTS
from tta_bench.errors import UserError
from tta_bench.protocols.reaction.challenge_files import (
    LabelForm,
    known_subjects,
    read_outputs,
    read_truth,
    write_outputs,
)
from tta_bench.records.files import write_predictions

FORM = LabelForm(EMOTIONS, PARTS, optional=("Age", "Country"))
Row = dict[str, str]


def write(path: Path, rows: list[Row]) -> Path:
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    path.write_text("\n".join(lines))
    return path


def label_rows() -> list[Row]:
    """Return ABAW5's table with 6 clips of Val, 3 of Train and 2 of Test, which have no labels."""
    draw, rows = random.Random(0), []
    for place in range(11):
        split = ("Val", "Train", "Test")[(place > 5) + (place > 8)]
        values = ["" if split == "Test" else f"{draw.random():.4f}" for _ in EMOTIONS]
        rows.append({"File_ID": f"[{place:05d}]", "Split": split, **dict(zip(EMOTIONS, values, strict=True))})
    return [row | {"Age": "30", "Country": "United States"} for row in rows]


def output_rows() -> list[Row]:
    draw = random.Random(1)
    return [{"File_ID": f"[{place:05d}]", **{name: f"{draw.random():.4f}" for name in EMOTIONS}} for place in range(6)]


def shuffled(rows: list[Row], seed: int, bare: bool = False) -> list[Row]:
    """Return rows and columns in another order, ids perhaps without brackets."""
    draw = random.Random(seed)
    columns = draw.sample(list(rows[0]), len(rows[0]))
    turned = [{name: row[name].strip("[]") if bare else row[name] for name in columns} for row in rows]
    return draw.sample(turned, len(turned))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_any_order_of_rows_and_columns_is_read_rightly(
    tmp_path_factory: pytest.TempPathFactory, seed: int, bare: bool
) -> None:
    folder = tmp_path_factory.mktemp("files")
    plain = read_outputs(write(folder / "a.csv", output_rows()), EMOTIONS)
    turned = read_outputs(write(folder / "b.csv", shuffled(output_rows(), seed, bare)), EMOTIONS)
    order = np.argsort(turned.ids)
    assert [turned.ids[place] for place in order] == list(plain.ids) == [f"{place:05d}" for place in range(6)]
    assert np.array_equal(turned.values[order], plain.values)
    tables = label_rows(), shuffled(label_rows(), seed, bare)
    truth, other = (read_truth(write(folder / "c.csv", rows), FORM, "val") for rows in tables)
    assert truth.targets == other.targets
    assert sorted(truth.targets) == list(plain.ids)


def test_the_right_columns_are_read(tmp_path: Path) -> None:
    rows = output_rows()
    found = read_outputs(write(tmp_path / "a.csv", rows), EMOTIONS[::-1])
    assert found.values[0].tolist() == [float(rows[0][name]) for name in EMOTIONS[::-1]]


def test_labels_of_muse_2022_have_no_parts(tmp_path: Path) -> None:
    rows = [{name: row[name] for name in ("File_ID", *EMOTIONS)} for row in label_rows()[:6]]
    truth = read_truth(write(tmp_path / "labels.csv", rows), FORM, "val")
    assert len(truth.targets) == 6
    assert truth.groups is None


def test_subjects_are_read_where_all_are_known(tmp_path: Path) -> None:
    rows = [row | {"Subject": f"[{place // 2}]"} for place, row in enumerate(label_rows())]
    truth = read_truth(write(tmp_path / "labels.csv", rows), FORM, "val")
    assert truth.groups == {f"{place:05d}": str(place // 2) for place in range(6)}
    rows[0]["Subject"] = ""
    assert read_truth(write(tmp_path / "labels.csv", rows), FORM, "val").groups is None
    assert known_subjects({"a": None}) is None


def edit(column: str, value: str, row: int = 0) -> Callable[[list[Row]], object]:
    return lambda rows: rows[row].update({column: value})


def rename(old: str, new: str) -> Callable[[list[Row]], object]:
    def renamed(rows: list[Row]) -> None:
        rows[:] = [{new if name == old else name: value for name, value in row.items()} for row in rows]

    return renamed


def drop(column: str) -> Callable[[list[Row]], object]:
    return lambda rows: [row.pop(column) for row in rows]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (drop("Fear"), "1 columns are missing: Fear"),
        (rename("Fear", "Feer"), "1 columns are missing: Fear; 1 columns are unknown: Feer"),
        (rename("File_ID", "clip"), "1 columns are missing: File_ID"),
        (lambda rows: [row.update(Joy="1") for row in rows], "1 columns are unknown: Joy"),
        (edit("Fear", "nan"), r"no finite numbers in 1 rows: 00000 \(Fear is nan\)"),
        (edit("Fear", "", 3), r"no finite numbers in 1 rows: 00003 \(Fear is empty\)"),
        (edit("Fear", "high"), r"no finite numbers in 1 rows: 00000 \(Fear is high\)"),
        (edit("Fear", "inf"), r"no finite numbers in 1 rows: 00000 \(Fear is inf\)"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, spoil: Callable[[list[Row]], object], reason: str) -> None:
    rows = output_rows()
    spoil(rows)
    with pytest.raises(UserError, match=reason):
        read_outputs(write(tmp_path / "a.csv", rows), EMOTIONS)


@pytest.mark.parametrize("content", ["", "\n\n", f"File_ID,{','.join(EMOTIONS)}\n"])
def test_an_empty_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    for read in (lambda path: read_outputs(path, EMOTIONS), lambda path: read_truth(path, FORM, "val")):
        with pytest.raises(UserError, match=r"a\.csv is empty"):
            read(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (edit("Fear", "1.5"), r"outside 0 to 1 in 1 rows: 00000 \(1.5\)"),
        (edit("Fear", "-0.1", 2), r"outside 0 to 1 in 1 rows: 00002 \(-0.1\)"),
        (edit("Fear", ""), "empty or NaN values in 1 rows.*: 00000"),
        (edit("Fear", "much"), "no numbers in 1 rows: 00000"),
        (edit("File_ID", "[00001]"), "1 ids more than once: 00001"),
        (drop("Surprise"), "1 columns are missing: Surprise"),
        (lambda rows: [row.update(Joy="1") for row in rows], "1 columns are unknown: Joy"),
        (lambda rows: [row.update(Split="Train") for row in rows], "no rows of the part val: .* says Train"),
    ],
)
def test_wrong_labels_are_named(tmp_path: Path, spoil: Callable[[list[Row]], object], reason: str) -> None:
    rows = label_rows()
    spoil(rows)
    with pytest.raises(UserError, match=reason):
        read_truth(write(tmp_path / "labels.csv", rows), FORM, "val")


def test_labels_outside_the_part_do_not_matter(tmp_path: Path) -> None:
    rows = label_rows()
    rows[7]["Fear"] = "7"
    assert len(read_truth(write(tmp_path / "labels.csv", rows), FORM, "val").targets) == 6


def test_the_hidden_labels_of_the_test_part_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="empty or NaN values in 2 rows.*: 00009, 00010"):
        read_truth(write(tmp_path / "labels.csv", label_rows()), FORM, "test")


@pytest.mark.parametrize("style", ["[{id}]", "{id}"])
def test_what_was_written_is_read(tmp_path: Path, style: str) -> None:
    predictions = some_intensities()
    ids = predictions.ids.tolist()
    write_outputs(tmp_path / "out.csv", ids, predictions.outputs, EMOTIONS, style)
    first, second = (tmp_path / "out.csv").read_text().splitlines()[:2]
    assert first == "File_ID,Adoration,Amusement,Anxiety,Disgust,Empathic-Pain,Fear,Surprise"
    assert second.startswith(f"{style.format(id='00000')},")
    found = read_outputs(tmp_path / "out.csv", EMOTIONS)
    assert list(found.ids) == ids
    assert np.array_equal(found.values.astype(np.float32), predictions.outputs)


def test_predictions_of_a_run_can_be_handed_in(tmp_path: Path) -> None:
    predictions = some_intensities(truth=some_truth())
    ref = write_predictions(tmp_path / "p.npz", predictions)
    found = read_outputs(tmp_path / ref.name, EMOTIONS[::-1])
    assert np.array_equal(found.values, predictions.outputs[:, ::-1])
    with pytest.raises(UserError, match="has no intensities of Joy"):
        read_outputs(tmp_path / ref.name, ("Joy",))


@pytest.mark.parametrize("form", ["{}", "{}.mp4"])
def test_the_column_of_ids_may_be_called_filename(tmp_path: Path, form: str) -> None:
    outputs = [{"Filename": form.format(row.pop("File_ID")[1:-1]), **row} for row in output_rows()]
    assert read_outputs(write(tmp_path / "a.csv", outputs), EMOTIONS).ids[1] == form.format("00001")
    labels = [{"Filename": form.format(row.pop("File_ID")[1:-1]), **row} for row in label_rows()]
    assert form.format("00000") in read_truth(write(tmp_path / "b.csv", labels), FORM, "val").targets


@pytest.mark.parametrize("id", ["00000", "00001.mp4"])
def test_a_file_of_another_challenge_is_called_what_it_is(tmp_path: Path, id: str) -> None:
    six = ("Admiration", "Amusement", "Determination", "Empathic Pain", "Excitement", "Joy")
    file = write(tmp_path / "valid_split.csv", [{"Filename": id} | dict.fromkeys(six, "0.5")])
    for read in (lambda: read_outputs(file, EMOTIONS), lambda: read_truth(file, FORM, "val")):
        with pytest.raises(UserError, match="has the 6 intensities of Hume-Vidmimic2"):
            read()
