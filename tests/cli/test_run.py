from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Done
from tests.contract.broken import plugin

PROTOCOL = """
from tta_bench import PROTOCOLS
from tta_bench.protocols.base.protocol_run import Findings, ProtocolRun

@PROTOCOLS.register_module()
class Mine(ProtocolRun):
    def plan(self): return f"the plan of seed {self.experiment.seed}"
    def run(self): return []
    def findings(self): return Findings(f"# Seed {self.experiment.seed}", {"seed": self.experiment.seed})
"""


def mine(folder: Path, code: str = PROTOCOL) -> Path:
    file = plugin(folder, code, "mine")
    file.with_suffix(".yaml").write_text("_base_: ucf101_ft\nname: mine\ncomponent: Mine\n")
    return file


def test_a_dry_run_prints_the_plan_of_every_run(tmp_path: Path, command: Callable[..., Done]) -> None:
    done = command("run", "protocol=mine", "seed=0,1", "--plugin", mine(tmp_path), "--dry-run")
    assert done.code == 0, done.err
    assert done.out == "the plan of seed 0\nthe plan of seed 1\n"
    assert "runs on the embedded sample ucf101_sample" in done.err.replace("\n", " ")


def test_several_runs_are_announced_and_their_findings_printed(tmp_path: Path, command: Callable[..., Done]) -> None:
    words = ("run", "protocol=mine", "tier=sample", "seed=0,1", "--plugin", mine(tmp_path))
    done = command(*words, "--work-dir", tmp_path / "runs")
    assert done.code == 0, done.err
    assert "split 1, seed 1:" in done.err
    assert "embedded sample" not in done.err
    assert "Seed 0" in done.out
    assert "Seed 1" in done.out


def test_a_submission_is_one_file_of_a_protocol_that_has_such_a_part(
    tmp_path: Path, command: Callable[..., Done]
) -> None:
    words = ("run", "protocol=mine", "--plugin", mine(tmp_path), "--submission", tmp_path / "file.csv")
    done = command(*words, "seed=0,1")
    assert (done.code, "--submission is one file, and 2 runs were asked for" in done.err) == (2, True)
    done = command(*words, "runtime.devices=2")
    assert (done.code, "--submission runs on one process" in done.err) == (2, True)
    done = command(*words)
    assert (done.code, "mine has no test part without labels" in done.err) == (2, True)


def test_a_protocol_that_lacks_a_method_is_named_before_anything_is_spent(
    tmp_path: Path, command: Callable[..., Done]
) -> None:
    code = PROTOCOL.replace("    def run(self): return []\n", "")
    done = command("run", "protocol=mine", "--plugin", mine(tmp_path, code), "--work-dir", tmp_path / "runs")
    assert done.code == 2
    assert "protocol component Mine lacks run()." in done.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(("options", "said"), [([], True), (["-q"], False), (["--quiet"], False), (["-v"], True)])
def test_quiet_says_the_result_and_no_more(
    tmp_path: Path, command: Callable[..., Done], options: list[str], said: bool
) -> None:
    words = ("run", "protocol=mine", "tier=sample", "seed=0,1", "--plugin", mine(tmp_path))
    done = command(*words, "--work-dir", tmp_path / "runs", *options)
    assert (done.code, "split 1, seed 1:" in done.err) == (0, said), done.err
    assert "Seed 1" in done.out


@pytest.mark.parametrize("words", [("run", "protocol=ucf101_ft"), ("suite", "sample")])
def test_quiet_and_verbose_exclude_each_other(words: tuple[str, str], command: Callable[..., Done]) -> None:
    done = command(*words, "-q", "-v")
    assert (done.code, "--quiet and --verbose exclude each other" in done.err) == (2, True)
