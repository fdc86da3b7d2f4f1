"""Training clips that weights have seen, kept in checkpoints as digests of their names: one number for a clip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tta_bench.cards.kinds import Pretraining
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


def trained_on(pretraining: Pretraining) -> str:
    """Return the data, split and labels that some weights were trained on, in words."""
    used = {True: "with labels", False: "without labels", None: "labels not known"}[pretraining.labels]
    return f"{pretraining.data} ({used})"


def notice(weights: str, seen: Seen | None, pretraining: Pretraining, dataset: str, ids: Sequence[str]) -> str:
    """Return a sentence on what weights of a run have seen, and a warning where test clips are among it.

    Args:
        weights: Their name.
        seen: The clips they were trained on; None, where nobody knows, gives an empty text.
        pretraining: The data they were trained on.
        dataset: Dataset of the test list.
        ids: Names of the test clips.
    """
    if seen is None:
        return ""
    known = seen.among(dataset, ids)
    if not known:
        return f"weights {weights} were trained on {trained_on(pretraining)}; no test clip is among them."
    return (
        f"warning: weights {weights} were trained on {len(known):,} of the {len(ids):,} test clips "
        f"({shorten(known, 3)}), for their run has seen {trained_on(pretraining)}: "
        "the score will not say how the backbone does on clips that it has not seen."
    )
