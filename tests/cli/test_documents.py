from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tests.contract.broken import plugin
from tta_bench.cli.documents import echo_json, finite, json_option, stdout_to_stderr

NOISY = """
import ctypes, os, subprocess, sys
from torch import nn
from tta_bench import register_backbone

def noise():
    print("from print")
    os.write(1, b"from write\\n")
    ctypes.CDLL(None).puts(b"from C")
    ctypes.CDLL(None).fflush(None)
    subprocess.run(["echo", "from a child"])
    sys.__stdout__.write("from the first stdout\\n")

noise()

@register_backbone("noisy", frames=4, size=32)
class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        noise()
        self.stem = nn.Conv3d(3, 8, 3, stride=2, padding=1)
    def forward(self, x):
        noise()
        return self.stem(x).relu().mean((2, 3, 4))
"""
SAID = ("from print", "from write", "from C", "from a child", "from the first stdout")


@pytest.mark.parametrize("words", [["show", "noisy"], ["list", "backbones", "noisy"], ["check", "noisy"]])
def test_stdout_is_one_document_whatever_a_plugin_prints(words: list[str], tmp_path: Path) -> None:
    file = plugin(tmp_path, NOISY, "noisy")
    line = [sys.executable, "-m", "tta_bench", *words, "--json", "--plugin", str(file)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
    assert [said for said in SAID if said not in done.stderr] == []


def test_a_refusal_leaves_stdout_empty() -> None:
    line = [sys.executable, "-m", "tta_bench", "show", "gone_and_forgotten", "--json"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (2, "")


def test_figures_that_json_has_no_word_for_are_null() -> None:
    assert finite({"a": [math.nan, (1.5, -math.inf)], "b": "nan"}) == {"a": [None, [1.5, None]], "b": "nan"}


def test_a_command_in_a_test_is_redirected_too() -> None:
    @click.command()
    @json_option()
    def noisy(as_json: bool) -> None:
        click.echo("noise")
        echo_json({"json": as_json})

    done = CliRunner().invoke(noisy, ["--json"])
    assert json.loads(done.stdout) == {"json": True}
    assert done.stderr == "noise\n"
    assert CliRunner().invoke(noisy, []).stdout.startswith("noise\n{")


def test_stdout_is_itself_again_afterwards(capsys: pytest.CaptureFixture[str]) -> None:
    with stdout_to_stderr() as true:
        print("aside")
        true.write("document\n")
    print("after")
    assert capsys.readouterr() == ("document\nafter\n", "aside\n")
