"""Predictions and outcomes on disk, as compressed arrays: the names of its arrays say which kind a file is of."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from tta_bench.errors import UserError
from tta_bench.records.arrays import file_of_arrays, read_arrays
from tta_bench.records.intensities import Intensities, IntensityOutcomes
from tta_bench.records.limits import plain
from tta_bench.records.predictions import Outcomes, Predictions
from tta_bench.records.schema import LARGEST_PUBLISHED, FileRef
from tta_bench.utils.files import write_atomic
from tta_bench.utils.paths import cache_folder

AnyPredictions = Predictions | Intensities
"""All of a model's results, sample by sample, with the samples' names."""
AnyOutcomes = Outcomes | IntensityOutcomes
"""The part of them that boards are made of, without names."""

_Kind = TypeVar("_Kind", Predictions, Intensities, Outcomes, IntensityOutcomes)
_LISTS = {"classes", "emotions"}
"""Arrays that are not of one value, or row, for each sample."""

_FORMS = {
    **dict.fromkeys(("ids", "classes", "emotions"), ("U", 1)),
    "groups": ("Uu", 1),
    **dict.fromkeys(("keys", "subjects", "ranks", "reversed_ranks"), ("u", 1)),
    **dict.fromkeys(("labels", "reversed_labels"), ("iu", 1)),
    **dict.fromkeys(("scores", "outputs", "targets"), ("f", 2)),
    **dict.fromkeys(("tied", "tied_below", "reversed_tied"), ("u", 1)),
    "leaked": ("b", 1),
}
"""Kinds of values of each array, as NumPy names them, and its number of axes."""


def write_predictions(path: Path, predictions: AnyPredictions) -> FileRef:
    """Write predictions and return the file: ``path`` with a part of its digest before the ending.

    Equal predictions give equal bytes. Because of the digest, of two runs of one experiment neither overwrites the file
    that the other's record refers to.
    """
    return _write(path, predictions)


def write_outcomes(path: Path, outcomes: AnyOutcomes) -> FileRef:
    """Write outcomes and return the file, named as ``write_predictions`` does."""
    return _write(path, outcomes)


def read_predictions(path: Path) -> AnyPredictions:
    """Return the predictions in a file.

    Raises:
        UserError: The file is not such a file, or its arrays do not fit together.
    """
    return predictions_in(_bytes_of(path, "predictions"), path)


def read_outcomes(path: Path) -> AnyOutcomes:
    """Return the outcomes in a file.

    Raises:
        UserError: The file is not such a file, or its arrays do not fit together.
    """
    return outcomes_in(_bytes_of(path, "outcomes"), path)


def predictions_in(content: bytes, path: Path) -> AnyPredictions:
    """Return the predictions in the bytes of a file, as `read_predictions` does."""
    arrays = _arrays(content, path, "predictions")
    return _built(path, Intensities, arrays) if "outputs" in arrays else _built(path, Predictions, arrays)


def outcomes_in(content: bytes, path: Path) -> AnyOutcomes:
    """Return the outcomes in the bytes of a file, as `read_outcomes` does."""
    arrays = _arrays(content, path, "outcomes")
    return _built(path, IntensityOutcomes, arrays) if "outputs" in arrays else _built(path, Outcomes, arrays)


def fetched_folder() -> Path:
    """Return the folder of published predictions that were fetched, or published from here."""
    return cache_folder() / "predictions"


def fetch_predictions(ref: FileRef, folder: Path) -> None:
    """Fetch published predictions into a folder, unless they are there.

    Args:
        ref: The file, with its address.
        folder: The folder; what comes is checked before it stands there.

    Raises:
        UserError: The address does not give the file, or gives another or a larger one.
    """
    if ref.address is not None and not (folder / ref.name).exists():
        from tta_bench.utils.download import download  # readers of files need no network, whose modules take a while

        download(ref.address, folder / ref.name, ref.sha256, ref.bytes or LARGEST_PUBLISHED)


def _write(path: Path, samples: AnyPredictions | AnyOutcomes) -> FileRef:
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {name: np.asarray(value) for name, value in vars(samples).items() if value is not None}
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    content = buffer.getvalue()
    sha256 = hashlib.sha256(content).hexdigest()
    ref = FileRef(name=f"{path.stem}.{sha256[:8]}{path.suffix}", sha256=sha256)
    write_atomic(path.with_name(ref.name), content)
    return ref


def _bytes_of(path: Path, content: str) -> bytes:
    try:
        return file_of_arrays(path)
    except (OSError, ValueError) as error:
        raise _no_file_of(content, path, error) from None


def _arrays(data: bytes, path: Path, content: str) -> dict[str, Any]:
    try:
        return read_arrays(data)
    except Exception as error:  # a damaged archive makes zipfile, zlib and NumPy raise whatever they like
        raise _no_file_of(content, path, error) from None


def _no_file_of(content: str, path: Path, error: Exception) -> UserError:
    cause = " ".join(str(error).split()) or type(error).__name__
    return UserError(f"{path} holds no {content}: {plain(cause)[:200]}.")


def _built(path: Path, kind: type[_Kind], arrays: dict[str, Any]) -> _Kind:
    """Return arrays as a kind, if they are those of its fields and of one length."""
    fields = {field.name: field.default for field in dataclasses.fields(kind)}
    needed = {name for name, default in fields.items() if default is dataclasses.MISSING}
    if not needed <= arrays.keys() <= fields.keys():
        raise UserError(f"{path} holds no {kind.__name__.lower()}: it has the arrays {sorted(arrays)}.")
    for name, array in arrays.items():
        kinds, shape = _FORMS[name]
        if array.dtype.kind not in kinds or array.ndim != shape or not array.dtype.itemsize:
            raise UserError(f"{path}: {name} is an array of {array.dtype}, {array.shape}, which it cannot be.")
    if len({len(array) for name, array in arrays.items() if name not in _LISTS}) > 1:
        raise UserError(f"{path}: its arrays differ in length.")
    if problem := _senseless(arrays):
        raise UserError(f"{path}: {problem}.")
    values: dict[str, Any] = {name: _names(a.dtype, a.tobytes()) if name in _LISTS else a for name, a in arrays.items()}
    return kind(**values)


@lru_cache(maxsize=100)
def _names(kind: np.dtype[Any], content: bytes) -> tuple[str, ...]:
    """Return a list of names from its array's bytes; boards read thousands of equal ones."""
    return tuple(map(str, np.frombuffer(content, kind).tolist()))


def _senseless(arrays: dict[str, Any]) -> str | None:
    """Return the reason why arrays of the right form are no results, in words."""
    columns = len(arrays["classes"] if "classes" in arrays else arrays["emotions"])
    if not len(arrays["ids"] if "ids" in arrays else arrays["keys"]):
        return "it has no samples"
    for name in ("scores", "outputs", "targets"):
        if name in arrays and (arrays[name].shape[1] != columns or not np.isfinite(arrays[name]).all()):
            return f"{name} of shape {arrays[name].shape} do not fit {columns} names, or are no finite numbers"
    for name in ("labels", "reversed_labels"):
        if name in arrays and not ((arrays[name] >= 0) & (arrays[name] < columns)).all():
            return f"{name} are not those of {columns} classes"
    if "tied" in arrays and (arrays["tied"] > arrays["ranks"]).any():
        return "more classes tie with a true one than score as high"
    if "tied_below" in arrays and ("tied" not in arrays or (arrays["tied_below"] > arrays["tied"]).any()):
        return "more classes of lower numbers tie with a true one than tie with it"
    for name in ("ids", "groups", "classes", "emotions"):
        if name in arrays and arrays[name].dtype.kind == "U":
            read: Callable[[np.dtype[Any], bytes], tuple[str | None, bool]] = (
                _strange_often if name in _LISTS else _strange
            )
            strange, twice = read(arrays[name].dtype, arrays[name].tobytes())
            if strange is not None:
                return f"{name} have signs that are not seen: {ascii(strange)[:80]}"
            if twice and name != "groups":
                return f"{name} name one thing twice"
    return None


def _strange(kind: np.dtype[Any], content: bytes) -> tuple[str | None, bool]:
    """Return the first of an array's texts that is empty or has signs that are not seen, and if one is there twice."""
    texts = np.frombuffer(content, kind)
    distinct = np.unique(texts).tolist()
    return next((text for text in distinct if text != plain(text) or not text), None), len(distinct) < len(texts)


_strange_often = lru_cache(maxsize=100)(_strange)
"""The same of lists of classes or emotions, which all runs of a board share."""
