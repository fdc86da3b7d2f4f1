"""Predictions and outcomes on disk, as compressed arrays: the names of its arrays say which kind a file is of."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from tta_bench.errors import UserError
from tta_bench.records.intensities import Intensities, IntensityOutcomes
from tta_bench.records.predictions import Outcomes, Predictions
from tta_bench.records.schema import FileRef
from tta_bench.utils.files import write_atomic

AnyPredictions = Predictions | Intensities
"""All of a model's results, sample by sample, with the samples' names."""
AnyOutcomes = Outcomes | IntensityOutcomes
"""The part of them that boards are made of, without names."""

_Kind = TypeVar("_Kind", Predictions, Intensities, Outcomes, IntensityOutcomes)
_LISTS = {"classes", "emotions"}
"""Arrays that are not of one value, or row, for each sample."""


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
    arrays = _read(path, "predictions")
    return _built(path, Intensities, arrays) if "outputs" in arrays else _built(path, Predictions, arrays)


def read_outcomes(path: Path) -> AnyOutcomes:
    """Return the outcomes in a file.

    Raises:
        UserError: The file is not such a file, or its arrays do not fit together.
    """
    arrays = _read(path, "outcomes")
    return _built(path, IntensityOutcomes, arrays) if "outputs" in arrays else _built(path, Outcomes, arrays)


def _write(path: Path, samples: AnyPredictions | AnyOutcomes) -> FileRef:
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {name: np.asarray(value) for name, value in vars(samples).items() if value is not None}
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    content = buffer.getvalue()
    sha256 = hashlib.sha256(content).hexdigest()
    ref = FileRef(name=f"{path.stem}.{sha256[:8]}{path.suffix}", sha256=sha256)
    write_atomic(path.with_name(ref.name), content)
    return ref


def _read(path: Path, content: str) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} holds no {content}: {error}.") from None


def _built(path: Path, kind: type[_Kind], arrays: dict[str, Any]) -> _Kind:
    """Return arrays as a kind, if they are those of its fields and of one length."""
    fields = {field.name: field.default for field in dataclasses.fields(kind)}
    needed = {name for name, default in fields.items() if default is dataclasses.MISSING}
    if not needed <= arrays.keys() <= fields.keys():
        raise UserError(f"{path} holds no {kind.__name__.lower()}: it has the arrays {sorted(arrays)}.")
    if len({len(array) for name, array in arrays.items() if name not in _LISTS}) > 1:
        raise UserError(f"{path}: its arrays differ in length.")
    values: dict[str, Any] = {name: tuple(map(str, a)) if name in _LISTS else a for name, a in arrays.items()}
    return kind(**values)
