"""Files of intensities in the challenges' form: a column of ids and one for each emotion, in any order."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tta_bench.data.datasets.reaction_tables import require_intensities
from tta_bench.errors import UserError, shorten
from tta_bench.records.files import read_predictions
from tta_bench.records.intensities import Intensities, Truth
from tta_bench.utils.files import write_atomic
from tta_bench.utils.tables import Table, bare, read_ids, read_numbers, read_table

ID = "File_ID"
"""Name of the column of ids in files that are written; those that are read may call it otherwise."""


@dataclass(frozen=True)
class Outputs:
    """Predicted intensities as in the file."""

    ids: tuple[str, ...]
    """Ids without brackets, perhaps repeated."""
    values: NDArray[np.float64]
    """``(N, K)`` in the order of the requested emotions."""


@dataclass(frozen=True)
class LabelForm:
    """The form of a file of labels."""

    emotions: tuple[str, ...]
    """Names of the columns of intensities."""
    parts: Mapping[str, Sequence[str]]
    """Words of the column Split, if there is one, for train, val and test."""
    subject: str = "Subject"
    """Name of the column of subjects, which may be missing."""
    optional: Sequence[str] = ()
    """Names of further columns that a file may have."""


def read_outputs(path: Path, emotions: Sequence[str]) -> Outputs:
    """Return the intensities in a CSV file of the challenge's form, or in a run's predictions (NPZ).

    Raises:
        UserError: A column is missing or unknown, the file is empty, or a value is no finite number; counts and names
            them.
    """
    if path.suffix.lower() == ".npz":
        return _read_npz(path, emotions)
    table = read_table(path)
    ids = [bare(text) or "(no id)" for text in table.column(require_intensities(table, emotions))]
    texts = list(zip(*(table.column(name) for name in emotions), strict=True))
    values = np.array([[_number(text) for text in row] for row in texts])
    wrong = [
        f"{name} ({emotions[column]} is {texts[row][column] or 'empty'})"
        for row, name in enumerate(ids)
        for column in np.flatnonzero(~np.isfinite(values[row]))[:1]
    ]
    if wrong:
        raise UserError(f"{path} has values that are no finite numbers in {len(wrong):,} rows: {shorten(wrong)}.")
    return Outputs(tuple(ids), values)


def read_truth(path: Path, form: LabelForm, part: str) -> Truth:
    """Return the labels of a part in a file like MuSe 2022's ``labels.csv`` or ABAW5's ``data_info.csv``.

    A file without a column Split lists that part alone.

    Raises:
        UserError: A column is missing or unknown, an id is repeated, no row is of this part, or a label is missing, no
            number or outside [0, 1]; counts and names them.
    """
    table = read_table(path)
    column = require_intensities(table, form.emotions, ("Split", form.subject, *form.optional))
    if table.find("Split"):
        table = _rows_of(table, part, form.parts[part])
    ids = read_ids(table, column)
    targets = {name: row for name, row in read_numbers(table, ids, form.emotions).items() if row is not None}
    if table.find(form.subject) is None:
        return Truth(form.emotions, targets)
    return Truth(form.emotions, targets, known_subjects(dict(zip(ids, table.column(form.subject), strict=True))))


def known_subjects(subjects: Mapping[str, str | None]) -> dict[str, str] | None:
    """Return the subject of each clip without brackets, or None unless all are known."""
    known = {name: bare(subject) for name, subject in subjects.items() if subject}
    return known if len(known) == len(subjects) else None


def write_outputs(
    path: Path, ids: Iterable[str], outputs: NDArray[np.floating], emotions: Sequence[str], id_style: str = "[{id}]"
) -> None:
    """Write intensities in the challenge's form, in single precision without loss.

    Args:
        path: The file.
        ids: The clips.
        outputs: ``(N, K)`` their intensities.
        emotions: Names of the ``K`` columns.
        id_style: Form of an id, with ``{id}`` in place of it.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([ID, *emotions])
    for name, row in zip(ids, outputs.astype(np.float32), strict=True):
        writer.writerow([id_style.replace("{id}", name), *map(str, row)])
    write_atomic(path, buffer.getvalue().encode())


def _read_npz(path: Path, emotions: Sequence[str]) -> Outputs:
    predictions = read_predictions(path)
    if not isinstance(predictions, Intensities) or sorted(predictions.emotions) != sorted(emotions):
        raise UserError(f"{path} has no intensities of {', '.join(emotions)}.")
    order = [predictions.emotions.index(name) for name in emotions]
    return Outputs(tuple(predictions.ids.tolist()), predictions.outputs[:, order].astype(np.float64))


def _rows_of(table: Table, part: str, words: Sequence[str]) -> Table:
    """Return the rows of one part by the column Split."""
    known = {word.casefold() for word in (part, *words)}
    kept = [row for row, word in enumerate(table.column("Split")) if word.casefold() in known]
    if not kept:
        present = sorted(set(table.column("Split")))
        raise UserError(f"{table.file} has no rows of the part {part}: its column Split says {shorten(present)}.")
    rows, lines = tuple(table.rows[row] for row in kept), tuple(table.lines[row] for row in kept)
    return Table(table.file, table.columns, rows, lines)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
