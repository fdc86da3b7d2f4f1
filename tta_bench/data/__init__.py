"""Data: decoding, clip sampling, augmentation, dataset layouts and the embedded samples."""

from __future__ import annotations

from tta_bench.data import hmdb51, hume_reaction, layouts, tiktok_actions

__all__ = ["hmdb51", "hume_reaction", "layouts", "tiktok_actions"]
