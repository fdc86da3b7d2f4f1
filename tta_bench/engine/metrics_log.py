"""The log of a training: a progress bar, and ``metrics.jsonl`` with a line for each step."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

import torch
from torch import Tensor

from tta_bench.engine.step import StepResult
from tta_bench.utils.files import naming, write_atomic
from tta_bench.utils.progress import Bar

FIGURES = ("loss", "grad_norm", "lr")
WATCHED = "knn"
"""Name of the figure that a step's line has besides, where the model was looked at after the step."""


Send = Callable[[Mapping[str, float]], None]
"""Takes a line of the log."""


def nobody(line: Mapping[str, float]) -> None:
    """Take a line, and do nothing with it."""


class MetricsLog:
    """Appends each step's loss, gradient norm and learning rate to a file of JSON lines, and moves a progress bar.

    A context manager: entering it writes the file anew, with the lines of the steps before the first.

    Args:
        path: The file, ``metrics.jsonl``. A link in its place is replaced, and what it points to left alone. None in a
            process that writes nothing.
        title: Title of the bar.
        first: First step.
        last: Step to stop before.
        clips: Clips in a step, for the throughput.
        figures: Those of the steps before the first, ``float64 (first, 3)``, from the checkpoint; a fourth column is of
            looks at the model. Without them they are taken from the file, as far as its lines can be read.
        per_epoch: Steps of a pass over the training list; 0 where there are none.
        send: Takes every line besides, those of the steps before the first too.
    """

    def __init__(
        self,
        path: Path | None,
        title: str,
        first: int,
        last: int,
        clips: int,
        figures: Tensor | None = None,
        per_epoch: int = 0,
        send: Send = nobody,
    ) -> None:
        self._send = send
        self.path, self.first, self.last, self.clips, self.per_epoch = path, first, last, clips, per_epoch
        self._bar = Bar(title, last * clips, "clips", first * clips)
        self._file: TextIO | None = None
        if figures is not None and len(figures) == first:
            rows = [row for row in enumerate(figures.tolist()) if not math.isnan(row[1][0])]
            self._lines = [{"step": step, **_named(row)} for step, row in rows]
        else:
            self._lines = [line for line in (read_metrics(path) if path else []) if line["step"] < first]

    def __enter__(self) -> MetricsLog:
        """Write the file anew and show the bar; one who had it open, and lost the training, writes to the old file."""
        if self.path is not None:
            write_atomic(self.path, self._content())
            self._file = self.path.open("a", buffering=1, encoding="utf-8")  # line by line, for whoever reads along
        for line in self._lines:
            self._send(line)
        self._bar.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file and leave the bar as it stands, however training ended."""
        self._bar.__exit__(None, None, None)
        if self._file is not None:
            self._file.close()

    @property
    def figures(self) -> Tensor:
        """Figures of the steps so far, ``float64 (steps, 3)``, for the checkpoint; NaN where a line was lost.

        There is a fourth column, NaN at most steps, where the model was looked at.
        """
        steps = self._lines[-1]["step"] + 1 if self._lines else 0
        names = (*FIGURES, WATCHED) if any(WATCHED in line for line in self._lines) else FIGURES
        figures = torch.full((int(steps), len(names)), torch.nan, dtype=torch.float64)
        for line in self._lines:
            row = [line.get(name, math.nan) for name in names]
            figures[int(line["step"])] = torch.tensor(row, dtype=torch.float64)
        return figures

    def lacks(self, step: int) -> bool:
        """Return True if the last line is a step's, and the model was not looked at after it."""
        return bool(self._lines) and self._lines[-1]["step"] == step and WATCHED not in self._lines[-1]

    def amend(self, value: float) -> None:
        """Add what a look at the model gave to the last line, and write the file anew."""
        self._lines[-1][WATCHED] = value
        self._send({"step": self._lines[-1]["step"], WATCHED: value})
        if self._file is not None:
            self._file.close()
        self.restore()
        if self.path is not None:
            self._file = self.path.open("a", buffering=1, encoding="utf-8")

    def restore(self) -> None:
        """Write the lines of the steps before the first, if the file does not have just these."""
        if self.path is None:
            return
        content = self._content()
        if self.path.is_symlink() or not self.path.is_file() or self.path.read_bytes() != content:
            write_atomic(self.path, content)

    def _content(self) -> bytes:
        return "".join(json.dumps(line) + "\n" for line in self._lines).encode()

    def write(
        self,
        step: int,
        result: StepResult,
        lr: float,
        watched: float | None = None,
        *,
        waiting: float = 0.0,
        memory: int = 0,
    ) -> None:
        """Write a step's line and move the bar.

        Args:
            step: Number of the step, from 0.
            result: Its loss and gradient norm.
            lr: Its learning rate.
            watched: Figure of a look at the model after it, if there was one.
            waiting: Seconds spent waiting for data so far.
            memory: Bytes used at most so far.
        """
        line = {"step": step, "loss": result["loss"], "grad_norm": result["grad_norm"], "lr": lr}
        if watched is not None:
            line[WATCHED] = watched
        self._lines.append(line)
        if self.path is not None and self._file is not None:
            with naming(self.path):
                self._file.write(json.dumps(line) + "\n")
        self._send(line)
        place, epoch = f"step {step + 1:,}/{self.last:,}", dict[str, int]()
        if self.per_epoch:
            done = step // self.per_epoch + 1
            place, epoch = f"epoch {done:,}/{-(-self.last // self.per_epoch):,} {place}", {"epoch": done}
        further = {"step": step, **epoch, "waiting_seconds": waiting, "memory_bytes": memory}
        self._bar.advance(self.clips, f"loss {result['loss']:.3f}", place, **further)


def read_metrics(path: Path) -> list[dict[str, float]]:
    """Return the figures of each step in a log, in the order of the steps.

    A line that a crash or a full disk cut short, or left as zeros, is left out; of two of one step the last counts. A
    link is somebody else's file, and is not read.
    """
    if path.is_symlink() or not path.is_file():
        return []
    steps: dict[int, dict[str, float]] = {}
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
            figures = {name: float(line[name]) for name in (*FIGURES, *([WATCHED] if WATCHED in line else []))}
            steps[int(line["step"])] = {"step": int(line["step"]), **figures}
        except (ValueError, TypeError, LookupError):
            continue
    return [steps[step] for step in sorted(steps)]


def _named(row: Sequence[float]) -> dict[str, float]:
    """Return the figures of a step by name, from a row of a checkpoint's."""
    names = (*FIGURES, WATCHED)[: len(row)]
    return {name: value for name, value in zip(names, row, strict=True) if name != WATCHED or not math.isnan(value)}
