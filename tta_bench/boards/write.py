"""Boards on disk: written from the records in folders, and checked against these byte by byte."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import tta_bench
from tta_bench.boards.board import Board
from tta_bench.boards.collect import Collected, collect_entries
from tta_bench.boards.export import reported
from tta_bench.boards.forest import picture
from tta_bench.boards.index import PAGE, index_page, picture_file
from tta_bench.boards.markdown import BEGIN, END, as_markdown, between_markers
from tta_bench.boards.own_data import FOLDER, BoardKey
from tta_bench.boards.published import quote_published
from tta_bench.boards.rows import Entry
from tta_bench.boards.sections import make_board
from tta_bench.errors import UserError
from tta_bench.records.store import record_files
from tta_bench.utils.files import write_atomic

__all__ = ["Collected", "check_boards", "collect_entries", "current_boards", "official_folder", "update_boards"]

ROUNDS = 3
"""Times that boards are written, at most, while runs go on ending."""
_STARTED = b'"status": "started"'
"""Bytes in the record of a run that has not ended, as it is written."""


class BoardTexts(NamedTuple):
    """Contents of boards, and the reasons why records were left off."""

    texts: dict[Path, str]
    """Content of each board file."""
    problems: list[str]
    """As in `Collected`."""


class Written(NamedTuple):
    """Boards that were written, and the reasons why records were left off."""

    boards: list[Board]
    problems: list[str]
    """As in `Collected`."""


class _Rendered(NamedTuple):
    """Everything in a folder of boards that is written from records."""

    made: list[Board]
    boards: dict[Path, str]
    others: dict[Path, str]
    """The first page, and the pictures."""
    problems: list[str]


def update_boards(record_folders: Sequence[Path], board_folder: Path, official: Path) -> tuple[list[Path], list[str]]:
    """Write the boards of all records, as `write_boards` does; return their files and the problems."""
    written = write_boards(record_folders, board_folder, official)
    return sorted(board_folder / board.path for board in written.boards), written.problems


def write_boards(record_folders: Sequence[Path], board_folder: Path, official: Path) -> Written:
    """Write the boards of all records; return them and the problems of records that were left out.

    Text outside the markers of an existing board is kept. When runs end meanwhile, the boards are written again, up to
    3 times, so that whichever of several processes comes last leaves boards of everything. The heartbeats of runs that
    go on are no reason to write again.

    Args:
        record_folders: Where the records are.
        board_folder: Where the boards go.
        official: The folder of ``published/*.yaml`` and ``errata.yaml``.

    Raises:
        UserError: A board exists without markers.
    """
    for _ in range(ROUNDS):
        before = _files(record_folders)
        rendered = _render(record_folders, board_folder, official)
        for path, content in (rendered.boards | rendered.others).items():
            if not path.exists() or path.read_text(encoding="utf-8") != content:
                write_atomic(path, content.encode())
        if not _ended(before, _files(record_folders)):
            break
    return Written(rendered.made, rendered.problems)


def check_boards(record_folders: Sequence[Path], board_folder: Path, official: Path) -> list[str]:
    """Return the problems: records or outcomes that were edited or cannot be read, and boards that are stale."""
    rendered = _render(record_folders, board_folder, official)
    texts = rendered.boards | rendered.others
    stale = [
        f"{path}: {'stale' if path.exists() else 'missing'}; `tta-bench leaderboard` writes it"
        for path, content in sorted(texts.items())
        if not path.exists() or path.read_text(encoding="utf-8") != content
    ]
    orphans = [f"{path}: {reason}" for path, reason in _orphans(board_folder) if path not in texts]
    return [*rendered.problems, *stale, *orphans]


def current_boards(record_folders: Sequence[Path], board_folder: Path, official: Path) -> BoardTexts:
    """Return the content that every board should have now."""
    rendered = _render(record_folders, board_folder, official)
    return BoardTexts(rendered.boards, rendered.problems)


def _render(record_folders: Sequence[Path], board_folder: Path, official: Path) -> _Rendered:
    quoted = quote_published(official / "published")
    collected = collect_entries(record_folders, board_folder, official)
    empty: dict[BoardKey, list[Entry]] = {BoardKey(protocol, "full"): [] for protocol in quoted.published}
    boards = [
        make_board(key, entries, reported(key, quoted.published))
        for key, entries in sorted((empty | collected.entries).items(), key=lambda item: _order(item[0]))
    ]
    texts: dict[Path, str] = {}
    others: dict[Path, str] = {}
    for board in boards:
        drawn, file = picture(board), picture_file(board)
        texts[board_folder / board.path] = _page(
            board_folder / board.path, as_markdown(board, file.name if drawn else "")
        )
        if drawn:
            others[board_folder / file] = drawn
    if boards:
        others[board_folder / PAGE] = _page(board_folder / PAGE, index_page(boards))
    return _Rendered(boards, texts, others, [*quoted.problems, *collected.problems])


def _order(key: BoardKey) -> tuple[bool, bool, BoardKey]:
    """Return the order of boards: one's own data, full tier, sample tier."""
    return not key.own, key.tier == "sample", key


def official_folder() -> Path:
    """Return the folder of the suite's own records, published figures and errata, in the package or its checkout."""
    package = Path(tta_bench.__file__).parent
    shipped = package / "_leaderboards"
    return shipped if shipped.is_dir() else package.parent / "leaderboards"


def _page(path: Path, generated: str) -> str:
    """Return a page's content with the generated part replaced, or just that part if there is no file."""
    if not path.exists():
        return generated
    content = between_markers(path.read_text(encoding="utf-8"), generated)
    if content is None:
        raise UserError(
            f"{path} has no markers of a generated part.", f"Move it away, or put these in:\n{BEGIN}\n{END}"
        )
    return content


def _orphans(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield every generated page and picture of a folder of boards, with the words for one that should not be there."""
    for place in (folder, folder / "sample", folder / FOLDER):
        for path in sorted(place.glob("*.md")):
            if BEGIN in path.read_text(encoding="utf-8", errors="replace"):
                yield path, "a board without records"
        for path in sorted(place.glob("*.svg")):
            yield path, "a picture without a board"


def _files(folders: Sequence[Path]) -> dict[str, tuple[int, int]]:
    """Return inode and time of the file of every record by its path; both change when a file is replaced."""
    listing = {}
    for path in (path for folder in folders for path in record_files(folder)):
        with contextlib.suppress(OSError):  # just withdrawn by another process
            found = path.stat()
            listing[str(path)] = found.st_ino, found.st_mtime_ns
    return listing


def _ended(before: dict[str, tuple[int, int]], now: dict[str, tuple[int, int]]) -> bool:
    """Return True if a record was withdrawn meanwhile, or written for a run that has ended."""
    if not all(Path(path).exists() for path in before.keys() - now.keys()):  # a listing may miss one just replaced
        return True
    for path, file in now.items():
        with contextlib.suppress(OSError):
            if before.get(path) != file and _STARTED not in Path(path).read_bytes():
                return True
    return False
