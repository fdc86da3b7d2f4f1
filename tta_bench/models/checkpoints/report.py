"""The sum of a load: a checkpoint's tensors by fate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tta_bench.errors import shorten


def joined(reports: Mapping[str, LoadReport]) -> LoadReport | None:
    """Return the sum of the loads of a network's parts, each tensor behind its part's name; None for no part.

    Args:
        reports: The loads by the names of the parts.
    """
    if len(reports) < 2:
        return next(iter(reports.values()), None)

    def names(field: str) -> tuple[str, ...]:
        return tuple(f"{part}: {name}" for part, report in reports.items() for name in getattr(report, field))

    return LoadReport(
        loaded=sum(report.loaded for report in reports.values()),
        copy=" + ".join(report.copy or "." for report in reports.values()),
        missing=names("missing"),
        unexpected=names("unexpected"),
        mismatched=names("mismatched"),
        dropped=names("dropped"),
        resampled=names("resampled"),
        others=names("others"),
    )


@dataclass(frozen=True)
class LoadReport:
    """Result of loading a checkpoint: its tensors by fate; names are the backbone's own where it knows them."""

    loaded: int
    """Number of the backbone's tensors that were in the checkpoint."""
    missing: tuple[str, ...] = ()
    """Tensors of the backbone that the checkpoint lacks; after a load, those that start fresh."""
    unexpected: tuple[str, ...] = ()
    """Tensors of the checkpoint that nothing here knows."""
    mismatched: tuple[str, ...] = ()
    """Tensors of another shape than the backbone's, with both shapes."""
    dropped: tuple[str, ...] = ()
    """Tensors of the checkpoint that belong to a head, a decoder or another known part that is not the backbone."""
    resampled: tuple[str, ...] = ()
    """Positions of another size, resampled to the backbone's, with both shapes."""
    copy: str = ""
    """The copy of the network that was taken: ``model_ema``, say."""
    others: tuple[str, ...] = ()
    """Other whole copies of the network in the checkpoint, which were not taken."""
    head: str = ""
    """Name of the classifier in the checkpoint, where that was loaded too."""

    def summary(self) -> str:
        """Return one line for the log and the record."""
        parts = [f"{self.loaded:,} tensors loaded" + (f" from '{self.copy}'" if self.others else "")]
        if self.head:
            parts.append(f"the classifier from '{self.head}'")
        fates = (
            ("start fresh", self.missing),
            ("resampled", self.resampled),
            ("unknown", self.unexpected),
            ("not the backbone's", self.dropped),
        )
        parts += [f"{len(names):,} {fate} ({shorten(names, 3)})" for fate, names in fates if names]
        if self.others:
            parts.append(f"the file also has the copies {shorten(self.others)}")
        return "; ".join(parts)
