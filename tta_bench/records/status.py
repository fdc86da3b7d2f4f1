"""State of a run: alive, ended, or killed while its record still says ``started``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tta_bench.metrics import METRICS
from tta_bench.records.schema import Record

HEARTBEAT = timedelta(seconds=30)
"""Interval at which a run updates its record."""
LEASE = timedelta(minutes=5)
"""Silence after which a run counts as killed: by the system, a scheduler, or a power cut."""


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def last_word(record: Record) -> str:
    """Return the time at which a record was last written by its run."""
    return record.finished or record.heartbeat


def outcome(record: Record, moment: str) -> str:
    """Return in words how far a run had come at a moment; ``killed`` if it had been silent for too long by then."""
    if record.status != "started":
        return f"{record.status}: {record.cause}" if record.cause else record.status
    silence = datetime.fromisoformat(moment) - datetime.fromisoformat(record.heartbeat)
    how = "killed" if silence > LEASE else "started, not finished"
    return f"{how}; last heard of at {record.heartbeat}"


def is_ranked(record: Record) -> bool:
    """Return True if its protocol's metric is computed from samples: a pre-training has only a loss.

    A metric of a plug-in that is not loaded counts as computed from samples.
    """
    name = record.identity.protocol.score
    return name not in METRICS or METRICS.of_samples(name) is not None
