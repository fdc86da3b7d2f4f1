from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.conftest import Done
from tests.metrics.some_plugins import write_metric
from tests.records.some_intensities import some_intensities, write_reaction
from tests.records.some_keys import needs_ssh_keygen, some_key, trust
from tests.records.some_records import some_predictions, write_success
from tta_bench.metrics import METRICS
from tta_bench.records.attest import attest, statement_of
from tta_bench.records.store import read_record, write_record

Command = Callable[..., Done]


def test_it_says_what_it_recomputed_and_what_it_could_not(tmp_path: Path, command: Command) -> None:
    write_reaction(tmp_path, some_intensities())
    hidden = write_reaction(tmp_path, some_intensities(salt="hidden"), hidden=True, backbone="hidden")
    done = command("verify", tmp_path)
    assert done.code == 0
    assert "recomputed from predictions" in done.out
    assert f"arithmetic {hidden.name}: nothing was recomputed; labels are private: data.root=" in done.out
    assert done.out.splitlines()[-1] == "2 records: 2 arithmetic"
    assert "ok " not in done.out
    assert command("verify", hidden, "data.rot=x").code == 2
    assert command("verify", hidden, f"data.root={tmp_path / 'none'}").code == 2
    assert "there is no folder leaderboards/records" in command("verify").err or Path("leaderboards").exists()
    assert "there is no file gone.json" in command("verify", "gone.json").err


def test_predictions_may_lie_elsewhere(tmp_path: Path, command: Command) -> None:
    path = write_success(tmp_path / "records", some_predictions(), keep_predictions=True)
    (large,) = tmp_path.glob("records/*.predictions.*.npz")
    (tmp_path / "large").mkdir()
    large = large.rename(tmp_path / "large" / large.name)
    assert "recomputed from outcomes" in command("verify", path).out
    assert "recomputed from predictions" in command("verify", path, "--predictions", large.parent).out
    large.write_bytes(b"something else")
    done = command("verify", path, "--predictions", large.parent)
    assert (done.code, "its sha256 differs" in done.out) == (1, True)


@needs_ssh_keygen
def test_two_keys_attest_one_is_revoked_and_keys_change_alone(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The short form of the stories in `tests/acceptance/test_attestations.py`, on a record that was never run."""
    base, boards = tmp_path / "base", tmp_path / "boards"
    path = write_success(base / "records", some_predictions(), party="lab")
    shutil.copytree(base, boards)
    path = boards / "records" / path.name
    ann, bob = some_key(tmp_path, "ann@lab"), some_key(tmp_path, "bob@elsewhere")
    for key, word in ((ann, "retested"), (bob, "rerun")):
        attest(read_record(path), path, statement_of(read_record(path), word, "0.1.0"), key)
    for folder in (base, boards):
        trust(folder / "maintainers", ann)
    assert "attestation 2: it is signed by an unknown key" in command("verify", path).out
    trust(boards / "maintainers", bob)
    done = command("verify", path)
    assert (done.code, "; rerun by bob@elsewhere" in done.out) == (0, True)
    done = command("verify", path.parent, "--since", base)
    assert (done.code, "KEYS maintainers was changed together with records" in done.out) == (1, True)
    revoked = trust(trust(tmp_path / "revoked", bob), ann, until="20200101")
    done = command("verify", path, "--maintainers", revoked)
    assert (done.code, "is outside the validity of the key" in done.out) == (1, True)
    monkeypatch.setenv("PATH", str(tmp_path))
    done = command("verify", path)
    assert (done.code, "signatures not checked" in done.out, "there is no ssh-keygen" in done.err) == (1, True, True)
    done = command("attest", path, "--key", ann)
    assert (done.code, "so nothing can be signed" in done.err) == (2, True)


@pytest.fixture
def metric(registry: Path) -> Path:
    """A plug-in file with a metric, and the card of a protocol that ranks by it in the user's registry."""
    return write_metric(registry)


def forget() -> None:
    """Forget the plug-in's metric, as a new process does."""
    METRICS.module_dict.pop("mean_average_precision", None)
    for name in [name for name in sys.modules if name.startswith("tta_bench_plugin_")]:
        del sys.modules[name]


def check_recomputed(command: Command, records: Path, metric: Path, name: str) -> None:
    """Check what ``verify`` says of a record with and without the plug-in."""
    forget()
    imported = metric.with_suffix(".imported")
    imported.unlink()
    done = command("verify", records)
    assert (done.code, f"not recomputed: needs plug-in {name}" in done.out) == (1, True)
    assert not imported.exists()  # its code was not run
    done = command("verify", records, "--plugin", metric)
    assert (done.code, "recomputed from predictions" in done.out) == (0, True)


def test_a_run_is_scored_by_a_metric_of_a_plugin(tmp_path: Path, metric: Path, command: Command) -> None:
    words = (
        "protocol=ucf101_map",
        "backbone=timm/test_resnet",
        "limit=16",
        "train.steps=1",
        "eval.segments=1",
        "eval.crops=1",
    )
    assert "unknown metric 'mean_average_precision'" in command("run", *words, "--work-dir", tmp_path / "runs").err
    done = command("run", *words, "--plugin", metric, "--work-dir", tmp_path / "runs", "--json")
    (data,) = json.loads(done.out)
    assert {"mean_average_precision", "top1", "top5", "mean_class"} == set(data["metrics"])
    digest = hashlib.sha256(metric.read_bytes()).hexdigest()
    assert data["environment"]["plugins"] == [{"name": "map.py", "version": None, "sha256": digest}]
    board = (tmp_path / "runs" / "leaderboards" / "sample" / "ucf101_map.md").read_text()
    assert f"{100 * data['metrics']['mean_average_precision']['value']:.2f}" in board
    check_recomputed(command, tmp_path / "runs" / "records", metric, "map.py")
    (path,) = (tmp_path / "runs" / "records").glob("*.json")
    record = read_record(path)
    figure = record.metrics["mean_average_precision"]
    better = {**record.metrics, "mean_average_precision": figure.model_copy(update={"value": figure.value + 0.01})}
    write_record(record.model_copy(update={"metrics": better}), path.parent)
    done = command("verify", path, "--plugin", metric)
    assert (done.code, "mean_average_precision.value: the record says" in done.out) == (1, True)
    next(path.parent.glob("*.predictions.*")).unlink()
    assert "mean_average_precision not recomputed: needs the predictions" in command("verify", path).out


def write_scores(path: Path, labels: Path, quality: float) -> None:
    """Write scores of 32 clips of four classes as somebody would hand them in, and their labels."""
    truth = np.arange(32) % 4
    scores = np.random.default_rng(0).random((32, 4)).round(3) + quality * np.eye(4)[truth]
    header = "id," + ",".join(f"class{k}" for k in range(4))
    rows = [f"clip{i}," + ",".join(f"{score:.3f}" for score in row) for i, row in enumerate(scores)]
    path.write_text("\n".join([header, *rows]))
    labels.write_text("\n".join(["id,label,group", *(f"clip{i},class{k},g{i // 4}" for i, k in enumerate(truth))]))


def test_a_file_is_scored_by_a_metric_of_a_plugin_on_its_own_board(
    tmp_path: Path, metric: Path, command: Command
) -> None:
    work, labels = tmp_path / "runs", tmp_path / "labels.csv"
    words: tuple[Any, ...] = ("protocol=ucf101_map", f"labels={labels}", "--plugin", metric, "--work-dir", work)
    for name, quality in (("weak", 0.2), ("strong", 2.0)):
        write_scores(tmp_path / f"{name}.csv", labels, quality)
        done = command("eval", *words, f"predictions={tmp_path / name}.csv")
        assert done.code == 0, done.err
    board = (work / "leaderboards" / "ucf101_map.md").read_text()
    assert "| strong     |  100.00 |" in board
    check_recomputed(command, work / "records", metric, "map.py")
    files = sorted((work / "records").glob("*.json"))
    compared = command("compare", *files, "--plugin", metric)
    assert "mAP %: 100.00 and" in compared.out
    assert "The two differ" in compared.out
    forget()
    assert "It needs plug-in map.py" in command("compare", *files).err
    (tmp_path / "published").mkdir()
    left_off = command("leaderboard", "--boards", tmp_path, "--records", work / "records", "--check")
    assert (left_off.code, left_off.err.count("is ranked by mean_average_precision, which needs plug-in map.py")) == (
        1,
        2,
    )
