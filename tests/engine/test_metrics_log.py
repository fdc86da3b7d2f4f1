from __future__ import annotations

import json
from pathlib import Path

import pytest

from tta_bench.engine.metrics_log import MetricsLog, read_metrics


def log(path: Path, first: int) -> MetricsLog:
    return MetricsLog(path, "train", first, last=4, clips=8)


def test_metrics_of_steps_that_are_done_again_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    for first, steps in ((0, 3), (2, 4)):  # stopped after the checkpoint of step 2 was written
        with log(path, first) as metrics:
            for step in range(first, steps):
                metrics.write(step, {"loss": float(first), "grad_norm": 1.0}, lr=0.5)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["step"], line["loss"]) for line in lines] == [(0, 0.0), (1, 0.0), (2, 2.0), (3, 2.0)]
    assert lines[3] == {"step": 3, "loss": 2.0, "grad_norm": 1.0, "lr": 0.5}


LINE = '{"step": 0, "loss": 1.0, "grad_norm": 2.0, "lr": 0.5}\n'


@pytest.mark.parametrize(
    "damage", [b'{"st', b'{"st\n', b"\0" * 90 + b"\n", b"[1]\n", b'{"step": null}\n', b"\xff\xfe\n"]
)
@pytest.mark.parametrize("place", ["before", "after"])
def test_a_line_that_cannot_be_read_is_dropped(tmp_path: Path, damage: bytes, place: str) -> None:
    path = tmp_path / "metrics.jsonl"
    end = b"\n" if place == "before" and not damage.endswith(b"\n") else b""
    path.write_bytes(damage + end + LINE.encode() if place == "before" else LINE.encode() + damage)
    with log(path, 1):
        pass
    assert path.read_text() == LINE


def test_the_checkpoints_figures_make_the_log_whole_again(tmp_path: Path) -> None:
    whole, damaged = tmp_path / "whole.jsonl", tmp_path / "damaged.jsonl"
    with log(whole, 0) as metrics:
        for step in range(3):
            metrics.write(step, {"loss": 0.1 + step, "grad_norm": 1 / 3}, lr=1e-5 / 3)
    damaged.write_bytes(whole.read_bytes()[:90] + b"\0" * 40)
    MetricsLog(damaged, "train", 3, last=4, clips=8, figures=metrics.figures).restore()
    assert damaged.read_bytes() == whole.read_bytes()
    assert [line["loss"] for line in read_metrics(damaged)] == [0.1, 1.1, 2.1]


def test_a_link_is_replaced_and_what_it_points_to_left_alone(tmp_path: Path) -> None:
    theirs, path = tmp_path / "notes.txt", tmp_path / "metrics.jsonl"
    for content in ("somebody's notes\n", LINE):
        theirs.write_text(content)
        path.unlink(missing_ok=True)
        path.symlink_to(theirs)
        with log(path, 1) as metrics:
            metrics.write(1, {"loss": 1.0, "grad_norm": 1.0}, lr=0.5)
        assert theirs.read_text() == content
        assert not path.is_symlink()
        assert [line["step"] for line in read_metrics(path)] == [1]


def test_a_line_can_be_read_before_training_ends(tmp_path: Path) -> None:
    with log(tmp_path / "metrics.jsonl", 0) as metrics:
        metrics.write(0, {"loss": 1.0, "grad_norm": 1.0}, lr=0.5)
        assert json.loads((tmp_path / "metrics.jsonl").read_text())["step"] == 0


@pytest.mark.parametrize("looks", [{0: 0.25}, {1: 0.5, 2: 0.125}])
def test_looks_at_the_model_are_kept_where_they_were_made(tmp_path: Path, looks: dict[int, float]) -> None:
    whole, again = tmp_path / "whole.jsonl", tmp_path / "again.jsonl"
    with log(whole, 0) as metrics:
        for step in range(3):
            metrics.write(step, {"loss": 1.0, "grad_norm": 1.0}, 0.5, looks.get(step))
    restored = MetricsLog(again, "train", 3, last=4, clips=8, figures=metrics.figures)
    restored.restore()
    assert again.read_bytes() == whole.read_bytes()
    assert {line["step"]: line["knn"] for line in read_metrics(again) if "knn" in line} == looks
    assert restored.lacks(2) == (2 not in looks)


@pytest.mark.parametrize("inside", [True, False])
def test_a_late_look_stands_in_the_last_line(tmp_path: Path, inside: bool) -> None:
    path = tmp_path / "metrics.jsonl"
    with log(path, 0) as metrics:
        metrics.write(0, {"loss": 1.0, "grad_norm": 1.0}, 0.5)
        if inside:
            metrics.amend(0.75)
            metrics.write(1, {"loss": 1.0, "grad_norm": 1.0}, 0.5)
    if not inside:
        metrics.amend(0.75)
    assert [line.get("knn") for line in read_metrics(path)] == [0.75, None][: 1 + inside]


@pytest.mark.parametrize("done", [0, 2])
def test_one_who_lost_the_training_writes_into_no_log_of_the_next(tmp_path: Path, done: int) -> None:
    path = tmp_path / "metrics.jsonl"
    with log(path, 0) as stopped:
        for step in range(done):
            stopped.write(step, {"loss": 1.0, "grad_norm": 1.0}, 0.5)
        with log(path, done) as owner:
            stopped.write(done, {"loss": 9.0, "grad_norm": 9.0}, 0.5)  # it wakes up
            owner.write(done, {"loss": 1.0, "grad_norm": 1.0}, 0.5)
    assert [(line["step"], line["loss"]) for line in read_metrics(path)] == [(step, 1.0) for step in range(done + 1)]
