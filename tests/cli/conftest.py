from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from tta_bench.cli import main


class Done(NamedTuple):
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Runs the command line in this process, exit codes and messages included."""

    def run(*words: object) -> Done:
        capsys.readouterr()
        try:
            main([str(word) for word in words])
        except SystemExit as end:
            code = int(end.code or 0)
        else:
            code = 0
        return Done(code, *capsys.readouterr())

    return run
