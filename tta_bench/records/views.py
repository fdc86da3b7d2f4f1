"""Records as they are looked at from Python: a line, a table in a notebook, a frame of pandas."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, cast

from tta_bench.errors import UserError

if TYPE_CHECKING:
    from tta_bench.records.schema import Metric, Record

_LONGEST = 200
"""Most characters of a value in a line or a cell."""


class Viewed:
    """Part of a record that shows it."""

    @property
    def score(self) -> Metric | None:
        """Figure that its protocol ranks by; None before the end."""
        record = cast("Record", self)
        return record.metrics.get(record.identity.protocol.score)

    def __repr__(self) -> str:
        row = row_of(cast("Record", self))
        figure = f" {row['metric']} {row['score']:.4f}" if row["score"] is not None else ""
        words = f"{row['protocol']} {row['backbone']} split {row['split']} seed {row['seed']}: {row['status']}{figure}"
        return f"<Record {_plain(words)}>"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        row = {key: value for key, value in row_of(cast("Record", self)).items() if value is not None}
        lines = (f"<tr><th>{escape(key)}</th><td>{_cell(value)}</td></tr>" for key, value in row.items())
        return f"<table>{''.join(lines)}</table>"


class Records(list["Record"]):
    """Records of a folder, which a notebook shows as a table."""

    def to_frame(self) -> Any:
        """Return a pandas frame with a row for each record; see `row_of`.

        Raises:
            UserError: pandas is not installed.
        """
        return frame([row_of(record) for record in self])

    def _repr_html_(self) -> str:
        rows = [row_of(record) for record in self]
        head = "".join(f"<th>{escape(key)}</th>" for key in (rows[0] if rows else ()))
        lines = ("".join(f"<td>{_cell(value)}</td>" for value in row.values()) for row in rows)
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def row_of(record: Record) -> dict[str, Any]:
    """Return a record's experiment and score on one level; accuracies are fractions.

    Args:
        record: The record.
    """
    identity, score = record.identity, record.score
    return {
        "protocol": identity.protocol.name,
        "backbone": identity.backbone,
        "dataset": identity.dataset.name,
        "tier": identity.tier,
        "split": identity.split,
        "seed": identity.seed,
        "control": identity.control,
        "status": record.status,
        "metric": identity.protocol.score,
        "score": None if score is None else score.value,
        "low": None if score is None else score.low,
        "high": None if score is None else score.high,
        "clips": record.n_scored,
        "run_key": identity.run_key,
    }


def frame(rows: Sequence[dict[str, Any]]) -> Any:
    """Return rows as a pandas frame.

    Args:
        rows: The rows, each with the same keys.

    Raises:
        UserError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise UserError("a table needs pandas, which is not installed.", "pip install pandas") from None
    return pandas.DataFrame(list(rows))


def _plain(words: Iterable[str]) -> str:
    """Return text on one line without control characters, cut where it is long."""
    kept = "".join(mark if mark.isprintable() else "?" for mark in words)
    return kept if len(kept) <= _LONGEST else f"{kept[:_LONGEST]}..."


def _cell(value: object) -> str:
    return "" if value is None else escape(_plain(f"{value:.4f}" if isinstance(value, float) else str(value)))
