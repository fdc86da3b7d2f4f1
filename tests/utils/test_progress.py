from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from tta_bench.utils import progress
from tta_bench.utils.journal import LOG, journal


def test_without_a_terminal_there_are_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(progress, "console", Console(file=out, force_terminal=False, width=200))
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.0)
    with progress.Bar("train", 4, "clips", done=1) as bar:
        bar.advance(3, "loss 0.5")
    lines = out.getvalue().splitlines()
    assert len(lines) == 1  # the end is not said twice
    assert lines[0][:2] == "20"
    assert "Z train 4/4 loss 0.5 " in lines[0]
    assert "clips/s" in lines[0]
    assert "\x1b" not in out.getvalue()


def test_on_a_terminal_there_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(progress, "console", Console(file=out, force_terminal=True, width=120))
    with progress.Bar("test", 2, "videos") as bar:
        bar.advance(2)
    assert "test" in out.getvalue()
    assert "100%" in out.getvalue()
    assert "videos/s" in out.getvalue()


def test_a_line_says_place_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(progress, "console", Console(file=out, force_terminal=False, width=200))
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.0)
    with progress.Bar("train", 800, "clips") as bar:
        bar.advance(8, "loss 1.4", "epoch 1/5 step 1/100")
    assert re.search(r"train epoch 1/5 step 1/100 loss 1.4 [\d.]+ clips/s, \d+:\d\d:\d\d left", out.getvalue())


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "0:00:00"), (61, "0:01:01"), (90_000, "25:00:00")])
def test_a_clock(seconds: float, said: str) -> None:
    assert progress.clock(seconds) == said


def test_a_hushed_console_says_warnings_only_and_logs_all(tmp_path: Path) -> None:
    out = io.StringIO()
    console = progress.Spoken(file=out, force_terminal=False, width=200)
    console.hushed = True
    (tmp_path / "plan.json").touch()
    with journal(tmp_path, "plan.json"):
        console.print("going on", style="dim")
        console.print("no data root", style="yellow")
    assert out.getvalue() == "no data root\n"
    assert [line.split(" ", 1)[1] for line in (tmp_path / LOG).read_text().splitlines()] == ["going on", "no data root"]


IN_A_CELL = """
from tta_bench.utils import progress

progress.CELL_SECONDS = 0.0
with progress.Bar("train", 300, "clips") as bar:
    for step in range(300):
        bar.advance(1, f"loss {step}")
progress.console.print("done", style="dim")
"""


def test_in_a_notebook_there_is_one_line_without_escape_codes() -> None:
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(IN_A_CELL)])
    nbclient.NotebookClient(notebook, timeout=60).execute()
    line, said = (output["data"]["text/plain"] for output in notebook.cells[0].outputs)
    assert re.fullmatch(r"20\S+Z train 300/300 loss 299 [\d.]+ clips/s", line)
    assert said == "done\n"
