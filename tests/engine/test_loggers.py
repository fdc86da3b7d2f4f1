from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from io import StringIO
from logging import StreamHandler
from pathlib import Path

import numpy as np
import pytest
from mmengine.logging import MMLogger

from tests.engine.line import line_training
from tests.engine.test_training import checkpoint
from tta_bench.engine import loggers
from tta_bench.engine.loggers import Loggers
from tta_bench.engine.metrics_log import FIGURES, read_metrics
from tta_bench.engine.training import train

TITLE = "line-seed0-00000000"


class Killed(Exception):
    """The end of a process."""


def of_tensorboard(folder: Path) -> dict[str, list[tuple[int, float]]]:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = reader.EventAccumulator(str(folder / "tensorboard")).Reload()
    return {name: [(one.step, one.value) for one in found.Scalars(name)] for name in found.Tags()["scalars"]}


def of_mlflow(folder: Path) -> dict[str, list[tuple[int, float]]]:
    mlflow = pytest.importorskip("mlflow")
    client = mlflow.MlflowClient(f"file://{folder.parent / 'mlflow'}")
    project = client.get_experiment_by_name(loggers.PROJECT)
    run = client.search_runs([project.experiment_id])[0]  # the last one
    assert (run.info.run_name, run.info.status) == (folder.name, "FINISHED")
    names = run.data.metrics
    return {name: [(one.step, one.value) for one in client.get_metric_history(run.info.run_id, name)] for name in names}


def logged(folder: Path, cast: Callable[[float], float]) -> dict[str, list[tuple[int, float]]]:
    lines = read_metrics(folder / "metrics.jsonl")
    return {name: [(int(line["step"]), cast(line[name])) for line in lines] for name in FIGURES}


@pytest.mark.parametrize("stopped", [False, True])
def test_their_own_readers_find_what_the_log_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped: bool
) -> None:
    pytest.importorskip("tensorboard")
    pytest.importorskip("mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # for the reader
    folder, names = tmp_path / TITLE, ("tensorboard", "mlflow")
    folder.mkdir()
    kept = None
    if stopped:
        begun = Loggers(names, folder)

        def ends(line: Mapping[str, float]) -> None:
            begun.send(line)
            if line["step"] == 3:
                raise Killed

        with pytest.raises(Killed), begun:
            train(line_training(), folder, {}, None, 1e-9, send=ends)
        kept = checkpoint(folder)
        assert kept["step"] == 3
    with Loggers(names, folder) as begun:
        train(line_training(), folder, {}, kept, send=begun.send)
    assert len(logged(folder, float)["loss"]) == 6
    assert of_mlflow(folder) == logged(folder, float)
    assert of_tensorboard(folder) == logged(folder, lambda value: float(np.float32(value)))


def test_mlflow_gets_many_lines_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    folder = tmp_path / TITLE
    folder.mkdir()
    figures = {"loss": [1 / (step + 1) for step in range(600)], "lr": [step / 3 for step in range(600)]}
    with Loggers(["mlflow"], folder) as begun:
        for step in range(600):
            begun.send({"step": step} | {name: values[step] for name, values in figures.items()})
    assert of_mlflow(folder) == {name: list(enumerate(values)) for name, values in figures.items()}


LINE = {"step": 0, "loss": 1.0}


@pytest.mark.parametrize("name", ["wandb", "mlflow", "tensorboard"])
def test_a_logger_that_is_not_installed_is_named_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with Loggers([name], tmp_path) as begun:
        begun.send(LINE)
        begun.send(LINE)
    assert capsys.readouterr().err == (
        f"runtime.logging: {name} is not installed; the run goes on without it. "
        f"pip install 'tta-bench[{name}]' brings it.\n"
    )


class Fails:
    """A back end that fails in one of three places, or hangs."""

    def __init__(self, where: str) -> None:
        self.where = where

    def add_scalars(self, figures: Mapping[str, float], step: int) -> None:
        if self.where == "hangs":
            threading.Event().wait(20)
        if self.where == "lines" and step == 1:
            raise ConnectionError("no\x1b[31m server")

    def close(self) -> None:
        if self.where == "end":
            raise SystemExit("gone")


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("lines", r"tensorboard failed (no\x1b[31m server); the run goes on without it."),
        ("end", "tensorboard failed (gone); the run goes on without it."),
        ("hangs", "tensorboard has not taken all steps in 0 s; the run goes on without it."),
    ],
)
def test_a_logger_that_fails_or_hangs_ends_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], where: str, said: str
) -> None:
    monkeypatch.setattr(loggers, "CLOSE_SECONDS", 0.2 if where == "hangs" else 10)
    monkeypatch.setattr("mmengine.registry.VISBACKENDS.build", lambda settings: Fails(where))
    with Loggers(["tensorboard"], tmp_path) as begun:
        assert train(line_training(), tmp_path, {}, None, send=begun.send).clips == 6 * 4
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("runtime.logging")]
    assert lines == [f"runtime.logging: {said}"]
    assert multiprocessing.active_children() == []


@pytest.fixture
def closed_stream() -> Iterator[None]:
    """MMEngine's logger writes to a stream that was closed, as one of a test before or of a notebook's cell."""
    (handler,) = (one for one in MMLogger.get_current_instance().handlers if type(one) is StreamHandler)
    stream, closed = handler.stream, StringIO()
    closed.close()
    handler.stream = closed
    yield
    handler.stream = stream


@pytest.mark.usefixtures("closed_stream")
def test_a_server_that_cannot_be_reached_ends_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("mlflow")
    with socket.socket() as refused:
        refused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{refused.getsockname()[1]}")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        with Loggers(["mlflow"], tmp_path) as begun:
            begun.send(LINE)
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 1
    assert told.err.startswith("runtime.logging: mlflow failed (API request to http://127.0.0.1:")


def test_a_link_in_place_of_the_files_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tensorboard")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "events.out.tfevents.1").write_text("theirs")
    (tmp_path / "tensorboard").symlink_to(theirs)
    with Loggers(["tensorboard"], tmp_path) as begun:
        begun.send(LINE)
    assert "is a link" in capsys.readouterr().err
    assert [file.name for file in theirs.iterdir()] == ["events.out.tfevents.1"]


def test_a_logger_whose_process_dies_ends_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mmengine.registry.VISBACKENDS.build", lambda settings: os._exit(9))
    with Loggers(["tensorboard"], tmp_path) as begun:
        begun.send(LINE)
    assert capsys.readouterr().err == (
        "runtime.logging: tensorboard failed (its process died); the run goes on without it.\n"
    )


def test_what_a_logger_imports_hides_and_sets_stays_out_of_the_training(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    check = """
import os, sys
from pathlib import Path
from tta_bench.engine.loggers import Loggers

before = dict(os.environ)
with Loggers(["mlflow"], Path(sys.argv[1])) as begun:
    begun.send({"step": 0, "loss": 1.0})
assert os.environ == before
assert not {"mlflow", "mmengine.visualization", "pandas", "transformers", "IPython"} & {*sys.modules}
"""
    run = [sys.executable, "-c", check, str(tmp_path / "run")]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "mlflow").is_dir()


def test_nothing_is_begun_where_nothing_is_sent(tmp_path: Path) -> None:
    with Loggers(["tensorboard", "mlflow"], tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []
