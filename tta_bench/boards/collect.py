"""Records of folders, read for boards: what is wrong is named and left off, and stops nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tta_bench.boards.errata import Erratum, dangling_errata, list_errata
from tta_bench.boards.overlaps import read_each, read_findings, with_findings
from tta_bench.boards.own_data import BoardKey, own_identity, sort_onto_boards
from tta_bench.boards.replaced import dangling_replaced, list_replaced
from tta_bench.boards.rows import Entry
from tta_bench.boards.standing import aside, copy_of, unranked, word_of
from tta_bench.boards.variants import board_name
from tta_bench.data.media.attested_files import FOLDER as MANIFESTS
from tta_bench.data.media.attested_files import AttestedManifest, majority_copy, read_attested
from tta_bench.errors import UserError
from tta_bench.metrics import METRICS
from tta_bench.records.differences import plugin_of_score
from tta_bench.records.schema import Record
from tta_bench.records.status import is_ranked
from tta_bench.records.store import file_stem, read_record, record_files
from tta_bench.records.verify import read_kept


class Collected(NamedTuple):
    """The records of every board, and the problems of the others."""

    entries: dict[BoardKey, list[Entry]]
    """Those of each board."""
    problems: list[str]
    """Records that cannot be trusted or read, and errata about none, each named with the reason."""


def collect_entries(record_folders: Sequence[Path], board_folder: Path, official: Path) -> Collected:
    """Return every record with its outcomes, after checking that all of these are what was written.

    A record that lies in several folders, one's own and the official one, is there once. Pre-trainings have no board.
    Records of one's own data have none among the official boards.

    Args:
        record_folders: Where the records are.
        board_folder: Where the boards go, from which links lead to the records.
        official: The folder of ``errata.yaml`` and ``replaced.yaml``, which are about the records below it, and of the
            attested ``manifests`` and the ``overlaps`` with pre-training data.
    """
    errata, problems = list_errata(official / "errata.yaml")
    manifests, wrong = read_each((official / MANIFESTS).glob("*.json"), read_attested)
    findings, unread = read_findings([official, board_folder])
    problems += [*wrong, *unread]
    entries: dict[str, Entry] = {}
    names = set[str]()
    for path in (path for folder in record_folders for path in record_files(folder)):
        names.add(path.stem)
        entry = read_entry(path, board_folder, errata, problems)
        if entry is None or not is_ranked(entry.record):
            continue
        if own_identity(entry.record) and board_folder.resolve() == official.resolve():
            problems.append(f"{path} is of data of one's own, which have no place on the official boards.")
            continue
        entries.setdefault(
            entry.record.content_sha256 or entry.link, with_findings(_with_copies(entry, manifests), findings)
        )
    if (official / "records").resolve() in {folder.resolve() for folder in record_folders}:
        replaced, unread = list_replaced(official)
        problems += [*unread, *dangling_replaced(official, replaced, names)]
        names |= {line.record for line in replaced}
        problems += dangling_errata(errata, names, official / "errata.yaml")
    return Collected(sort_onto_boards(list(entries.values())), problems)


def _with_copies(entry: Entry, manifests: Sequence[AttestedManifest]) -> Entry:
    """Return an entry with the copy of its split that most manifests share; samples and one's own data have none."""
    identity = entry.record.identity
    if identity.tier == "sample" or own_identity(entry.record):
        return entry
    split = int(identity.split) if identity.split.isdecimal() else 1  # parts of a dataset are of its only split
    of_it = [manifest for manifest in manifests if manifest.dataset == identity.dataset.name]
    if not of_it:
        return entry
    attested = copy_of(entry.record) in [manifest.contents.get(split, "") for manifest in of_it]
    return replace(entry, shared=majority_copy(of_it, identity.dataset.name, split), attested=attested)


def read_entry(path: Path, board_folder: Path, errata: Mapping[str, Erratum], problems: list[str]) -> Entry | None:
    """Return a record with its samples, or name what is wrong in ``problems``.

    A record comes from anywhere, with arrays beside it that nobody has looked at: whatever reading and scoring them
    raises is the record's fault, and takes only this record off.
    """
    try:
        entry = _read(path, board_folder, errata.get(path.stem))
        _try(entry)
    except UserError as error:
        problems.append(str(error))
    except Exception as error:
        problems.append(f"{path} cannot be read or scored: {type(error).__name__}: {error}.")
    else:
        return entry
    return None


def _read(path: Path, board_folder: Path, erratum: Erratum | None) -> Entry:
    """Return a record with its samples, after checking that all are what was written."""
    record = read_record(path)
    if path.stem != file_stem(record):
        raise UserError(f"{path} is not called what its content says: {file_stem(record)}.json.")
    name = record.identity.protocol.score
    if name not in METRICS:
        raise UserError(f"{path} is ranked by {name}, which needs plug-in {plugin_of_score(record)}.")
    kept = read_kept(record, path.parent)
    if kept.problems:
        raise UserError(f"{path}: {kept.problems[0]}.")
    if record.outcomes is not None and kept.outcomes is None:
        raise UserError(f"{path}: {record.outcomes.name} is not there.")
    own, word = own_identity(record), word_of(record, path.parent, kept)
    place = BoardKey(board_name(record), record.identity.tier, own).path
    return Entry(
        record,
        Path(os.path.relpath(path, board_folder / place.parent)).as_posix(),
        kept.outcomes,
        erratum,
        kept.predictions if METRICS.get(name).needs == "scores" else None,
        word,
        aside(record, bool(own)) or unranked(record, word, bool(own)),
    )


def _try(entry: Entry) -> None:
    """Use a record as a board will: its times, and its samples.

    Raises:
        UserError: The samples are not as many as the record says.
    """
    record: Record = entry.record
    for moment in (record.created, record.heartbeat, record.finished):
        if moment is not None:
            datetime.fromisoformat(moment)
    metric = METRICS.of_samples(record.identity.protocol.score)
    samples: Any = None if metric is None else entry.samples_for(metric)
    for kept in (entry.outcomes, samples):
        if kept is not None and not (kept.groups.shape == (record.n_scored,) and kept.groups.dtype.kind in "iuU"):
            raise UserError(f"{entry.link} says {record.n_scored:,} samples, and its groups are {kept.groups.shape}.")
    if entry.outcomes is not None and entry.outcomes.keys.shape != entry.outcomes.groups.shape:
        raise UserError(f"{entry.link} has {entry.outcomes.keys.shape} keys of samples and {record.n_scored:,} groups.")
    if metric is not None and samples is not None and not np.isfinite(metric.value(samples)):
        raise UserError(f"{entry.link} has samples that give no {metric.name}.")
    _ = entry.samples
