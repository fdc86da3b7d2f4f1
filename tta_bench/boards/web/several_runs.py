"""Several runs beside each other: their scores as one picture, and the difference of each pair."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tta_bench.boards.comparison import compare
from tta_bench.boards.forest import Shown, forest
from tta_bench.errors import UserError
from tta_bench.metrics import METRICS
from tta_bench.records.schema import Record


def forest_of_runs(records: Sequence[Record]) -> str:
    """Return the scores and intervals of runs as a picture, in an address that holds it; nothing below two scores.

    Each run has its number in the list. Those of another protocol, or of other data, have an axis of their own.

    Args:
        records: The runs.
    """
    panels: dict[tuple[str, str, str], list[Shown]] = defaultdict(list)
    for number, record in enumerate(records, 1):
        identity = record.identity
        name = identity.protocol.score
        metric = record.metrics.get(name)
        if metric is not None and record.status == "success":
            words = f"{number}. {identity.backbone}"
            panels[identity.protocol.name, identity.dataset.name, name].append(
                Shown(words, name, metric.value, metric.low, metric.high)
            )
    if sum(map(len, panels.values())) < 2:
        return ""
    drawn = forest(f"{len(records)} runs", [(f"{title} on {data}", rows) for (title, data, _), rows in panels.items()])
    return "data:image/svg+xml;base64," + base64.b64encode(drawn.encode()).decode()


def pairs(files: Sequence[Path]) -> list[list[dict[str, Any]]]:
    """Return for each pair of records the words of their difference, and whether its interval excludes 0.

    Args:
        files: The records' files.
    """
    return [[_pair(a, b) for b in files] for a in files]


def _pair(a: Path, b: Path) -> dict[str, Any]:
    if a == b:
        return {"words": "", "apart": False}
    try:
        found = compare(a, b)
    except UserError:
        return {"words": "other clips", "apart": False}
    text = METRICS.describe(found.metric).signed_text
    low, high = found.difference.low, found.difference.high
    words = f"{text(found.difference.value)} ({text(low)} to {text(high)})"
    return {"words": words, "apart": low > 0 or high < 0}
