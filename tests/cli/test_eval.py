from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Done

Command = Callable[..., Done]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """The best class of six clips, of which four are right, and their labels."""
    predictions, labels = tmp_path / "my net.csv", tmp_path / "labels.csv"
    predictions.write_text("id,class\n" + "\n".join(f"c{i},{'ab'[i % 2]}" for i in range(6)))
    labels.write_text("id,label\n" + "\n".join(f"c{i},{'ab'[i % 2] if i < 4 else 'ab'[1 - i % 2]}" for i in range(6)))
    return predictions, labels


def test_a_file_is_scored_and_its_record_is_not_standard(
    tmp_path: Path, files: tuple[Path, Path], command: Command
) -> None:
    words = ("protocol=ucf101_ft", f"predictions={files[0]}", f"labels={files[1]}", "--work-dir", tmp_path / "runs")
    done = command("eval", *words, "--json")
    assert done.code == 0, done.err
    (record,) = json.loads(done.out)
    assert record["metrics"]["top1"]["value"] == pytest.approx(4 / 6)
    assert (record["origin"], record["identity"]["standard"], record["identity"]["backbone"]) == (
        *("scored", False),
        "my-net",
    )
    assert "plugins" not in record["resolved"]
    assert command("verify", tmp_path / "runs" / "records").code == 0
    assert "66.67%" in command("eval", *words, "backbone=other").out
    assert "what is of one" in command("verify", tmp_path / "runs" / "records").err


def test_a_file_that_is_not_there_is_named(tmp_path: Path, command: Command) -> None:
    done = command("eval", "protocol=ucf101_ft", f"predictions={tmp_path / 'gone.csv'}")
    assert (done.code, "there is no file" in done.err) == (2, True)
