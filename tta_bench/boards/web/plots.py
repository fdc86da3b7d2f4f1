"""Pictures beside the records of a run, PNG: curves of its training, and the confusion matrix of its test."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from tta_bench.boards.web.confusion import confusion
from tta_bench.boards.web.curves import CURVES, thinned
from tta_bench.boards.web.training_folder import log_of
from tta_bench.experiments.base import Experiment
from tta_bench.records.files import read_predictions
from tta_bench.records.predictions import Predictions
from tta_bench.records.schema import Record
from tta_bench.records.store import file_stem
from tta_bench.utils.files import write_atomic
from tta_bench.utils.printable import one_line
from tta_bench.utils.progress import console

_NAMED = 24
"""Most classes whose names stand beside the matrix."""


class Ready(Protocol):
    """An experiment ready to run."""

    @property
    def experiment(self) -> Experiment:
        """The experiment."""

    @property
    def work_dir(self) -> Path:
        """Folder of the runs."""


_Ready = TypeVar("_Ready", bound=Ready)


def with_pictures(run: Callable[[_Ready], list[Record]]) -> Callable[[_Ready], list[Record]]:
    """Return a run that draws the pictures of its records after it, unless ``runtime.plots=false``.

    Args:
        run: Runs an experiment.
    """

    def run_and_draw(ready: _Ready) -> list[Record]:
        records = run(ready)
        if ready.experiment.runtime.plots and not console.quiet:  # of several processes the first one draws
            drawn = [record for record in records if record.status == "success"]
            for problem in plot_all(drawn, ready.work_dir):
                console.print(problem, style="yellow", markup=False)
        return records

    return run_and_draw


def plot_all(records: Sequence[Record], work_dir: Path) -> Iterator[str]:
    """Draw what there is of each record into ``records``, and yield a line for each whose pictures fail.

    A picture that is newer than its record is kept.

    Args:
        records: Finished records.
        work_dir: Folder of the runs.
    """
    for record in records:
        file = work_dir / "records" / f"{file_stem(record)}.json"
        try:
            for name, draw in pictures(record, work_dir):
                picture = file.with_name(f"{file.stem}.{name}.png")
                if not _is_newer(picture, file):
                    write_atomic(picture, draw())
        except Exception as error:  # a picture is no result: whatever a drawing library raises ends no run
            yield f"no pictures of {file_stem(record)}: {one_line(str(error)) or type(error).__name__}"


def _is_newer(file: Path, than: Path) -> bool:
    return file.is_file() and file.stat().st_mtime_ns >= than.stat().st_mtime_ns


def pictures(record: Record, work_dir: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield each picture of a record, as far as its data are kept: ``curves`` and ``confusion``, and how to draw a PNG.

    Args:
        record: A finished record.
        work_dir: Folder of the runs.

    Raises:
        UserError: Its predictions cannot be read.
    """
    logged, _ = log_of(record, work_dir)
    if len(logged) > 1:
        yield "curves", lambda: curves_png(logged)
    ref = record.predictions
    if ref is not None and (file := work_dir / "records" / ref.name).is_file():
        predictions = read_predictions(file)
        if isinstance(predictions, Predictions):
            yield "confusion", lambda: confusion_png(confusion(predictions), predictions.classes)


def curves_png(steps: Sequence[Mapping[str, float]]) -> bytes:
    """Return a PNG with loss, gradient norm, learning rate and what else was logged below each other.

    Args:
        steps: Figures of each step that was logged: ``step`` and those of `CURVES`.
    """
    from matplotlib.figure import Figure

    shown = {name: heading for name, heading in CURVES.items() if any(name in line for line in steps)}
    figure = Figure(figsize=(6, 2 * len(shown)), layout="constrained")
    numbers = np.array([line["step"] for line in steps], float)
    panels = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, heading) in zip(panels, shown.items(), strict=True):
        values = np.array([line.get(name, math.nan) for line in steps], float)
        known = np.isfinite(values)
        axes.plot(*thinned(numbers[known], values[known]))
        axes.set_ylabel(heading)
    panels[-1].set_xlabel("step")
    return _png(figure)


def confusion_png(matrix: NDArray[np.int64], classes: Sequence[str]) -> bytes:
    """Return a PNG of a confusion matrix: a row for each true class, darker where more of its clips went.

    Args:
        matrix: Counts ``(C, C)`` by true class and taken class.
        classes: Names of the classes; they stand beside it where there are few.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(matrix / np.maximum(matrix.sum(1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, label="share of the class's clips")
    if len(classes) <= _NAMED:
        names = [name[:20].replace("$", r"\$") for name in classes]
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("taken for")
    axes.set_ylabel("true class")
    return _png(figure)


def _png(figure: object) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, metadata={"Software": None})  # type: ignore[attr-defined]
    return buffer.getvalue()
