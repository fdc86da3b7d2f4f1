"""Made-up features in a folder, as an encoding leaves them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tta_bench.data.datasets.layout import Sample
from tta_bench.data.features.encoded import EncodedClips, Kind

WINDOWS, TOKENS, WIDTH = 2, 5, 8


def some_samples(classes: int = 3, groups: int = 5, clips: int = 2, prefix: str = "") -> list[Sample]:
    return [
        Sample(
            f"{prefix}c{label}g{group}n{clip}", Path(f"{label}{group}{clip}.avi"), label, f"{prefix}c{label}g{group}"
        )
        for label in range(classes)
        for group in range(groups)
        for clip in range(clips)
    ]


def some_clips(folder: Path, samples: list[Sample], signal: float = 1.0, seed: int = 0) -> EncodedClips:
    """Features of samples, each class around a point of its own."""
    draw = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(10, WIDTH))
    files: dict[Kind, dict[str, Path]] = {"pooled": {}, "tokens": {}}
    folder.mkdir(parents=True, exist_ok=True)
    for sample in samples:
        tokens = draw.normal(size=(WINDOWS, TOKENS, WIDTH)) + signal * centres[sample.label]
        arrays: dict[Kind, NDArray[np.float64]] = {"tokens": tokens, "pooled": tokens.mean(1)}
        for kind, values in arrays.items():
            files[kind][sample.id] = folder / f"{sample.id}.{kind}.npy"
            np.save(files[kind][sample.id], values.astype(np.float16))
    return EncodedClips(files)
