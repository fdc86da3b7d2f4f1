"""Data: decoding, clip sampling, augmentation, dataset layouts and the embedded samples."""

from __future__ import annotations

from tta_bench.data import layouts

__all__ = ["layouts"]
