"""Loggers that a training's figures go to besides ``metrics.jsonl``: MMEngine's back ends of its Visualizer.

Each is fed by a thread of its own, so that a slow one, or a server that cannot be reached, keeps no training waiting.
One that fails is named in a line, and the run goes on without it. None changes a number.
"""

from __future__ import annotations

import gc
import importlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any

from tta_bench.utils.printable import one_line
from tta_bench.utils.progress import console

CLOSE_SECONDS = 10.0
"""Time that all loggers have at the end of a training for what they were sent."""
GATHER_SECONDS = 5.0
"""Time for which lines are gathered: MLflow takes many at once for little more than the cost of one."""
PROJECT = "tta-bench"
"""Name of the project, or experiment, that runs stand in."""
Figures = Mapping[str, float]
"""A line of ``metrics.jsonl``: ``step``, and the figures after it."""
MLFLOW_MOST = 1000
"""Most figures that MLflow takes at once."""


@dataclass(frozen=True)
class Line:
    """A line on its way to a logger."""

    step: int
    figures: Figures
    """Its figures, without the step."""
    seconds: float
    """Time at which it was sent, since 1970."""


def _line_by_line(backend: Any, lines: Sequence[Line]) -> None:
    for line in lines:
        backend.add_scalars(line.figures, step=line.step)


def _to_mlflow(backend: Any, lines: Sequence[Line]) -> None:
    from mlflow.entities import Metric

    mlflow = backend.experiment
    milliseconds = [(line, int(1000 * line.seconds)) for line in lines]
    figures = [Metric(name, one, at, line.step) for line, at in milliseconds for name, one in line.figures.items()]
    for begin in range(0, len(figures), MLFLOW_MOST):
        run = mlflow.active_run().info.run_id
        mlflow.MlflowClient().log_batch(run, metrics=figures[begin : begin + MLFLOW_MOST])


@dataclass(frozen=True)
class Kind:
    """A kind of logger."""

    package: str
    """Package that is imported; the extra that brings it is named as the logger is."""
    settings: Callable[[Path], dict[str, Any]]
    """Gives the back end's settings from the folder of the training."""
    end: Callable[[Any, bool], None]
    """Ends a run of a back end; false for one that was stopped or failed."""
    write: Callable[[Any, Sequence[Line]], None] = _line_by_line
    """Hands lines to a back end."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables, where the user has not set them: none asks, prints, or tells its makers of its use."""


def _tensorboard(folder: Path) -> dict[str, Any]:
    place = folder / "tensorboard"
    if place.is_symlink():
        raise FileExistsError(f"{place} is a link, and what it points to is left alone")
    for file in place.glob("events.out.tfevents.*"):
        file.unlink()  # of the same training: its steps are sent again
    return {"type": "TensorboardVisBackend", "save_dir": str(place)}


def _wandb(folder: Path) -> dict[str, Any]:
    run = {"project": PROJECT, "name": folder.name, "settings": {"console": "off", "silent": True, "init_timeout": 20}}
    return {"type": "WandbVisBackend", "save_dir": str(folder), "init_kwargs": run}


def _mlflow(folder: Path) -> dict[str, Any]:
    server = os.environ.get("MLFLOW_TRACKING_URI")
    place = {"save_dir": str(folder.parent / "mlflow"), "tracking_uri": server}
    return {"type": "MLflowVisBackend", "exp_name": PROJECT, "run_name": folder.name, **place}


KINDS = {
    "tensorboard": Kind("tensorboard", _tensorboard, lambda backend, _: backend.close()),
    "wandb": Kind(
        "wandb",
        _wandb,
        lambda backend, well: backend.experiment.finish(exit_code=0 if well else 1),
        variables={"WANDB_SILENT": "true"},
    ),
    "mlflow": Kind(
        "mlflow",
        _mlflow,
        lambda backend, well: backend.experiment.end_run("FINISHED" if well else "KILLED"),
        _to_mlflow,
        {
            "MLFLOW_ALLOW_FILE_STORE": "true",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
            "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        },
    ),
}
"""The kinds of loggers by name."""


class Loggers:
    """Loggers of a training, used as a context manager: nothing is written before the first line is sent.

    Args:
        names: Names of `KINDS`.
        folder: Folder of the training; TensorBoard's files go into ``tensorboard`` in it, W&B's into ``wandb``, and
            MLflow's into ``mlflow`` beside it, unless ``MLFLOW_TRACKING_URI`` says otherwise.
    """

    def __init__(self, names: Sequence[str], folder: Path) -> None:
        self._loggers = [_Logger(name, folder) for name in names]
        self._begun = False
        self._environment: dict[str, str] = {}

    def __enter__(self) -> Loggers:
        """Import what is needed; environment variables that it sets are for one training."""
        self._environment = _variables()
        for logger in self._loggers:
            logger.load()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give all loggers together `CLOSE_SECONDS` for what is left, and end their runs."""
        for logger in self._loggers:
            logger.finish(kind is None)
        until = time.monotonic() + CLOSE_SECONDS
        for logger in self._loggers:
            logger.wait(until)
        for name in _variables():
            del os.environ[name]
        os.environ |= self._environment

    def send(self, line: Figures) -> None:
        """Hand a line on to each, and return at once."""
        if not self._begun:
            self._begun = True
            for logger in self._loggers:
                logger.start()
        for logger in self._loggers:
            logger.send(line)


class _Logger:
    """One logger, and the thread that feeds it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.kind, self.folder = name, KINDS[name], folder
        self._lines: SimpleQueue[Line | bool] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._left = False

    def load(self) -> None:
        """Import the package here: a loader's process that is forked while a thread does would wait for it for ever."""
        for variable, value in self.kind.variables.items():
            os.environ.setdefault(variable, value)
        try:
            with _importing():
                importlib.import_module(self.kind.package)
                importlib.import_module("mmengine.visualization.vis_backend")
        except ImportError as error:
            missing = error.name == self.kind.package
            reason = f"{self.name} is not installed" if missing else f"{self.name} cannot be imported ({_said(error)})"
            self._leave(reason, f" pip install 'tta-bench[{self.name}]' brings it.")
        except Exception as error:  # whatever a package raises: no logger ends a run
            self._leave(f"{self.name} cannot be imported ({_said(error)})")

    def start(self) -> None:
        """Start the thread, unless the package is not there."""
        if self._left:
            return
        self._thread = threading.Thread(target=self._work, name=f"tta-bench-{self.name}", daemon=True)
        self._thread.start()

    def send(self, line: Figures) -> None:
        """Put a line into the queue."""
        if not self._left:
            figures = {name: value for name, value in line.items() if name != "step"}
            self._lines.put(Line(int(line["step"]), figures, time.time()))

    def finish(self, well: bool) -> None:
        """Put the end of the run into the queue."""
        self._lines.put(well)

    def wait(self, until: float) -> None:
        """Wait for the thread, and say so where it does not end in time."""
        if self._thread is None:
            return
        self._thread.join(max(0.0, until - time.monotonic()))
        if self._thread.is_alive():
            self._leave(f"{self.name} has not taken all steps in {CLOSE_SECONDS:.0f} s")

    def _work(self) -> None:
        try:
            _hush(self.kind.package)
            from mmengine.registry import VISBACKENDS

            backend = VISBACKENDS.build(self.kind.settings(self.folder))
            well = None
            while well is None:
                lines, well = self._gather()
                self.kind.write(backend, lines)
            self.kind.end(backend, well)
        except BaseException as error:  # some end the process: wandb by SystemExit
            self._leave(f"{self.name} failed ({_said(error)})")

    def _gather(self) -> tuple[list[Line], bool | None]:
        """Wait for a line and those of `GATHER_SECONDS` after it, or for the end of the run, which comes second."""
        lines: list[Line] = []
        until: float | None = None
        while True:
            try:
                line = self._lines.get(timeout=None if until is None else max(0.0, until - time.monotonic()))
            except Empty:
                return lines, None
            if isinstance(line, bool):
                return lines, line
            lines.append(line)
            until = until or time.monotonic() + GATHER_SECONDS

    def _leave(self, reason: str, hint: str = "") -> None:
        """Say once that the run goes on without this logger."""
        if not self._left:
            self._left = True
            said = f"runtime.logging: {reason}; the run goes on without it.{hint}"
            console.print(said, style="yellow", markup=False, soft_wrap=True)


@contextmanager
def _importing() -> Iterator[None]:
    """Import at half the cost: no search for garbage among all that a training holds, and no transformers.

    MMEngine's optimizers import that wherever it is installed, which takes a second, and no logger needs it.
    """
    collected, hidden = gc.isenabled(), "transformers" not in sys.modules
    gc.disable()
    if hidden:
        sys.modules["transformers"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if hidden:
            del sys.modules["transformers"]
        if collected:
            gc.enable()


def _variables() -> dict[str, str]:
    """Return the environment variables of the loggers."""
    return {name: value for name, value in os.environ.items() if name.startswith(("MLFLOW_", "WANDB_"))}


def _hush(package: str) -> None:
    """Keep a package's own log, and MMEngine's advice on servers, off the screen."""
    from mmengine.logging import MMLogger

    logging.getLogger(package).setLevel(logging.CRITICAL)
    logger = MMLogger.get_current_instance()
    logger.addFilter(_no_advice)
    for handler in logger.handlers:
        if not isinstance(handler, logging.FileHandler) and handler.stream.closed:
            handler.stream = sys.stderr  # MMEngine takes one whose stream is closed for a file's


def _no_advice(said: logging.LogRecord) -> bool:
    return "mlflow server" not in said.getMessage()


def _said(error: BaseException, most: int = 160) -> str:
    """Return the start of an error's message on one line."""
    text = one_line(str(error)) or type(error).__name__
    return text if len(text) <= most else f"{text[:most]}..."
