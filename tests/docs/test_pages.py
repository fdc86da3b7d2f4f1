"""The pages are run line by line, in a folder of their own, by a user who has the suite and no network."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.warm import Program
from tta_bench.cards.catalog import weights_card
from tta_bench.cli import cli
from tta_bench.config.resolve import resolve
from tta_bench.records.schema import Record

REPOSITORY = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OWN = re.compile(r"([A-Z_]+=\S+ )*tta-bench [^|>&;]*$")
"""A command that is nothing but the suite's own program."""
SHOWN = re.compile(r"^(?:[A-Z_]+=\S+ )*(?:tta-bench|torchrun .* -m tta_bench) (\w.*?)(?: {3}.*| +# .*)?$", re.MULTILINE)
"""A command that is only shown: it has no ``$``, since it needs data, hours or names of one's own."""
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
    """Run the suite's own program; return its exit code and all that it printed."""
    parts: list[str] = []
    for word in shlex.split(words):
        bare = "*" in word and word in words.split()  # a quoted star is the program's
        found = sorted(str(path.relative_to(folder)) for path in folder.glob(word)) if bare else []
        parts += found or [word]
    settings = dict(part.split("=", 1) for part in parts[: parts.index("tta-bench")])
    process = Program(*parts[parts.index("tta-bench") + 1 :], cwd=folder, env=env | settings)
    said = "".join(process.communicate(timeout=300))
    assert process.returncode is not None
    return process.returncode, said


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
        ("quickstart.md", 6),
        ("install.md", 2),
        ("own_data.md", 9),
        ("comparing.md", 4),
        ("anatomy.md", 4),
        ("troubleshooting.md", 7),
        ("add_a_backbone.md", 13),
        ("add_a_dataset.md", 16),
        ("add_a_protocol.md", 12),
        ("add_a_metric.md", 3),
        ("versions.md", 2),
        ("scaling.md", 4),
        ("scale.md", 3),
        ("cost.md", 2),
        ("reaction.md", 3),
        ("official_data.md", 1),
    ],
)
def test_a_page_does_what_it_says(tmp_path: Path, page: str, commands: int) -> None:
    assert follow(REPOSITORY / "docs" / page, tmp_path) == commands


@pytest.mark.parametrize("page", ["README.md", *sorted(f"docs/{path.name}" for path in REPOSITORY.glob("docs/*.md"))])
def test_commands_that_are_only_shown_are_ones_that_the_suite_takes(page: str) -> None:
    text = (REPOSITORY / page).read_text(encoding="utf-8").replace("\\\n", "")
    for _, block in BLOCK.findall(text):
        for shown in SHOWN.findall(block):
            command: click.Command = cli
            words = shlex.split(shown)
            while isinstance(command, click.Group):
                found = command.get_command(click.Context(command), words[0])
                assert found is not None, shown
                command, words = found, words[1:]
            options, _, _ = command.make_parser(click.Context(command)).parse_args(words)
            if command.name == "run":
                assert resolve(options["words"]), shown


def test_the_page_on_records_names_every_field() -> None:
    text = (REPOSITORY / "docs" / "anatomy.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^\| field \|.*?\n\n", text, re.MULTILINE | re.DOTALL)
    named = {
        name for cell in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", cell)
    }
    assert named == set(Record.model_fields)


def test_the_commands_of_the_first_rows_are_ones_that_the_suite_takes() -> None:
    """They need data and hours, so their words are read and their plans made, and nothing is run."""
    text = (REPOSITORY / "docs" / "first_rows.md").read_text(encoding="utf-8")
    runs = re.findall(r"^tta-bench run (.*)$", text, re.MULTILINE)
    assert len(runs) == 8
    for words in runs:
        experiments = resolve(words.split())
        assert {experiment.tier for experiment in experiments} == {"full"}, words
        for experiment in experiments:
            assert weights_card(experiment.weights).backbone == experiment.backbone.name, words
            expected = weights_card(experiment.weights).expected
            assert (expected is not None) == (experiment.phase == "test"), words
    for name in re.findall(r"^tta-bench (?:show|weights fetch) (\S+)$", text, re.MULTILINE):
        assert weights_card(name)


def test_a_page_that_promises_too_much_fails(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ echo one\none\n```\n")
    assert follow(page, tmp_path) == 1
    for broken in ("$ echo one\ntwo", "$ false", "$ true  # exit code 1"):
        page.write_text(f"```console\n{broken}\n```\n")
        with pytest.raises(AssertionError):
            follow(page, tmp_path)
