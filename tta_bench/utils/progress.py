"""One progress bar: rich on a terminal, a plain line now and then elsewhere. All of it on stderr."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

PLAIN_SECONDS = 10.0
"""Without a terminal, say something this often."""

console = Console(stderr=True, highlight=False)


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
        self._text = ""
        self._start = self._said = time.monotonic()
        self._bar: Progress | None = None
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[text]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=console,
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
        """Leave the bar as it stands; without a terminal, say where it ended."""
        if self._bar:
            self._bar.stop()
        else:
            self._say()

    @property
    def rate(self) -> float:
        """Steps per second since the bar was made."""
        return (self.done - self._first) / max(time.monotonic() - self._start, 1e-9)

    def advance(self, steps: int = 1, text: str = "") -> None:
        """Move on by some steps and show a short text (a loss, say) beside the throughput."""
        self.done += steps
        self._text = text
        if self._bar:
            self._bar.update(self._task, completed=self.done, text=f"{text} {self.rate:.1f} {self.unit}/s".strip())
        elif time.monotonic() - self._said >= PLAIN_SECONDS:
            self._say()

    def _say(self) -> None:
        self._said = time.monotonic()
        left = (self.total - self.done) / self.rate if self.rate > 0 else 0.0
        console.print(
            f"{self.title} {self.done}/{self.total} {self._text} {self.rate:.1f} {self.unit}/s, {left:.0f} s left",
            markup=False,
            soft_wrap=True,
        )
