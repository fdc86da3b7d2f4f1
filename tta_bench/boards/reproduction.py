"""Report on a reproduction: a record and the same experiment run again, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tabulate import tabulate

from tta_bench.boards.board import NONE
from tta_bench.boards.comparison import Comparison, compare
from tta_bench.boards.escape import plain
from tta_bench.boards.markdown import figure, heading, signed
from tta_bench.records.schema import Record
from tta_bench.records.store import read_record


class Reproduction(NamedTuple):
    """Result of measuring a record again."""

    difference: float
    """The score now minus the score recorded, as a fraction."""
    report: str
    """Everything side by side, as text."""


def reproduction(recorded: Path, again: Path) -> Reproduction:
    """Return the comparison of a record's file with that of the same experiment run again.

    Raises:
        UserError: One of the two cannot be read or is no success, or they are not of the same samples.
    """
    before, now = read_record(recorded), read_record(again)
    comparison = compare(recorded, again)
    parts = [
        _table(["", "recorded", "again", "difference"], _metrics(before, now)),
        _clips(comparison, now.n_scored),
        _table(["", "recorded", "again", ""], _sides(_environment(before), _environment(now))),
        _identity(before, now),
    ]
    score = before.identity.protocol.score
    return Reproduction(now.metrics[score].value - before.metrics[score].value, "\n\n".join(parts))


def _clips(comparison: Comparison, n: int) -> str:
    """Return the number of clips with another result, in words."""
    if comparison.discordant is None:
        value, low, high = (signed(comparison.metric, -end) for end in comparison.difference[:3])
        return f"Over the same {n:,} clips {heading(comparison.metric)} differs by {value} (95 % {high} to {low})."
    then, now, p = comparison.discordant
    return (
        f"{then + now} of {n:,} clips have another result: {then} were right only then, {now} only now "
        f"(exact McNemar p {p:.4f})."
    )


def _metrics(before: Record, now: Record) -> Iterator[list[str]]:
    for name in sorted(before.metrics.keys() & now.metrics.keys()):
        then, value = before.metrics[name].value, now.metrics[name].value
        yield [heading(name), figure(name, then), figure(name, value), signed(name, value - then)]


def _environment(record: Record) -> dict[str, Any]:
    """Return a record's environment on one level."""
    if record.environment is None:
        return {}
    data: dict[str, Any] = record.environment.model_dump(mode="json")
    packages, plugins = data.pop("packages"), data.pop("plugins")
    named = {f"plug-in {plugin['name']}": plugin["version"] or plugin["sha256"] for plugin in plugins}
    return {**data, **packages, **named}


def _identity(before: Record, now: Record) -> str:
    if before.identity.run_key == now.identity.run_key:
        return f"The two are the same experiment: run key {now.identity.run_key[:8]}."
    then, since = (
        {**_flat(r.identity.model_dump(mode="json")), **_flat(r.resolved, "settings.")} for r in (before, now)
    )
    rows = [row for row in _sides(then, since) if row[-1] and row[0] != "run_key"]
    return "The two are not the same experiment:\n\n" + _table(["", "recorded", "again", ""], rows)


def _sides(then: dict[str, Any], since: dict[str, Any]) -> list[list[str]]:
    """Return a line for each field with both values, marked where they differ."""
    names = list(dict.fromkeys([*then, *since]))
    return [
        [
            plain(name),
            _word(then.get(name)),
            _word(since.get(name)),
            "differs" if then.get(name) != since.get(name) else "",
        ]
        for name in names
    ]


def _flat(data: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in data.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _word(value: Any) -> str:
    return NONE if value is None else plain(str(value))


def _table(headings: list[str], rows: Any) -> str:
    return tabulate(list(rows), headers=headings, tablefmt="github", disable_numparse=True)
