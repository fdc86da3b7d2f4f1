"""Whether a run that says ``started`` is still at it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tta_bench.records.schema import Record

HEARTBEAT = timedelta(seconds=30)
"""A run says this often that it is alive."""
LEASE = timedelta(minutes=5)
"""A run that has said nothing for this long was killed: by the system, a scheduler, or a power cut."""


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
    """Return whether runs of its protocol are ranked by what they say of samples: a pre-training has only a loss."""
    return record.identity.protocol.score != "loss"
