"""Journal of a run: ``progress.jsonl``, how fast it goes, and ``run.log``, what it said, in the folder of its training.

Both tell of this machine and this hour, so they stand beside ``metrics.jsonl``, which two processes, or a run that was
stopped and went on, write bit by bit as one that was not. Nothing reads them back: they are for people.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

PROGRESS, LOG = "progress.jsonl", "run.log"
"""Files of the figures, and of the lines."""
_MOST_HELD = 200
"""Lines kept until training has begun."""


class Journal:
    """Two files that grow; lines wait until training has begun, since a run that is refused leaves no folder.

    Args:
        folder: Folder of the training.
        begun: File by which a training that has begun is known.
    """

    def __init__(self, folder: Path, begun: Path) -> None:
        self.folder, self.begun = folder, begun
        self._held: list[tuple[str, str]] = []

    def note(self, phase: str, **figures: float | str | None) -> None:
        """Add a line of figures, with the time, to ``progress.jsonl``; what is unknown is left out."""
        known = {name: figure for name, figure in figures.items() if figure is not None}
        self._add(PROGRESS, json.dumps({"time": now(), "phase": phase, **known}))

    def say(self, text: str) -> None:
        """Add a line of words, with the time, to ``run.log``."""
        for line in text.splitlines():
            self._add(LOG, f"{now()} {line}".rstrip())

    def _add(self, name: str, line: str) -> None:
        self._held = [*self._held[-_MOST_HELD:], (name, line)]
        if not self.begun.is_file():
            return
        held, self._held = self._held, []
        with suppress(OSError):  # a full disk is said by what the run needs, and a link is somebody else's file
            for file in dict.fromkeys(name for name, _ in held):
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
                number = os.open(self.folder / file, flags, 0o666)
                with os.fdopen(number, "a", encoding="utf-8", errors="backslashreplace") as opened:
                    opened.writelines(f"{text}\n" for of, text in held if of == file)


_open: list[Journal] = []


@contextmanager
def journal(folder: Path | None, begun: str) -> Iterator[None]:
    """Let progress and what is said be noted while the block runs.

    Args:
        folder: Folder of the training; None notes nothing.
        begun: Name of the file in it by which a training that has begun is known.
    """
    if folder is None:
        yield
        return
    _open.append(Journal(folder, folder / begun))
    try:
        yield
    finally:
        _open.pop()


def current() -> Journal | None:
    """Return the journal of the run at work, if there is one."""
    return _open[-1] if _open else None


def now() -> str:
    """Return the time as ``2026-01-31T12:00:00Z``."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
