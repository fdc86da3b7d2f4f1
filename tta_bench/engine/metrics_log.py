"""The log of a training: a progress bar, and ``metrics.jsonl`` with a line for each step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO

from tta_bench.engine.step import StepResult
from tta_bench.utils.progress import Bar


class MetricsLog:
    """Appends each step's loss, gradient norm and learning rate to a file of JSON lines, and moves a progress bar.

    A context manager: entering it opens the file, without the lines of steps that will be done again.

    Args:
        path: The file, ``metrics.jsonl``.
        title: Title of the bar.
        first: First step.
        last: Step to stop before.
        clips: Clips in a step, for the throughput.
    """

    def __init__(self, path: Path, title: str, first: int, last: int, clips: int) -> None:
        self.path, self.first, self.clips = path, first, clips
        self._bar = Bar(title, last * clips, "clips", first * clips)
        self._file: TextIO | None = None

    def __enter__(self) -> MetricsLog:
        """Open the file and show the bar."""
        kept = [line for line in _whole_lines(self.path) if json.loads(line)["step"] < self.first]
        self._file = self.path.open("w", buffering=1, encoding="utf-8")  # line by line, for whoever reads along
        self._file.writelines(f"{line}\n" for line in kept)
        self._bar.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file and leave the bar as it stands, however training ended."""
        self._bar.__exit__(None, None, None)
        if self._file is not None:
            self._file.close()

    def write(self, step: int, result: StepResult, lr: float) -> None:
        """Write a step's line and move the bar."""
        assert self._file is not None
        line = {"step": step, "loss": result["loss"], "grad_norm": result["grad_norm"], "lr": lr}
        self._file.write(json.dumps(line) + "\n")
        self._bar.advance(self.clips, f"loss {result['loss']:.3f}")


def _whole_lines(path: Path) -> list[str]:
    """Return the lines of a file; a last one that a crash cut short is left out."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return text[: text.rfind("\n") + 1].splitlines()
