"""Chance level of a run's score, and the rate that it was trained at: a line each for the end of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tta_bench.records.schema import Record


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
    from tta_bench.records.files import read_outcomes
    from tta_bench.records.score import chance_level, holds_chance

    identity = record.identity
    name, metric = identity.protocol.score, record.metrics.get(identity.protocol.score)
    kept = read_outcomes(records / record.outcomes.name) if metric and record.outcomes else None
    chance = chance_level(name, kept)
    if metric is not None and chance is not None:
        said = f"{identity.backbone}, split {identity.split}, seed {identity.seed}: {name} {shown(name, metric)}"
        doubt = "; its interval holds chance: it never left chance" if holds_chance(metric, chance) else ""
        yield plain(f"{said}, chance {digits(name, chance)}{doubt}.")
    yield from _rate(record)


def _rate(record: Record) -> Iterator[str]:
    """Yield the learning rate of a training's steps, where the recipe scales it with the batch."""
    train = record.resolved.get("train")
    if isinstance(train, dict):
        lr, batch = train.get("lr"), train.get("batch")
        if isinstance(lr, float) and isinstance(batch, int) and "views" in train:  # rates for 256 videos a step
            yield f"Effective learning rate: {lr:g} x {batch} / 256 = {lr * batch / 256:.3g}."
