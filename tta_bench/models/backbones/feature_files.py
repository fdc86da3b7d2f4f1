"""Precomputed features as a backbone: one CSV or NPY file for each clip, of any length."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tta_bench.errors import UserError, shorten
from tta_bench.registry import BACKBONES
from tta_bench.utils.tables import plain, read_cells

TIMES = ("", "approxtime", "frame", "index", "time", "timestamp", "unnamed0")
OWNERS = ("faceid", "file", "fileid", "id", "input", "name", "segmentid", "subjectid")
METADATA = frozenset((*TIMES, *OWNERS, "confidence", "success"))
"""Columns that are no features, in lower case without signs: OpenFace's, py-feat's, openSMILE's and MuSe's."""


@BACKBONES.register_module()
class FeatureFiles:
    """Ready features, such as OpenFace, py-feat, DeepSpectrum or the MuSe challenges give: a file for each clip.

    Called with a clip's CSV or NPY file it gives ``float32 (T', D)``, NaN where the file has gaps. Columns of a CSV
    file that hold words, or are known to say when and whose a row is, are no features.

    Args:
        name: The folder below ``feats`` of the dataset.
        metadata: So many first columns of a CSV file are no features; by default their names decide.
    """

    def __init__(self, name: str, metadata: int | None = None) -> None:
        self.name, self._metadata = name, metadata

    def __call__(self, path: Path) -> NDArray[np.float32]:
        """Return a clip's features, ``float32 (T', D)``.

        A file with a header only has no rows.

        Raises:
            UserError: The file is empty or cannot be read, or nothing in it is a feature.
        """
        values = _read_npy(path) if path.suffix.lower() == ".npy" else _read_csv(path, self._metadata)
        if not values.shape[1]:
            raise UserError(f"{path} has no features: {len(values):,} rows of {values.shape[1]} columns.")
        return values


def _read_npy(path: Path) -> NDArray[np.float32]:
    """Return an array of one or two dimensions as ``float32 (T', D)``."""
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as NPY: {error}") from error
    if values.ndim not in (1, 2) or values.dtype.kind not in "fiub":
        raise UserError(f"{path} holds {values.dtype} {values.shape}, not numbers (D,) or (T, D).")
    return np.atleast_2d(values).astype(np.float32)


def _read_csv(path: Path, metadata: int | None) -> NDArray[np.float32]:
    """Return the columns that are features as ``float32 (T', D)``, NaN for empty cells."""
    names, lines = read_cells(path)
    rows = list(lines.values())
    named = [name for name in names if name]
    counted = named == [str(number) for number in range(len(named))]  # as pandas numbers columns without names
    if named and not counted and not any(map(_is_word, named)):
        raise UserError(
            f"{path} has no header: its first line, {shorten([repr(name) for name in names], 3)}, is numbers.",
            "The first line of a CSV file of features names its columns; files without names can be NPY.",
        )
    columns = [np.array([_number(row[index]) for row in rows]) for index in range(len(names))]
    kept = range(metadata, len(names)) if metadata is not None else _features(names, rows)
    if words := [names[index] for index in kept if any(_is_word(row[index]) for row in rows)]:
        raise UserError(f"{path} has words in columns of features: {shorten(words)}.")
    values = [columns[index] for index in kept]
    return np.stack(values, axis=1).astype(np.float32) if values else np.zeros((len(rows), 0), np.float32)


def _features(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the indices of the columns that are features: not known as metadata, and not all of them words."""
    return [
        index
        for index, name in enumerate(map(plain, names))
        if name not in METADATA and not (rows and all(_is_word(row[index]) for row in rows))
    ]


def _number(text: str) -> float:
    """Return a text's number, or NaN."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _is_word(text: str) -> bool:
    """Return True if a text is neither empty nor a number."""
    try:
        float(text or 0)
    except ValueError:
        return True
    return False
