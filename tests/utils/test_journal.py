from __future__ import annotations

import json
from pathlib import Path

from tta_bench.utils.journal import LOG, PROGRESS, current, journal
from tta_bench.utils.progress import Bar


def test_bars_note_phase_time_and_rate(tmp_path: Path) -> None:
    (tmp_path / "plan.json").touch()
    with journal(tmp_path, "plan.json"):
        for title, unit in (("train", "clips"), ("test", "videos")):
            with Bar(title, 4, unit) as bar:
                bar.advance(4, epoch=2)
    lines = [json.loads(line) for line in (tmp_path / PROGRESS).read_text().splitlines()]
    assert [line["phase"] for line in lines] == ["train", "test"]
    assert lines[0]["epoch"] == 2
    assert lines[0]["clips_per_second"] > 0
    assert lines[1]["videos_per_second"] > 0
    assert all(line["time"].endswith("Z") for line in lines)
    assert current() is None


def test_nothing_is_written_before_training_begins(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with journal(folder, "plan.json"):
        journal_ = current()
        assert journal_ is not None
        journal_.say("first")
        folder.mkdir()
        journal_.say("refused, so far")
        assert not list(folder.iterdir())
        (folder / "plan.json").touch()
        journal_.say("second")
    assert [line.split()[1] for line in (folder / LOG).read_text().splitlines()] == ["first", "refused,", "second"]


def test_a_link_is_somebody_elses_file(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_text("notes\n")
    (tmp_path / "plan.json").touch()
    (tmp_path / LOG).symlink_to(theirs)
    with journal(tmp_path, "plan.json"):
        journal_ = current()
        assert journal_ is not None
        journal_.say("first")
    assert theirs.read_text() == "notes\n"
