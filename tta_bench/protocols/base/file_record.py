"""Records of prediction files from elsewhere: class scores or intensities."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from pathlib import Path

from pydantic import JsonValue

from tta_bench.config.prediction_file import OutsideScores
from tta_bench.data.datasets.listed_ids import near_ids
from tta_bench.errors import UserError
from tta_bench.experiments.base import protocol_hash
from tta_bench.metrics import METRICS
from tta_bench.protocols.base.identity import identity_of
from tta_bench.protocols.base.standing import UNKNOWN, Standing
from tta_bench.records.identity import Identity
from tta_bench.records.predictions import check_complete
from tta_bench.records.redact import without_root
from tta_bench.records.schema import Record
from tta_bench.records.score import Results
from tta_bench.records.status import now
from tta_bench.records.store import read_record, record_name, write_record
from tta_bench.utils.files import sha256_of
from tta_bench.utils.keyed_random import digest


def check_ids(ids: Sequence[str], expected: Collection[str]) -> None:
    """Check that every expected sample is there exactly once and no other.

    Raises:
        UserError: Counts and names missing, repeated and unknown ids; says which have lost their leading zeros.
    """
    try:
        check_complete(ids, expected)
    except UserError as error:
        hint = near_ids([name for name in ids if name not in set(expected)], expected)
        raise UserError(error.message, hint.strip() or error.hint) from None


def write_scored(
    asked: OutsideScores,
    how: dict[str, str],
    keep: Callable[[Path, str], Results],
    created: str,
    work_dir: Path,
    standing: Standing = UNKNOWN,
) -> Record:
    """Write the record of a scored file into ``<work_dir>/records``, and return it.

    Args:
        asked: The scored file.
        how: Notes on the file's form, for the record.
        keep: Scores the file and writes predictions into a folder, under a name.
        created: Time at which scoring began.
        work_dir: Folder for checkpoints and records.
        standing: The labels beside the official ones.
    """
    plugins: list[JsonValue] = [asdict(code) for code in METRICS.code(asked.protocol.score)]
    identity, folder = _identity(asked, plugins, standing), work_dir / "records"
    results = keep(folder, record_name(identity))
    record = Record(
        origin="scored",
        identity=identity,
        given=tuple(map(without_root, asked.arguments)),
        resolved={**how, **({"plugins": plugins} if plugins else {})},
        status="success",
        created=created,
        heartbeat=created,
        finished=now(),
        n_expected=results["n_scored"],
        environment=None,
        cost=None,
        input=None,
        **results,
    )
    return read_record(write_record(record, folder))


def _identity(asked: OutsideScores, plugins: list[JsonValue], standing: Standing) -> Identity:
    key = {
        "scored": sha256_of(asked.predictions),
        "labels": sha256_of(asked.labels) if asked.labels else None,
        "protocol": protocol_hash(asked.protocol),
        "dataset": asked.dataset.name,
        "tier": asked.tier,
        "name": asked.name,
        "split": asked.part or asked.split,
        "seed": asked.seed,
    } | ({"plugins": plugins} if plugins else {})
    return identity_of(asked, asked.name, digest(key), part=asked.part, standing=standing)
