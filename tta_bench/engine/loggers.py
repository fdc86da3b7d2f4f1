"""Loggers that a training's figures go to besides ``metrics.jsonl``: MMEngine's back ends of its Visualizer.

Each is fed by a process of its own, so that neither what it imports, nor a slow one, nor a server that cannot be
reached, keeps a training waiting. One that fails is named in a line, and the run goes on without it. None changes a
number.
"""

from __future__ import annotations

import gc
import importlib.util
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.queues import Queue
from pathlib import Path
from queue import Empty
from types import TracebackType
from typing import Any

from tta_bench.utils.printable import one_line
from tta_bench.utils.progress import console
from tta_bench.utils.signals import serve

CLOSE_SECONDS = 30.0
"""Time that all loggers have at the end of a training for what they were sent."""
GATHER_SECONDS = 5.0
"""Time for which lines are gathered: MLflow takes many at once for little more than the cost of one."""
PROJECT = "tta-bench"
"""Name of the project, or experiment, that runs stand in."""
Figures = Mapping[str, float]
"""A line of ``metrics.jsonl``: ``step``, and the figures after it."""
MLFLOW_MOST = 1000
"""Most figures that MLflow takes at once."""
UNUSED = ("IPython", "pandas", "transformers")
"""Packages that MMEngine and MLflow import wherever they are installed, at some cost, and that no logger needs."""


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

    def __enter__(self) -> Loggers:
        """Start the processes, which import what they need meanwhile."""
        for logger in self._loggers:
            logger.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give all loggers together `CLOSE_SECONDS` for what is left, and end their runs."""
        for logger in self._loggers:
            logger.put(kind is None)
        until = time.monotonic() + CLOSE_SECONDS
        for logger in self._loggers:
            logger.wait(until)

    def send(self, line: Figures) -> None:
        """Hand a line on to each, and return at once."""
        figures = {name: value for name, value in line.items() if name != "step"}
        for logger in self._loggers:
            logger.put(Line(int(line["step"]), figures, time.time()))


class _Logger:
    """One logger, and the process that feeds it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        # A forked process has what is imported here already; other systems use Python's default.
        self._context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
        self._lines: Queue[Line | bool] = self._context.Queue()
        self._said, self._says = self._context.Pipe(duplex=False)
        self._process: Any = None

    def start(self) -> None:
        """Start the process, unless the package is not there."""
        if importlib.util.find_spec(KINDS[self.name].package) is None:
            self._leave("is not installed", f" pip install 'tta-bench[{self.name}]' brings it.")
            return
        todo = (self.name, self.folder, self._lines, self._says, os.getpid())
        self._process = self._context.Process(target=_feed, args=todo, name=f"tta-bench-{self.name}", daemon=True)
        self._process.start()
        self._says.close()  # so that a process that dies is noticed

    def put(self, line: Line | bool) -> None:
        """Put a line, or the end of the run, into the queue; false for a run that was stopped or failed."""
        if self._process is not None:
            self._lines.put(line)
            if self._said.poll():
                self._end()

    def wait(self, until: float) -> None:
        """Wait for the process, and say so where it does not end in time."""
        if self._process is not None and self._said.poll(max(0.0, until - time.monotonic())):
            self._end()
        if self._process is not None:
            self._leave(f"has not taken all steps in {CLOSE_SECONDS:.0f} s")

    def _end(self) -> None:
        """Take in the end of the process, or what failed in it."""
        try:
            failure = self._said.recv()
        except EOFError:
            failure = "its process died"
        if failure:
            self._leave(f"failed ({failure})")
        else:
            self._process.join()
            self._process = None
            self._lines.close()  # ends its thread

    def _leave(self, reason: str, hint: str = "") -> None:
        """End the process, and say once that the run goes on without this logger."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None
            self._lines.cancel_join_thread()  # nothing waits for lines that nobody takes
        said = f"runtime.logging: {self.name} {reason}; the run goes on without it.{hint}"
        console.print(said, style="yellow", markup=False, soft_wrap=True)


def _feed(name: str, folder: Path, lines: Queue[Line | bool], says: Connection, parent: int) -> None:
    """Feed a logger, in a process that is its own, and send what failed, or an empty text."""
    serve(parent)
    failure = ""
    try:
        _hush()
        _work(KINDS[name], folder, lines)
    except BaseException as error:  # some end the process: wandb by SystemExit
        failure = _said(error)
    says.send(failure)


def _work(kind: Kind, folder: Path, queue: Queue[Line | bool]) -> None:
    gc.disable()  # no search for garbage among what is imported
    for package in UNUSED:
        sys.modules.setdefault(package, None)  # type: ignore[arg-type]
    for variable, value in kind.variables.items():
        os.environ.setdefault(variable, value)
    importlib.import_module(kind.package)
    importlib.import_module("mmengine.visualization.vis_backend")
    from mmengine.logging import MMLogger
    from mmengine.registry import VISBACKENDS

    gc.freeze()  # nor among all that a training holds, later
    gc.enable()
    MMLogger.get_instance("tta-bench", log_level="CRITICAL")  # MLflow's back end writes to the last one made
    lines, well = _gather(queue)
    if not lines:
        return
    backend = VISBACKENDS.build(kind.settings(folder))
    kind.write(backend, lines)
    while well is None:
        lines, well = _gather(queue)
        kind.write(backend, lines)
    kind.end(backend, well)


def _gather(queue: Queue[Line | bool]) -> tuple[list[Line], bool | None]:
    """Wait for a line and those of `GATHER_SECONDS` after it, or for the end of the run, which comes second."""
    lines: list[Line] = []
    until: float | None = None
    while True:
        try:
            line = queue.get(timeout=None if until is None else max(0.0, until - time.monotonic()))
        except Empty:
            return lines, None
        if isinstance(line, bool):
            return lines, line
        lines.append(line)
        until = until or time.monotonic() + GATHER_SECONDS


def _hush() -> None:
    """Keep all that a logger prints off the screen."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)
    sys.stdout = sys.stderr = os.fdopen(nowhere, "w")


def _said(error: BaseException, most: int = 160) -> str:
    """Return the start of an error's message on one line."""
    text = one_line(str(error)) or type(error).__name__
    return text if len(text) <= most else f"{text[:most]}..."
