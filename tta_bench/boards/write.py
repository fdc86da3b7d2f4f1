"""Boards on disk: written from the records in folders, and checked against these byte by byte."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import tta_bench
from tta_bench.boards.errata import Erratum, dangling_errata, read_errata
from tta_bench.boards.published import read_published
from tta_bench.boards.render import BEGIN, END, render_board
from tta_bench.boards.replaced import dangling_replaced, read_replaced
from tta_bench.boards.rows import Entry
from tta_bench.cards.kinds import Tier
from tta_bench.errors import UserError
from tta_bench.metrics import METRICS
from tta_bench.records.files import AnyPredictions, read_outcomes, read_predictions
from tta_bench.records.status import is_ranked
from tta_bench.records.store import file_stem, read_record, record_files
from tta_bench.records.verify import file_problem, plugin_of_score
from tta_bench.utils.files import write_atomic


class Collected(NamedTuple):
    """The records of every board, and the problems of the others."""

    entries: dict[tuple[str, Tier], list[Entry]]
    """Those of each protocol and tier."""
    problems: list[str]
    """Records that cannot be trusted or read, and errata about none, each named with the reason."""


class BoardTexts(NamedTuple):
    """Contents of boards, and the reasons why records were left off."""

    texts: dict[Path, str]
    """Content of each board file."""
    problems: list[str]
    """As in `Collected`."""


def update_boards(record_folders: Sequence[Path], board_folder: Path, official: Path) -> tuple[list[Path], list[str]]:
    """Write the boards of all records; return the board files and the problems of records that were left out.

    Text outside the markers of an existing board is kept. When records arrive meanwhile, the boards are written again,
    so that whichever of several processes comes last leaves boards of everything.

    Args:
        record_folders: Where the records are.
        board_folder: Where the boards go.
        official: The folder of ``published/*.yaml`` and ``errata.yaml``.

    Raises:
        UserError: A board exists without markers, or a published file or the errata are wrong.
    """
    while True:
        before = _listing(record_folders)
        boards = current_boards(record_folders, board_folder, official)
        for path, content in boards.texts.items():
            if not path.exists() or path.read_text(encoding="utf-8") != content:
                write_atomic(path, content.encode())
        if _listing(record_folders) == before:
            return sorted(boards.texts), boards.problems


def check_boards(record_folders: Sequence[Path], board_folder: Path, official: Path) -> list[str]:
    """Return the problems: records or outcomes that were edited or cannot be read, and boards that are stale."""
    boards = current_boards(record_folders, board_folder, official)
    stale = [
        f"{path}: {'stale' if path.exists() else 'missing'}; `tta-bench leaderboard` writes it"
        for path, content in sorted(boards.texts.items())
        if not path.exists() or path.read_text(encoding="utf-8") != content
    ]
    orphans = [
        f"{path}: a board without records"
        for path in sorted([*board_folder.glob("*.md"), *board_folder.glob("sample/*.md")])
        if path not in boards.texts and BEGIN in path.read_text(encoding="utf-8")
    ]
    return [*boards.problems, *stale, *orphans]


def current_boards(record_folders: Sequence[Path], board_folder: Path, official: Path) -> BoardTexts:
    """Return the content that every board should have now."""
    published = read_published(official / "published")
    collected = collect_entries(record_folders, board_folder, official)
    empty: dict[tuple[str, Tier], list[Entry]] = {(protocol, "full"): [] for protocol in published}
    texts = {}
    for (protocol, tier), entries in (empty | collected.entries).items():
        path = board_file(board_folder, protocol, tier)
        reported = published.get(protocol) if tier == "full" else None
        texts[path] = _between_markers(path, render_board(protocol, tier, entries, reported))
    return BoardTexts(texts, collected.problems)


def collect_entries(record_folders: Sequence[Path], board_folder: Path, official: Path) -> Collected:
    """Return every record with its outcomes, after checking that all of these are what was written.

    A record that lies in several folders, one's own and the official one, is there once. Pre-trainings have no board.
    """
    errata = read_errata(official / "errata.yaml")
    entries: dict[tuple[str, Tier], list[Entry]] = {}
    problems: list[str] = []
    names, seen = set[str](), set[str | None]()
    for path in (path for folder in record_folders for path in record_files(folder)):
        names.add(path.stem)
        try:
            entry = _read(path, board_folder, errata.get(path.stem))
        except UserError as error:
            problems.append(str(error))
            continue
        record = entry.record
        if record.content_sha256 in seen or not is_ranked(record):
            continue
        seen.add(record.content_sha256)
        entries.setdefault((record.identity.protocol.name, record.identity.tier), []).append(entry)
    replaced = read_replaced(official)
    problems += dangling_replaced(official, replaced, names)
    names |= {line.record for line in replaced}
    return Collected(entries, [*problems, *dangling_errata(errata, names, official / "errata.yaml")])


def official_folder() -> Path:
    """Return the folder of the suite's own records, published figures and errata, in the package or its checkout."""
    package = Path(tta_bench.__file__).parent
    shipped = package / "_leaderboards"
    return shipped if shipped.is_dir() else package.parent / "leaderboards"


def board_file(folder: Path, protocol: str, tier: Tier) -> Path:
    """Return the file of a board."""
    return folder / ("sample" if tier == "sample" else "") / f"{protocol.replace('/', '-')}.md"


def _read(path: Path, board_folder: Path, erratum: Erratum | None) -> Entry:
    """Return a record with its samples, after checking that all are what was written."""
    record = read_record(path)
    if path.stem != file_stem(record):
        raise UserError(f"{path} is not called what its content says: {file_stem(record)}.json.")
    name = record.identity.protocol.score
    if name not in METRICS:
        raise UserError(f"{path} is ranked by {name}, which needs plug-in {plugin_of_score(record)}.")
    link = os.path.relpath(path, board_file(board_folder, record.identity.protocol.name, record.identity.tier).parent)
    outcomes, predictions = record.outcomes, record.predictions if METRICS.get(name).needs == "scores" else None
    for ref in filter(None, (outcomes, predictions)):
        if problem := file_problem(ref, path.parent):
            raise UserError(f"{path}: {problem}.")
    return Entry(
        record,
        Path(link).as_posix(),
        None if outcomes is None else read_outcomes(path.parent / outcomes.name),
        erratum,
        None if predictions is None else _predictions(path.parent / predictions.name),
    )


def _predictions(path: Path) -> AnyPredictions | None:
    """Return predictions, which may lie elsewhere; their row then has the interval of its record."""
    return read_predictions(path) if path.exists() else None


def _between_markers(path: Path, board: str) -> str:
    """Return a board file's content with the generated part replaced, or just that part if there is no file."""
    if not path.exists():
        return board
    content = path.read_text(encoding="utf-8")
    before, begin, rest = content.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError(
            f"{path} has no markers of a generated part.", f"Move it away, or put these in:\n{BEGIN}\n{END}"
        )
    return before + board.rstrip("\n") + after


def _listing(folders: Sequence[Path]) -> list[tuple[str, int, int]]:
    """Return name, inode and time of every record file; both of the latter change when a file is replaced."""
    listing = []
    for path in (path for folder in folders for path in record_files(folder)):
        with contextlib.suppress(FileNotFoundError):  # just withdrawn by another process
            listing.append((str(path), path.stat().st_ino, path.stat().st_mtime_ns))
    return listing
