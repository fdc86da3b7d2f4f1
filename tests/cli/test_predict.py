from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Done
from tests.protocols.probe.test_run import frozen
from tta_bench.data.synthetic.ucf101 import SampleSettings, generate_ucf101_sample


@pytest.fixture(scope="module")
def work_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder, beside its data ``ucf101``, in which the tests' run is made once."""
    folder = tmp_path_factory.mktemp("predict")
    settings = SampleSettings(groups=2, test_groups=1, clips=1, frames=30, width=32, height=24)
    generate_ucf101_sample(folder / "ucf101", settings)
    return folder / "runs"


@pytest.fixture
def call(work_dir: Path, command: Callable[..., Done]) -> Callable[..., Done]:
    run = frozen(work_dir.parent / "ucf101", work_dir, "knn")
    run.run()
    return lambda *words: command("predict", run.folder.name, *words, "--work-dir", work_dir)


@pytest.fixture
def video(work_dir: Path) -> Path:
    return sorted((work_dir.parent / "ucf101").rglob("*.avi"))[0]


def test_the_forms_say_the_same(call: Callable[..., Done], video: Path) -> None:
    table, text, data = (call(video, "--top", 3, "--format", form) for form in ("table", "csv", "json"))
    assert [done.code for done in (table, text, data)] == [0, 0, 0]
    rows = json.loads(data.out)
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert rows[0]["probability"] >= rows[1]["probability"]
    assert [row["class"] for row in csv.DictReader(io.StringIO(text.out))] == [row["class"] for row in rows]
    assert all(f"| {row['class']}" in table.out for row in rows)


def test_windows_have_times(call: Callable[..., Done], video: Path) -> None:
    rows = json.loads(call(video, "--top", 1, "--every", 0.4, "--format", "json").out)
    assert [row["start"] for row in rows] == pytest.approx([0.4 * number for number in range(len(rows))])
    assert len(rows) > 2


def test_a_broken_video_is_named_and_the_others_go_on(call: Callable[..., Done], video: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.avi"
    broken.write_bytes(b"no video")
    done = call(broken, video, "--top", 1)
    assert done.code == 1
    assert "left out, unreadable: " in done.err
    assert "1 of 2 videos could not be read" in done.err
    assert video.name in done.out


def test_wrong_words_are_answered(
    call: Callable[..., Done], command: Callable[..., Done], work_dir: Path, video: Path
) -> None:
    assert call("absent.avi").code == 2
    assert "no video was named" in call("runtime.device=cpu").err
    assert command("predict", "nothing", video, "--work-dir", work_dir).code == 2
