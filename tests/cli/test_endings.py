from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from tests.cli.conftest import Done
from tests.contract.broken import plugin
from tta_bench.cli.endings import FORESEEN, say, write_report
from tta_bench.errors import CheckFailed, RunFailed, UserError

PROGRAM = [sys.executable, "-m", "tta_bench"]
BREAKS = """
from tta_bench import PROTOCOLS
from tta_bench.protocols.base.protocol_run import ProtocolRun

@PROTOCOLS.register_module()
class Mine(ProtocolRun):
    def plan(self): {plan}
    def run(self): return []
    def findings(self): return None
"""


def broken(folder: Path, plan: str) -> Path:
    file = plugin(folder, BREAKS.format(plan=plan), "mine")
    file.with_suffix(".yaml").write_text("_base_: ucf101_ft\nname: mine\ncomponent: Mine\n")
    return file


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("a fault.", "a way out."), 2, "error: a fault.\na way out.\n"),
        (RunFailed("it failed"), 3, "error: it failed\n"),
        (CheckFailed("no"), 1, "error: no\n"),
        (UserError("red \x1b[31m"), 2, "error: red \\x1b[31m\n"),
        (OSError(errno.ENOSPC, "No space left on device"), 3, "error: the disk is full.\n"),
        (OSError(errno.EACCES, "Permission denied", "/x\n"), 3, "error: /x: permission denied.\n"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "a/b"), 3, "a part of the path is a file"),
        (click.NoSuchOption("-m"), 2, "Lists are written split=1,2 and seed=0,1"),
        (click.UsageError("bad"), 2, "Error: bad"),
    ],
)
def test_every_error_has_a_code_and_a_line(
    error: Exception, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert say(error, ["run"]) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("plan", "kind"),
    [
        ("return 1 / 0", "ZeroDivisionError: division by zero"),
        ("raise KeyError('gone')", "KeyError: 'gone'"),
        ("return self.plan()", "RecursionError"),
        ("raise MemoryError", "MemoryError"),
        ("exit(77)", "RuntimeError: something called exit(77)"),
        ("raise OSError('odd')", "OSError: odd"),
        ("raise ValueError('two\\nlines \\x1b[2J')", r"ValueError: two lines \x1b[2J"),
    ],
)
def test_what_was_not_foreseen_goes_to_a_file(
    plan: str, kind: str, tmp_path: Path, command: Callable[..., Done]
) -> None:
    done = command("run", "protocol=mine", "--plugin", broken(tmp_path, plan), "--dry-run", "tier=sample")
    assert done.code == 3
    first, second = done.err.splitlines()
    assert first.startswith(f"error: unexpected {kind}")
    file = Path(second.removeprefix("What happened stands in ").partition(";")[0])
    text = file.read_text()
    assert "Traceback (most recent call last)" in text
    assert "'protocol=mine'" in text
    file.unlink()


def test_where_no_file_can_be_written_the_line_still_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "taken").touch()
    with monkeypatch.context() as patch:
        patch.setenv("TTA_BENCH_CACHE", str(tmp_path / "taken"))
        patch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "taken/too"))
        assert write_report(ValueError("x"), ["list"]) is None


def test_an_error_of_the_system_is_no_traceback(tmp_path: Path, command: Callable[..., Done]) -> None:
    plan = f"open({str(tmp_path / 'no/where')!r})"
    done = command("run", "protocol=mine", "--plugin", broken(tmp_path, plan), "--dry-run", "tier=sample")
    assert (done.code, done.err) == (3, f"error: {tmp_path}/no/where: it does not exist.\n")
    assert all(text.islower() or "(" in text for text in FORESEEN.values())


@pytest.mark.parametrize("words", [["list"], ["show", "ucf101_ft", "--json"], ["--help"], ["list", "--json"]])
def test_a_full_stdout_is_said_in_a_line(words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*PROGRAM, *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (3, "error: the disk is full.\n")


def test_a_reader_that_left_ends_a_command_quietly() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*PROGRAM, "show", "ucf101_ft"], stdout=write, stderr=subprocess.PIPE, text=True, timeout=120)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_closed_stdout_is_no_mans_file(tmp_path: Path) -> None:
    line = f"exec {' '.join(PROGRAM)} list --json >&- 2>{tmp_path / 'err'}"
    assert subprocess.run(["bash", "-c", line], timeout=120).returncode == 0
    assert (tmp_path / "err").read_text() == ""


@pytest.mark.parametrize("work_dir", ["taken", "taken/runs", "taken/a/b"])
def test_a_work_folder_inside_a_file_is_refused(work_dir: str, tmp_path: Path, command: Callable[..., Done]) -> None:
    (tmp_path / "taken").touch()
    done = command("run", "protocol=ucf101_ft", "--dry-run", "--work-dir", tmp_path / work_dir)
    assert done.code == 2
    assert f"{tmp_path / 'taken'} is a file" in done.err
