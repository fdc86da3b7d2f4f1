"""Progress bars: rich on a terminal, a line of a notebook's cell, plain lines with a time stamp now and then elsewhere.

All of it is on stderr, but for a notebook's.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.text import Text

from tta_bench.utils.journal import current, now

PLAIN_SECONDS = 10.0
"""Without a terminal, say something this often."""
CELL_SECONDS = 1.0
"""In a notebook, bring the line up to date this often."""
NOTED_SECONDS = 1.0
"""Note something in a run's ``progress.jsonl`` this often."""


class Spoken(Console):
    """A console whose lines go into the log of the run at work, too."""

    hushed = False
    """True shows warnings only, as ``-q`` asks."""
    verbose = False
    """True shows a line for each step instead of a bar, as ``-v`` asks."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print, and note it in the log of the run at work."""
        journal = current()
        if journal is not None and not self.quiet:
            journal.say(" ".join(object_.plain if isinstance(object_, Text) else str(object_) for object_ in objects))
        if not self.hushed or str(options.get("style")) in ("yellow", "red"):
            super().print(*objects, **options)


console = Spoken(stderr=True, highlight=False, color_system=None if "ipykernel" in sys.modules else "auto")


class Bar:
    """A progress bar over a known number of steps, used as a context manager.

    Args:
        title: What is being done, in a word or two.
        total: How many steps there are.
        unit: What one step is, for the throughput (``clips`` prints ``12.3 clips/s``).
        done: Steps done before, when work is continued.
    """

    def __init__(self, title: str, total: int, unit: str, done: int = 0) -> None:
        self.title, self.total, self.unit, self.done = title, total, unit, done
        self._first = done
        self._text, self._place = "", ""
        self._figures: dict[str, float] = {}
        self._start = self._said = self._noted = time.monotonic()
        self._news = True
        self._bar: Progress | None = None
        self._cell: Any = None
        bare = getattr(console, "hushed", False) or getattr(console, "verbose", False) or console.quiet
        self._in_cell = console.is_jupyter and not bare
        self._seconds = CELL_SECONDS if self._in_cell else PLAIN_SECONDS
        if console.is_terminal and not bare:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=None),
                TaskProgressColumn(),
                TextColumn("{task.fields[text]}", markup=False),
                console=console,
                expand=True,
            )
            self._task = self._bar.add_task(title, total=total, completed=done, text="")

    def __enter__(self) -> Bar:
        """Show the bar."""
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the bar as it stands; without a terminal, say where it ended, unless the last line did."""
        if self._bar:
            self._bar.stop()
        elif self._news:
            self._say()
        self._note()

    @property
    def rate(self) -> float:
        """Steps per second since the bar was made."""
        return (self.done - self._first) / max(time.monotonic() - self._start, 1e-9)

    @property
    def left(self) -> float | None:
        """Seconds that the rest takes at this rate; None before the first step."""
        return (self.total - self.done) / self.rate if self.rate > 0 else None

    def advance(self, steps: int = 1, text: str = "", place: str = "", **figures: float) -> None:
        """Move on by some steps.

        Args:
            steps: Steps done since the last call.
            text: A short text (a loss, say) beside the throughput.
            place: The place in words of the user; by default the steps done, and all of them.
            figures: Further figures for the journal of the run.
        """
        self.done += steps
        self._text, self._place, self._figures, self._news = text, place, figures, True
        if self._bar:
            self._bar.update(self._task, completed=self.done, text=self._state())
        elif getattr(console, "verbose", False) or time.monotonic() - self._said >= self._seconds:
            self._say()
        if time.monotonic() - self._noted >= NOTED_SECONDS:
            self._note()

    def _state(self) -> str:
        place = self._place or f"{self.done:,}/{self.total:,}"
        left = "" if self.left is None or self.done >= self.total else f", {clock(self.left)} left"
        return " ".join(filter(None, [place, self._text, f"{self.rate:.1f} {self.unit}/s{left}"]))

    def _say(self) -> None:
        self._said, self._news = time.monotonic(), False
        line = f"{now()} {self.title} {self._state()}"
        if self._in_cell:
            self._show(line)
        else:
            console.print(line, markup=False, soft_wrap=True)

    def _show(self, line: str) -> None:
        """Write the line into the cell, in the place of the one before."""
        from IPython.display import display

        if self._cell is None:
            self._cell = display({"text/plain": line}, raw=True, display_id=True)
        else:
            self._cell.update({"text/plain": line}, raw=True)

    def _note(self) -> None:
        self._noted = time.monotonic()
        journal = current()
        if journal is None or console.quiet:
            return
        figures = {"done": self.done, "total": self.total, "unit": self.unit, f"{self.unit}_per_second": self.rate}
        journal.note(self.title, **figures, seconds_left=self.left, **self._figures)  # type: ignore[arg-type]


def clock(seconds: float) -> str:
    """Return a time as ``h:mm:ss``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
