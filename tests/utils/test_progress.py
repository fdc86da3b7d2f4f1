from __future__ import annotations

import io

import pytest
from rich.console import Console

from tta_bench.utils import progress


def test_without_a_terminal_there_are_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(progress, "console", Console(file=out, force_terminal=False, width=200))
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.0)
    with progress.Bar("train", 4, "clips", done=1) as bar:
        bar.advance(3, "loss 0.5")
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("train 4/4 loss 0.5 ")
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
