"""Extractors for frozen inputs: audio features and precomputed feature files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tta_bench.data.media.decode import decoder_version
from tta_bench.data.media.sound import SOUND_VERSION, read_sound
from tta_bench.errors import UserError

GAPS, NO_ROWS = "values that are missing", "no rows"
"""Notes about a precomputed file."""


@dataclass(frozen=True)
class SoundFeatures:
    """Extractor of an audio backbone's features for the sound of a clip.

    Called with a file it gives ``float32 (D,)`` or ``(T', D)`` and notes, or None for a clip without audible sound.

    Args:
        backbone: A function of ``float32 (S,)`` mono at 16 kHz in [-1, 1).
        name: Everything that the backbone's values depend on, as JSON: its card, and versions.
    """

    backbone: Callable[[NDArray[np.float32]], NDArray[np.floating]]
    name: Mapping[str, Any]

    def __call__(self, path: Path) -> tuple[NDArray[np.float32] | None, dict[str, int]]:
        """Return the backbone's values for a file's sound, and notes.

        Raises:
            UserError: The backbone's values are not finite numbers in one or two dimensions.
        """
        sound = read_sound(path)
        if sound.signal is None:
            return None, sound.notes
        return self.values(sound.signal, path), sound.notes

    def values(self, signal: NDArray[np.float32], path: Path) -> NDArray[np.float32]:
        """Return the backbone's values for a signal ``float32 (S,)`` of a file.

        Raises:
            UserError: They are not finite numbers in one or two dimensions.
        """
        values = np.asarray(self.backbone(signal), np.float32)
        if values.ndim not in (1, 2) or not values.size or not np.isfinite(values).all():
            wrong = np.count_nonzero(~np.isfinite(values))
            raise UserError(
                f"the audio backbone gives shape {values.shape} with {wrong:,} values not finite for {path}.",
                "It must give finite numbers (D,) or (T, D) for every sound of 60 ms or more.",
            )
        return values

    def identity(self) -> dict[str, Any]:
        """Return everything that the values depend on, as JSON."""
        return {"what": "sound", "version": SOUND_VERSION, "decoder": decoder_version(), "backbone": {**self.name}}


@dataclass(frozen=True)
class ReadyFeatures:
    """Extractor of precomputed features: the rows of a feature file, with gaps filled.

    Called with a file it gives ``float32 (T', D)``, or None for a file without rows. A missing value becomes the mean
    of the clip's others in its column, or 0 where there are none; gaps are counted.

    Args:
        backbone: A function of a file that gives ``float32 (T', D)``, NaN where something is missing.
        name: Everything that the backbone's values depend on, as JSON.
    """

    backbone: Callable[[Path], NDArray[np.float32]]
    name: Mapping[str, Any]

    def __call__(self, path: Path) -> tuple[NDArray[np.float32] | None, dict[str, int]]:
        """Return a file's features, and notes."""
        values = self.backbone(path)
        if not len(values):
            return None, {NO_ROWS: 1}
        there = np.isfinite(values)
        missing = int(values.size - there.sum())
        if not missing:
            return values, {}
        known = np.where(there, values, 0)
        means = known.sum(axis=0, dtype=np.float64) / np.maximum(there.sum(axis=0), 1)
        return np.where(there, values, means).astype(np.float32), {GAPS: missing}

    def identity(self) -> dict[str, Any]:
        """Return everything that the values depend on, as JSON."""
        return {"what": "ready", "version": 2, "backbone": {**self.name}}
