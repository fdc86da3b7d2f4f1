"""The program in processes of its own, forked from one that has imported torch: each begins at once, not in seconds.

Such a process has arguments, an environment, a folder, output, signals and an exit code as any other. What is the same
in every process is not tested by it: how long the program takes to begin, and what stands between a shell and `main`.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from tta_bench.cli import main

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    [
        *("tta_bench.cli.run", "tta_bench.cli.results", "tta_bench.boards.write", "tta_bench.contract.check"),
        *("tta_bench.protocols.fine_tune.run", "tta_bench.protocols.reaction.run", "tta_bench.protocols.pretrain.run"),
    ]
)


class Program:
    """A run of ``tta-bench``, with the names of ``subprocess.Popen[str]``; what it prints goes to files."""

    def __init__(self, *words: object, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
        self.words = [str(word) for word in words]
        self.home = TemporaryDirectory()
        self.printed = [Path(self.home.name) / name for name in ("out", "err")]
        place, variables = str(cwd or Path.cwd()), dict(os.environ if env is None else env)
        self.process = SERVER.Process(target=_program, args=(self.words, place, variables, self.printed))
        self.process.start()

    @property
    def returncode(self) -> int | None:
        """Exit code; a signal's number, negative, where one ended the process; None while it runs."""
        return self.process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def send_signal(self, number: int) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float = 900) -> tuple[str, str]:
        """Wait for the end; return what was printed to the two streams."""
        self.process.join(timeout)
        assert self.returncode is not None, f"tta-bench {' '.join(self.words)} takes more than {timeout} s"
        out, err = (path.read_text(encoding="utf-8") if path.exists() else "" for path in self.printed)
        return out, err


def tta_bench(
    *words: object, code: int = 0, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> tuple[str, str]:
    """Run the program to its end; return what it printed to the two streams."""
    process = Program(*words, cwd=cwd, env=env)
    out, err = process.communicate()
    assert process.returncode == code, f"tta-bench {' '.join(process.words)}\n{out}{err}"
    return out, err


def _program(words: list[str], folder: str, env: dict[str, str], printed: list[Path]) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    sys.path[:0] = [path for path in env.get("PYTHONPATH", "").split(os.pathsep) if path and path not in sys.path]
    for stream, path in enumerate(printed, start=1):
        with path.open("wb") as file:
            os.dup2(file.fileno(), stream)
    main(words)
