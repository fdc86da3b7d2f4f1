"""The pages are run line by line, in a folder of their own, by a user who has the suite and no network."""

from __future__ import annotations

import multiprocessing
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tta_bench.cli import main

REPOSITORY = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OWN = re.compile(r"([A-Z_]+=\S+ )*tta-bench [^|>&;]*$")
"""A command that is nothing but the suite's own program."""
WARM = multiprocessing.get_context("forkserver")
WARM.set_forkserver_preload(
    ["tta_bench.protocols.fine_tune.run", "tta_bench.protocols.reaction.run", "tta_bench.contract.check"]
)
EXIT_CODE = re.compile(r"  # exit code (\d)$")


def run(command: str, folder: Path) -> None:
    """Run a command with what it is expected to print below it; `# exit code N` says that it must fail."""
    line, _, expected = command.partition("\n")
    code = EXIT_CODE.search(line)
    site = folder / "site"
    env = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": f"{REPOSITORY}:{site}",
        "PIP_TARGET": str(site),
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "false",  # which means none
        "PYTHONWARNINGS": "ignore",
    }
    words = EXIT_CODE.sub("", line)
    returned, said = tta_bench(words, folder, env) if OWN.match(words) else in_bash(words, folder, env)
    assert returned == (int(code[1]) if code else 0), f"{words}\n{said}"
    for wanted in expected.splitlines():
        assert wanted in said, f"{words}\nexpected: {wanted}\n{said}"


def in_bash(words: str, folder: Path, env: dict[str, str]) -> tuple[int, str]:
    """Run a command in a shell; return its exit code and all that it printed."""
    done = subprocess.run(["bash", "-c", words], cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    return done.returncode, f"{done.stdout}{done.stderr}"


def tta_bench(words: str, folder: Path, env: dict[str, str]) -> tuple[int, str]:
    """Run the suite's own program in a process that has imported torch already, which takes seconds each time."""
    parts = shlex.split(words)
    settings = dict(part.split("=", 1) for part in parts[: parts.index("tta-bench")])
    printed = folder / ".printed"
    arguments = (parts[parts.index("tta-bench") + 1 :], folder, env | settings, printed)
    process = WARM.Process(target=program, args=arguments)
    process.start()
    process.join(300)
    assert process.exitcode is not None, f"{words} takes more than 300 s"
    return process.exitcode, printed.read_text(encoding="utf-8")


def program(words: list[str], folder: Path, env: dict[str, str], printed: Path) -> None:
    """Be ``tta-bench`` in a folder and an environment of its own, and print into a file."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    sys.path[:0] = [path for path in env["PYTHONPATH"].split(os.pathsep) if path not in sys.path]
    with printed.open("wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    main(words)


def follow(page: Path, folder: Path) -> int:
    """Do what a page says: write the files it names, run its commands and its Python; return how many commands.

    A block of plain text is only shown.
    """
    commands = 0
    for language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        first, _, rest = text.partition("\n")
        if language == "text":
            continue
        if language == "console":
            for command in text.split("$ ")[1:]:
                run(command.rstrip("\n"), folder)
                commands += 1
        elif first.startswith("# "):
            path = folder / first.removeprefix("# ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(rest, encoding="utf-8")
        else:
            assert language == "python"
            (folder / "page.py").write_text(text, encoding="utf-8")
            run("python page.py", folder)
    return commands


@pytest.mark.acceptance
@pytest.mark.parametrize(
    ("page", "commands"),
    [
        ("index.md", 7),
        ("add_a_backbone.md", 13),
        ("add_a_dataset.md", 16),
        ("add_a_protocol.md", 12),
        ("scaling.md", 4),
        ("scale.md", 3),
        ("reaction.md", 3),
        ("official_data.md", 1),
    ],
)
def test_a_page_does_what_it_says(tmp_path: Path, page: str, commands: int) -> None:
    assert follow(REPOSITORY / "docs" / page, tmp_path) == commands


def test_a_page_that_promises_too_much_fails(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ echo one\none\n```\n")
    assert follow(page, tmp_path) == 1
    for broken in ("$ echo one\ntwo", "$ false", "$ true  # exit code 1"):
        page.write_text(f"```console\n{broken}\n```\n")
        with pytest.raises(AssertionError):
            follow(page, tmp_path)
