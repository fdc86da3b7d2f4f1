"""Files of class scores or labels from elsewhere: CSV or NPZ, rows and columns in any order."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tta_bench.errors import UserError, did_you_mean, shorten
from tta_bench.utils.printable import one_line
from tta_bench.utils.tables import plain, read_cells

FORM = (
    "Expected: a CSV file with a column id and either a column for each class (scores, higher is better) or a column "
    "class; or an NPZ file with the arrays ids, scores and classes."
)


@dataclass(frozen=True)
class ClassScores:
    """Class scores as in the file."""

    ids: tuple[str, ...]
    classes: tuple[str, ...]
    """Names of the columns of the scores."""
    scores: NDArray[np.floating]
    """``(N, C)``, higher is better."""
    best_only: bool = False
    """True if the file names only the best class of each sample; then its score is 1 and every other 0."""


@dataclass(frozen=True)
class Labels:
    """True classes as in the file."""

    ids: tuple[str, ...]
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    """The source of each sample; its id where the file has no column group."""
    spare: tuple[str, ...] = ()
    """Classes that the file names though no sample has them."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, sorted."""
        return tuple(sorted({*self.labels, *self.spare}))


def read_class_scores(path: Path) -> ClassScores:
    """Return the scores in a file, as precise as they are: one for each class, or only each sample's best class.

    Raises:
        UserError: The file has another form, or some of its scores are no numbers; names them.
    """
    if path.suffix.lower() == ".npz":
        return _read_npz(path)
    _refuse_binary(path)
    columns, rows = _read_csv(path, ["id"])
    classes = [name for name in columns if name != "id"]
    if nameless := [number for number, name in enumerate(columns, 1) if not name]:
        raise UserError(
            f"{path}: column {nameless[0]} has no name, so it is no class (an index that pandas wrote?).",
            "Leave it out: df.to_csv(FILE, index=False).",
        )
    if classes == ["class"]:
        return _best_class([row["id"] for row in rows], [row["class"] for row in rows])
    if len(classes) < 2:
        raise UserError(f"{path} has only the columns {shorten(columns)}.", FORM)
    cells, wrong = np.full((len(rows), len(classes)), np.nan), []
    for index, row in enumerate(rows):
        try:
            cells[index] = [float(row[name]) for name in classes]
        except ValueError:
            wrong.append(row["id"] or "(no id)")
    if wrong:
        raise _no_number(path, rows, classes, wrong)
    return ClassScores(tuple(row["id"] for row in rows), tuple(classes), cells)


def read_labels(path: Path) -> Labels:
    """Return the true classes in a CSV file with the columns id and label, and perhaps group.

    A line with a label and no id names a class that no sample has.

    Raises:
        UserError: A column is missing, or a sample has no label.
    """
    _refuse_binary(path)
    columns, rows = _read_csv(path, ["id", "label"])
    spare = tuple(dict.fromkeys(row["label"] for row in rows if not row["id"] and row["label"]))
    rows = [row for row in rows if row["id"] or not row["label"]]
    if empty := [row["id"] for row in rows if not row["label"]]:
        raise UserError(f"{path}: {len(empty):,} samples have no label: {shorten(empty)}.")
    group = "group" if "group" in columns else "id"
    ids, labels, groups = (tuple(row[name] for row in rows) for name in ("id", "label", group))
    return Labels(ids, labels, groups, spare)


def columns_as_listed(given: ClassScores, classes: Sequence[str]) -> NDArray[np.floating]:
    """Return scores with their columns in the order of these classes.

    Raises:
        UserError: There are columns of other classes, or none for some; names them.
    """
    if strange := [name for name in given.classes if name not in classes]:
        raise UserError(
            f"{len(strange):,} classes of the file are not among the {len(classes):,} known ones: {shorten(strange)}.",
            did_you_mean(strange[0], classes),
        )
    absent = [name for name in classes if name not in given.classes]
    if absent and not given.best_only:
        raise UserError(f"the file has no column for {len(absent):,} of {len(classes):,} classes: {shorten(absent)}.")
    scores = np.zeros((len(given.ids), len(classes)), np.result_type(given.scores, np.float32))
    scores[:, [classes.index(name) for name in given.classes]] = given.scores
    return scores


def require_classes(given: ClassScores, labels: Labels, path: Path) -> None:
    """Check that the classes of a file of scores are those of the labels: neither an index, a count nor a number.

    A column that is no class would compete with the classes; a class under another name would never be right.

    Args:
        given: The scores.
        labels: The labels.
        path: File of the labels, for messages.

    Raises:
        UserError: A class of either file is not in the other; names them, and what each could be.
    """
    known = set(labels.classes)
    strange = [name for name in given.classes if name not in known]
    absent = [] if given.best_only else [name for name in labels.classes if name not in given.classes]
    if not strange and not absent:
        return
    what = "best classes" if given.best_only else "columns"
    said = [f"{len(strange):,} {what} are the label of no sample of {path}: {shorten(strange)}"] if strange else []
    said += [f"{len(absent):,} classes of {path} have no column: {shorten(absent)}"] if absent else []
    written = {plain(name): name for name in labels.classes}
    respelt = [(name, written[plain(name)]) for name in strange if plain(name) in written]
    if respelt:
        hint = f"Write '{respelt[0][1]}' for '{respelt[0][0]}': a class has one spelling in both files."
    elif strange and all(name.lstrip("-").isdigit() for name in strange):
        hint = "These are numbers; write the classes' names, as in the labels."
    else:
        hint = f"Leave out what is no class; a class without a sample is a line of {path.name} with a label and no id."
    raise UserError("; ".join(said) + ".", hint)


def _no_number(path: Path, rows: Sequence[dict[str, str]], classes: Sequence[str], wrong: Sequence[str]) -> UserError:
    """Return the error for scores that are no numbers: the first with its column and value, and what it may be."""
    column, value, id = next(
        (name, row[name], row["id"]) for row in rows for name in classes if not _is_number(row[name])
    )
    hint = FORM
    if value.endswith("%") and _is_number(value[:-1]):
        hint = "Leave out the signs %: scores are plain numbers, higher is better."
    elif _is_number(value.replace(",", ".", 1)):
        hint = "Write decimals with a point, not with a comma."
    elif all(not _is_number(row[column]) for row in rows):
        hint = f"If {column} is no class, leave that column out."
    text = f"{path}: {len(wrong):,} samples have a score that is no number: {shorten(wrong)}"
    return UserError(f"{text}; {column} of {id or '(no id)'} is '{value}'.", hint)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _best_class(ids: Sequence[str], best: Sequence[str]) -> ClassScores:
    classes = sorted(set(best))
    scores = np.array(best)[:, None] == np.array(classes)
    return ClassScores(tuple(ids), tuple(classes), scores.astype(np.float32), best_only=True)


def _read_csv(path: Path, needed: Sequence[str]) -> tuple[list[str], list[dict[str, str]]]:
    """Return the columns of a CSV file and its rows; class names keep their case and signs."""
    columns, rows = read_cells(path, FORM)
    if absent := [name for name in needed if name not in columns]:
        raise UserError(f"{path} has no column {shorten(absent)}; it has {shorten(columns) or 'none'}.", FORM)
    if twice := sorted({name for name in columns if columns.count(name) > 1}):
        raise UserError(f"{path} has several columns called {shorten(twice)}.")
    if not rows:
        raise UserError(f"{path} has no rows.", FORM)
    return columns, [dict(zip(columns, row, strict=True)) for row in rows.values()]


def _read_npz(path: Path) -> ClassScores:
    try:
        with np.load(path, allow_pickle=False) as file:
            ids, scores, classes = (_array(path, file, name) for name in ("ids", "scores", "classes"))
    except (OSError, ValueError, EOFError, KeyError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path} holds no scores: {one_line(str(error))}.", FORM) from None
    except (NotImplementedError, RuntimeError, SyntaxError, TypeError, struct.error) as error:  # of a damaged archive
        raise UserError(f"{path} holds no scores: {one_line(str(error))}.", FORM) from None
    if ids.ndim != 1 or classes.ndim != 1:
        raise UserError(f"{path}: ids and classes are lists, of shapes {ids.shape} and {classes.shape} here.", FORM)
    if scores.dtype.kind not in "fiu":
        raise UserError(f"{path}: scores are numbers of the type {scores.dtype}, and real ones are ranked.", FORM)
    if scores.ndim != 2 or scores.shape != (len(ids), len(classes)):
        raise UserError(
            f"{path}: scores of shape {scores.shape} do not fit {len(ids):,} ids and {len(classes)} classes."
        )
    names = _texts(classes, path)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"{path} has several classes called {shorten(twice)}.")
    return ClassScores(_texts(ids, path), names, scores)


def _texts(array: NDArray[np.generic], path: Path) -> tuple[str, ...]:
    """Return the texts in an array; bytes, as HDF5 files keep them, are UTF-8."""
    try:
        return tuple(value.decode() if isinstance(value, bytes) else str(value) for value in array.tolist())
    except UnicodeDecodeError:
        raise UserError(f"{path}: its ids or classes are bytes that are no UTF-8.", "Store texts.") from None


def _array(path: Path, file: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any]:
    """Return an array of an NPZ file by its name.

    Raises:
        UserError: There is none, or it holds Python objects, which would be unpickled.
    """
    if name not in file:
        raise UserError(f"{path} holds no array {name}; it has {shorten(sorted(file)) or 'none'}.", FORM)
    try:
        return file[name]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        right = "np.asarray(scores, float)" if name == "scores" else f"np.array({name}, str)"
        raise UserError(f"{path}: {name} is an array of Python objects.", f"Store {right} in its place.") from None


_KINDS = {
    b"\x80": "a pickle, which is never opened: it can run code",
    b"PK": "a ZIP archive (an NPZ or XLSX file, perhaps)",
    b"\x93NUMPY": "a NumPy array without ids",
    b"\x89HDF": "an HDF5 file",
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "compressed by gzip",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
    b"{": "a JSON document",
    b"[": "a JSON document",
}
"""Kinds of files that are no text, by their first bytes."""


def _refuse_binary(path: Path) -> None:
    """Refuse a file that is no text by what it is.

    Raises:
        UserError: It is one of the kinds that scores are kept in elsewhere.
    """
    try:
        with path.open("rb") as file:
            begin = file.read(8)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from None
    kind = next((kind for start, kind in _KINDS.items() if begin.startswith(start)), None)
    if kind is not None:
        raise UserError(f"{path} is {kind}.", FORM)
