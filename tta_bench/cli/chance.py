"""Chance level of a run's score, and the rate that it was trained at: a line each for the end of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tta_bench.records.predictions import Outcomes
from tta_bench.records.schema import Record

GUESSES = {"top1": 1, "top5": 5}
"""Classes that an accuracy may name for each clip."""


def chance_lines(record: Record, records: Path) -> Iterator[str]:
    """Yield score and chance level of a record, and the learning rate of its steps, as far as they are known.

    Args:
        record: A finished record.
        records: Folder that it lies in, with its outcomes.

    Raises:
        UserError: Its outcomes cannot be read.
    """
    from tta_bench.boards.escape import plain
    from tta_bench.cli.results import digits, shown

    identity = record.identity
    name, metric = identity.protocol.score, record.metrics.get(identity.protocol.score)
    chance = chance_level(record, records)
    if metric is not None and chance is not None:
        said = f"{identity.backbone}, split {identity.split}, seed {identity.seed}: {name} {shown(name, metric)}"
        never = metric.low is not None and metric.high is not None and metric.low <= chance <= metric.high
        doubt = "; its interval holds chance: it never left chance" if never else ""
        yield plain(f"{said}, chance {digits(name, chance)}{doubt}.")
    train = record.resolved.get("train")
    if isinstance(train, dict):
        lr, batch = train.get("lr"), train.get("batch")
        if isinstance(lr, float) and isinstance(batch, int) and "views" in train:  # rates for 256 videos a step
            yield f"Effective learning rate: {lr:g} x {batch} / 256 = {lr * batch / 256:.3g}."


def chance_level(record: Record, records: Path) -> float | None:
    """Return the score of a guess: k of C classes for top-k accuracy, 0 for Pearson's r; None where it is not known.

    Args:
        record: A finished record.
        records: Folder that it lies in, with its outcomes.

    Raises:
        UserError: Its outcomes cannot be read.
    """
    score = record.identity.protocol.score
    if score == "pearson":
        return 0.0
    if score not in GUESSES or record.outcomes is None:
        return None
    from tta_bench.records.files import read_outcomes

    outcomes = read_outcomes(records / record.outcomes.name)
    return min(1.0, GUESSES[score] / len(outcomes.classes)) if isinstance(outcomes, Outcomes) else None
