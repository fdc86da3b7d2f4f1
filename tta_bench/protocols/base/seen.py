"""Training clips that weights have seen, kept in checkpoints as digests of their names: one number for a clip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tta_bench.errors import shorten
from tta_bench.utils.keyed_random import key_bits

KEY = "seen"
"""Entry of a checkpoint."""


@dataclass(frozen=True)
class Seen:
    """Clips that some weights were trained on."""

    clips: Tensor
    """``int64 (clips,)``: a digest of dataset and name for each, sorted."""

    def among(self, dataset: str, ids: Sequence[str]) -> list[str]:
        """Return the names of a dataset's clips that are among those seen."""
        known = torch.isin(digests(dataset, ids), self.clips)
        return [name for name, found in zip(ids, known.tolist(), strict=True) if found]


def digests(dataset: str, ids: Iterable[str]) -> Tensor:
    """Return a number for each clip, ``int64 (clips,)``, that depends on the dataset and on the clip's name."""
    return torch.tensor([key_bits("clip", dataset, name) & (2**63 - 1) for name in ids], dtype=torch.int64)


def entry(dataset: str, ids: Iterable[str], before: Seen | None) -> Tensor:
    """Return a checkpoint's entry of the clips that its network has seen, in this training and before it."""
    earlier = [] if before is None else [before.clips]
    clips: Tensor = torch.unique(torch.cat([digests(dataset, ids), *earlier]))
    return clips


def seen_of(content: Mapping[str, Any]) -> Seen | None:
    """Return the clips that a checkpoint says its network has seen, or None where it says nothing."""
    stored = content.get(KEY)
    if not isinstance(stored, Tensor) or stored.dtype != torch.int64 or stored.ndim != 1:
        return None
    return Seen(stored)


def warning(weights: str, seen: Seen | None, dataset: str, ids: Sequence[str]) -> str:
    """Return a warning where weights have seen clips of a test list; empty where they have not, or nobody knows."""
    known = [] if seen is None else seen.among(dataset, ids)
    if not known:
        return ""
    return (
        f"weights {weights} were trained on {len(known):,} of the {len(ids):,} test clips ({shorten(known, 3)}): "
        "the score will not say how the backbone does on clips that it has not seen."
    )
