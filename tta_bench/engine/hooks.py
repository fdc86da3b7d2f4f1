"""What happens around a training step: learning rate, progress and metrics, checkpoints, a clean stop."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from mmengine.hooks import Hook
from mmengine.runner import Runner

from tta_bench.engine.optimizer import learning_rate
from tta_bench.engine.step import StepResult
from tta_bench.utils.progress import Bar


class LearningRateHook(Hook):  # type: ignore[misc]
    """Set every group's learning rate for the step: the schedule times the group's layer-decay scale.

    Args:
        base: Highest learning rate, scaled to the batch.
        minimum: Learning rate at the end, scaled to the batch.
        warmup: Warm-up steps.
        total: All steps.
    """

    def __init__(self, base: float, minimum: float, warmup: int, total: int) -> None:
        self.base, self.minimum, self.warmup, self.total = base, minimum, warmup, total

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Set the learning rates of step ``batch_idx``."""
        rate = learning_rate(batch_idx, self.base, self.minimum, self.warmup, self.total)
        for group in runner.optim_wrapper.optimizer.param_groups:
            group["lr"] = rate * group["lr_scale"]
        runner.model.step = batch_idx


class MetricsHook(Hook):  # type: ignore[misc]
    """Show a progress bar and append each step's loss, gradient norm and learning rate to a file of JSON lines.

    Args:
        path: The file, ``metrics.jsonl``.
        title: Title of the bar.
        clips: Clips in a step, for the throughput.
    """

    def __init__(self, path: Path, title: str, clips: int) -> None:
        self.path, self.title, self.clips = path, title, clips
        self._bar: Bar | None = None
        self._file: TextIO | None = None

    def before_train(self, runner: Runner) -> None:
        """Open the file and show the bar; lines of steps that will be done again are dropped."""
        kept = [line for line in _lines(self.path) if json.loads(line)["step"] < runner.iter]
        self._file = self.path.open("w", buffering=1, encoding="utf-8")  # whole lines, for whoever looks on
        self._file.writelines(f"{line}\n" for line in kept)
        self._bar = Bar(self.title, runner.max_iters * self.clips, "clips", runner.iter * self.clips)
        self._bar.__enter__()

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any, outputs: StepResult) -> None:
        """Write a line and move the bar."""
        assert self._file is not None
        assert self._bar is not None
        rate = max(group["lr"] for group in runner.optim_wrapper.optimizer.param_groups)
        line = {"step": batch_idx, "loss": outputs["loss"], "grad_norm": outputs["grad_norm"], "lr": rate}
        self._file.write(json.dumps(line) + "\n")
        self._bar.advance(self.clips, f"loss {outputs['loss']:.3f}")

    def close(self) -> None:
        """Close the file and leave the bar as it stands, however training ended."""
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
        if self._file is not None:
            self._file.close()


def _lines(path: Path) -> list[str]:
    """Return the whole lines of a file; a last one that a crash cut short is left out."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return text[: text.rfind("\n") + 1].splitlines()


class CheckpointHook(Hook):  # type: ignore[misc]
    """Save every so many minutes, at the end, and when a stop was asked for.

    Args:
        save: Writes the checkpoint of the runner's state.
        minutes: Time between checkpoints.
    """

    priority = "VERY_LOW"

    def __init__(self, save: Callable[[Runner], None], minutes: float) -> None:
        self.save, self.seconds = save, minutes * 60
        self._saved = time.monotonic()
        self._stop = StopRequest()

    def before_train(self, runner: Runner) -> None:
        """Begin to listen for Ctrl-C and SIGTERM."""
        self._stop.listen()

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any, outputs: StepResult) -> None:
        """Save if it is time, and stop cleanly if that was asked for.

        Raises:
            KeyboardInterrupt: After saving, if a stop was asked for.
        """
        asked = self._stop.asked
        if asked or runner.iter == runner.max_iters or time.monotonic() - self._saved >= self.seconds:
            self.save(runner)
            self._saved = time.monotonic()
        if asked:
            raise Stopped(asked, runner.iter)

    def close(self) -> None:
        """Stop listening, however training ended."""
        self._stop.release()


class Stopped(KeyboardInterrupt):
    """Training stopped cleanly because a signal asked for it."""

    def __init__(self, signum: int, step: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name} after step {step}")
        self.signum, self.step = signum, step


class StopRequest:
    """Remembers a first Ctrl-C or SIGTERM, so that the step under way can end; a second Ctrl-C interrupts at once."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.asked: int = 0
        self._before: dict[int, Any] = {}

    def listen(self) -> None:
        """Take over the two signals (in the main thread, where Python allows it)."""
        try:
            self._before = {number: signal.signal(number, self._remember) for number in self.SIGNALS}
        except ValueError:
            self._before = {}

    def release(self) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _remember(self, number: int, _: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = number
