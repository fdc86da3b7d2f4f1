from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from tta_bench.cli import cli
from tta_bench.cli.completion import SHELLS, VARIABLE, script


def offered(words: list[str], incomplete: str) -> list[str]:
    completer = ShellComplete(cli, {}, "tta-bench", VARIABLE)
    return [item.value for item in completer.get_completions(words, incomplete)]


@pytest.mark.parametrize(
    ("words", "incomplete", "expected"),
    [
        ([], "sho", "show"),
        (["run"], "proto", "protocol="),
        (["run"], "protocol=abaw", "protocol=abaw_eri"),
        (["run", "protocol", "="], "abaw", "abaw_eri"),
        (["run", "protocol", "="], "=", "abaw_eri"),
        (["run"], "backbone=resnet18,resn", "backbone=resnet18,resnet50"),
        (["run"], "backbone=resnet50+egem", "backbone=resnet50+egemaps"),
        (["run", "protocol=ucf101_ft"], "train.ep", "train.epochs="),
        (["run", "protocol", "=", "tta_pretrain"], "train.mask", "train.mask.encoder="),
        (["run"], "precision=b", "precision=bf16"),
        (["run"], "weights=", "weights=none"),
        (["show"], "ucf101_f", "ucf101_ft"),
        (["list"], "ba", "backbones"),
        (["list", "backbones"], "resnet5", "resnet50"),
        (["list", "runs"], "sta", "state="),
        (["list", "runs"], "state=k", "state=killed"),
        (["list", "runs", "state", "="], "f", "failed"),
        (["list", "runs", "state=failed"], "protocol=abaw", "protocol=abaw_eri"),
    ],
)
def test_what_a_shell_offers(words: list[str], incomplete: str, expected: str) -> None:
    assert expected in offered(words, incomplete)


def test_runs_complete_by_name_and_else_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs/records").mkdir(parents=True)
    (tmp_path / "runs/records/ucf101_ft__cnn.json").write_text("{}")
    for command in ("show", "compare", "report", "verify", "reproduce", "submit"):
        assert "ucf101_ft__cnn" in offered([command], "ucf101_ft_"), command
    assert offered(["list", "runs"], "ucf101_ft_") == ["ucf101_ft__cnn"]
    completer = ShellComplete(cli, {}, "tta-bench", VARIABLE)
    assert [item.type for item in completer.get_completions(["compare"], "elsewhere/")] == ["file"]


def test_an_unknown_word_offers_nothing() -> None:
    assert offered(["nonsense"], "zz") == []
    assert offered(["run", "protocol=nonsense"], "train.") == []


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_the_shells(shell: str) -> None:
    printed = CliRunner().invoke(cli, ["completion", shell]).output
    assert f"{VARIABLE}={shell}_complete" in printed
    assert isinstance(cli, click.Group)
    if found := shutil.which(shell):
        subprocess.run([found, "-n"], input=script(shell, cli), text=True, check=True)


def test_names_are_offered_without_torch() -> None:
    code = (
        "import sys; from click.shell_completion import ShellComplete; from tta_bench.cli import cli\n"
        "print(len(ShellComplete(cli, {}, 'tta-bench', 'X').get_completions(['run'], 'backbone=')))\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 5
