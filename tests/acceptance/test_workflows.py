"""CI is run, not only read: the `run:` steps of each workflow, in order, in clones, as GitHub would start them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tta_bench.cards.files import read_yaml
from tta_bench.records.store import content_sha256

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github" / "workflows"
BOARDS = "leaderboards"
RECORD = next((ROOT / BOARDS / "records").glob("ucf101_ft__resnet18__*.json")).stem

REPLACED = {
    r"^python -m pip install .*$": ":",  # this machine's environment has the packages
    r"^make (install|lint test|docs acceptance)$": r"make --dry-run \1",  # minutes to an hour; their targets must exist
}
"""Commands that are not run as they stand, as patterns of a line, and what is run in their place."""
STUB = """#!/bin/bash
# In place of the suite in .ci/remeasure, which would train for an hour: the first record is measured and differs.
case $1 in
    reproduce)
        mkdir -p runs/again/records && cp "$2" runs/again/records/ && echo "measured again: $2"
        [ "$(basename "$2")" = "$DIFFERS" ] && exit 1 || exit 0 ;;
    submit) shift; printf '%s\\n' "$@" > leaderboards/submitted.txt ;;
esac
"""
"""The program `.venv/bin/tta-bench` of a clone in which samples are measured again."""


@dataclass
class Event:
    """What GitHub says about the reason of a run."""

    name: str
    context: dict[str, Any]
    """Values that expressions read, by dotted name."""
    checkout: Path
    """Repository that is checked out."""
    head: str
    """Commit that is checked out."""


@dataclass
class Run:
    """A workflow that was run."""

    steps: list[tuple[str, int, str]] = field(default_factory=list)
    """Name, exit status and output of each step with a command."""

    @property
    def failed(self) -> list[str]:
        """Names of the steps that failed."""
        return [name for name, code, _ in self.steps if code]

    def output(self, words: str) -> str:
        """Return the output of the step whose name or command has some words in it."""
        (found,) = (out for name, _, out in self.steps if words in name)
        return found


def value(expression: str, context: Mapping[str, Any]) -> Any:
    """Return the value of one of GitHub's expressions: names, texts, ``==``, ``&&``, ``||`` and ``always()``."""
    for operator, join in ((" && ", all), (" || ", None)):
        if operator in expression:
            values = [value(part, context) for part in expression.split(operator)]
            return join(values) if join else next((found for found in values if found), "")
    if " == " in expression:
        left, right = (value(part, context) for part in expression.split(" == "))
        return left == right
    if expression.startswith("'"):
        return expression.strip("'")
    return True if expression == "always()" else context.get(expression, "")


def filled(text: str, context: Mapping[str, Any]) -> str:
    """Return a text with its expressions replaced."""
    return re.sub(r"\$\{\{ (.*?) \}\}", lambda found: str(value(found[1], context)), str(text))


def run_workflow(name: str, event: Event, home: Path, paths: str = "") -> Run:
    """Run the jobs of a workflow one after the other, each in a workspace of its own, until a step fails.

    Args:
        name: The workflow.
        event: The reason of the run.
        home: A folder for the workspaces and artifacts.
        paths: Folders of programs that are found first.
    """
    workflow = read_yaml((FOLDER / f"{name}.yml").read_text(), name)
    context = event.context | {"github.event_name": event.name, "github.sha": event.head}
    done = Run()
    for job_name, job in workflow["jobs"].items():
        if done.failed or ("if" in job and not value(job["if"], context)):
            continue
        workspace = home / job_name
        workspace.mkdir(parents=True)
        variables = {key: filled(text, context) for key, text in job.get("env", {}).items()}
        for step in job["steps"]:
            condition = str(step.get("if", ""))
            if done.failed and "always()" not in condition:
                continue
            if condition and not value(condition, context):
                continue
            if "run" in step:
                env = variables | {key: filled(text, context) for key, text in step.get("env", {}).items()}
                context |= run_step(step, env, event, workspace, home, paths, done)
            else:
                use(step, event, workspace, home, context)
        context |= {
            f"needs.{job_name}.outputs.{key}": filled(text, context) for key, text in job.get("outputs", {}).items()
        }
    return done


def run_step(
    step: dict[str, Any], env: dict[str, str], event: Event, workspace: Path, home: Path, paths: str, done: Run
) -> dict[str, str]:
    """Run a step's command as GitHub does; return the outputs that it set."""
    script, output = step["run"], home / "output"
    for pattern, instead in REPLACED.items():
        script = re.sub(pattern, instead, script, flags=re.MULTILINE)
    output.write_text("")
    inherited = {key: text for key, text in os.environ.items() if not key.startswith(("GITHUB_", "PYTEST_"))}
    github = {
        **{"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": event.name, "GITHUB_SHA": event.head},
        **{"GITHUB_WORKSPACE": str(workspace), "GITHUB_OUTPUT": str(output), "RUNNER_TEMP": str(home)},
        **{"GITHUB_STEP_SUMMARY": str(home / "summary.md")},
        "PATH": f"{paths}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    ended = subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-c", script],
        cwd=workspace / step.get("working-directory", "."),
        env=inherited | github | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    done.steps.append((step.get("name", step["run"]), ended.returncode, ended.stdout))
    pairs = (line.partition("=")[::2] for line in output.read_text().splitlines())
    return {f"steps.{step.get('id')}.outputs.{key}": text for key, text in pairs}


def use(step: dict[str, Any], event: Event, workspace: Path, home: Path, context: Mapping[str, Any]) -> None:
    """Do what an action would: check out, keep files, or bring them back. Python is there already."""
    action, given = step["uses"].partition("@")[0], step.get("with", {})
    artifact = home / "artifacts" / str(given.get("name"))
    if action == "actions/checkout":
        folder = workspace / given.get("path", ".")
        git(workspace, "clone", "--quiet", "--no-hardlinks", str(event.checkout), str(folder))
        git(folder, "checkout", "--quiet", event.head)
    elif action == "actions/upload-artifact":
        artifact.mkdir(parents=True)
        for name in filled(given["path"], context).split():
            found = workspace / name
            (shutil.copytree if found.is_dir() else shutil.copy)(found, artifact / name)
    elif action == "actions/download-artifact":
        shutil.copytree(artifact, workspace, dirs_exist_ok=True)
    else:
        assert action == "actions/setup-python"


def git(checkout: Path, *words: str) -> str:
    """Return the output of git in a checkout."""
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    done = subprocess.run(["git", *who, *words], cwd=checkout, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def render(checkout: Path, *, honest: bool = True) -> None:
    """Write the boards of a checkout; where a record is not what it says, `leaderboard` may name it and exit 1."""
    command = [sys.executable, "-m", "tta_bench", "leaderboard"]
    subprocess.run(command, cwd=checkout, check=honest, capture_output=True, timeout=120)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of this suite as it stands here, but for one record."""
    folder = tmp_path_factory.mktemp("base") / "suite"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for name in listed.stdout.split("\0"):
        if name and (ROOT / name).is_file() and RECORD not in name:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    replaced = folder / BOARDS / "replaced.yaml"
    family = RECORD.rpartition("__")[0]  # what it replaced, and what that had replaced before
    kept = [line for line in replaced.read_text().splitlines(keepends=True) if f"{family}__" not in line]
    replaced.write_text("".join(kept))
    render(folder)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "-A")
    git(folder, "commit", "--quiet", "-m", "base")
    return folder


Change = Callable[[Path], None]


@pytest.fixture
def proposal(base: Path, tmp_path: Path) -> Iterator[Callable[..., Event]]:
    """Return a pull request of some changes."""

    def propose(*changes: Change, fork: bool = True) -> Event:
        checkout = tmp_path / "proposal"
        git(tmp_path, "clone", "--quiet", str(base), str(checkout))
        for change in changes:
            change(checkout)
        git(checkout, "add", "-A")
        git(checkout, "commit", "--quiet", "-m", "proposal")
        context = {
            "github.event.pull_request.base.sha": git(base, "rev-parse", "HEAD"),
            "github.event.pull_request.head.repo.fork": fork,
        }
        return Event("pull_request", context, checkout, git(checkout, "rev-parse", "HEAD"))

    return propose


def add_record(checkout: Path) -> None:
    """Add the record that the base lacks, with its boards, as `submit` does."""
    for path in (ROOT / BOARDS / "records").glob(f"{RECORD}*"):
        shutil.copy(path, checkout / BOARDS / "records" / path.name)
    render(checkout)


def forge(checkout: Path) -> None:
    """Raise the score of the record, make its digest fit again, and render the boards with it."""
    path = checkout / BOARDS / "records" / f"{RECORD}.json"
    data = json.loads(path.read_text())
    data["metrics"]["top1"] |= {"value": 0.96875, "low": 0.9375, "high": 1.0}
    data["content_sha256"] = content_sha256(data)
    path.write_text(json.dumps(data, indent=2, sort_keys=True) + "\n")
    render(checkout, honest=False)


def bring_a_judge(checkout: Path) -> None:
    """Let the proposal's own `verify` find nothing."""
    (checkout / "tta_bench" / "cli" / "verify.py").write_text("import click\ncommand = click.Command('verify')\n")


def bring_a_key(checkout: Path) -> None:
    """Name a maintainer."""
    (checkout / BOARDS / "maintainers").write_text("me@example.org ssh-ed25519 AAAA\n")


def edit_a_board(checkout: Path) -> None:
    """Write a score into a board by hand."""
    path = checkout / BOARDS / "sample" / "ucf101_ft.md"
    path.write_text(re.sub(r"\d\d\.\d\d", "99.58", path.read_text(), count=1))


def remove_a_record(checkout: Path) -> None:
    """Remove somebody's record."""
    next((checkout / BOARDS / "records").glob("ucf101_ft__timm-resnet10t*.json")).unlink()


@pytest.mark.acceptance
def test_a_good_submission_passes_and_its_row_is_commented(proposal: Callable[..., Event], tmp_path: Path) -> None:
    event = proposal(add_record)
    done = run_workflow("boards", event, tmp_path / "run")
    assert done.failed == [], done.steps[-1]
    row = (tmp_path / "run" / "artifacts" / "row" / "row.txt").read_text()
    assert re.search(r"^-> .*resnet18", row, re.MULTILINE)
    assert row.strip() in (tmp_path / "run" / "summary.md").read_text()

    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "gh").write_text('#!/bin/bash\nif [ "$1" = api ]; then echo 7; else echo "$@"; fi\n')
    (programs / "gh").chmod(0o755)
    after = {"github.event.workflow_run.event": "pull_request", "github.event.workflow_run.conclusion": "success"}
    said = run_workflow(
        "comment", Event("workflow_run", after, event.checkout, event.head), tmp_path / "run", f"{programs}{os.pathsep}"
    )
    assert said.failed == []
    assert "pr comment 7" in said.output("Comment on the pull request")
    comment = (tmp_path / "run" / "comment" / "comment.md").read_text()
    assert "resnet18" in comment.split("```text\n")[1]
    print(f"a good submission: {len(done.steps)} steps passed; commented:\n{comment}")


@pytest.mark.acceptance
@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ((add_record, forge, bring_a_judge), "Every figure is recomputed"),
        ((add_record, bring_a_key), "keys change alone"),
        ((remove_a_record,), "A fork adds records"),
        pytest.param((add_record, forge), "Every figure is recomputed", marks=pytest.mark.long),
        pytest.param((edit_a_board,), "Every board is what", marks=pytest.mark.long),
    ],
    ids=lambda part: "+".join(change.__name__ for change in part) if isinstance(part, tuple) else "",
)
def test_a_forged_submission_fails_at_the_step_that_is_there_for_it(
    proposal: Callable[..., Event], tmp_path: Path, changes: tuple[Change, ...], step: str
) -> None:
    done = run_workflow("boards", proposal(*changes), tmp_path / "run")
    (failed,) = done.failed
    assert step in failed
    print(f"{'+'.join(change.__name__ for change in changes)}: stopped at '{failed}'")


@pytest.mark.acceptance
@pytest.mark.long
def test_a_push_is_checked_and_comments_nothing(base: Path, tmp_path: Path) -> None:
    event = Event("push", {}, base, git(base, "rev-parse", "HEAD"))
    done = run_workflow("boards", event, tmp_path / "run")
    assert done.failed == []
    assert not any("rows that are new" in name for name, _, _ in done.steps)


@pytest.mark.acceptance
@pytest.mark.parametrize("event", ["push", "pull_request"])
def test_what_the_tests_start_is_there(base: Path, tmp_path: Path, event: str) -> None:
    done = run_workflow("tests", Event(event, {}, base, git(base, "rev-parse", "HEAD")), tmp_path / "run")
    assert done.failed == []
    assert "pytest -n 2" in done.output("make lint test")
    assert "mkdocs build" in done.output("make docs acceptance")


@pytest.mark.acceptance
@pytest.mark.parametrize("differs", [True, False])
def test_samples_that_differ_when_measured_again_are_proposed(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, differs: bool
) -> None:
    origin = tmp_path / "origin"
    git(tmp_path, "clone", "--quiet", str(base), str(origin))
    program = origin / ".venv" / "bin" / "tta-bench"
    program.parent.mkdir(parents=True)
    program.write_text(STUB)
    program.chmod(0o755)
    git(origin, "add", "--force", ".venv")
    git(origin, "commit", "--quiet", "-m", "a program that measures nothing")
    name = sorted(path.name for path in (origin / BOARDS / "records").glob("*.json"))[0]
    monkeypatch.setenv("DIFFERS", name if differs else "none")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "gh").write_text('#!/bin/bash\necho "$@"\n')
    (programs / "gh").chmod(0o755)
    event = Event("schedule", {"github.run_id": "5"}, origin, git(origin, "rev-parse", "HEAD"))
    done = run_workflow("remeasure", event, tmp_path / "run", f"{programs}{os.pathsep}")
    assert done.failed == [], done.steps[-1]
    assert f"differs={str(differs).lower()}" in done.output(".ci/remeasure")
    branches = git(origin, "branch", "--list", "remeasured-5")
    assert bool(branches) is differs
    if differs:
        changed = git(origin, "diff", "--name-only", "main", "remeasured-5").split()
        assert changed == [f"{BOARDS}/submitted.txt"]
        assert "More than 10 points" in (tmp_path / "run" / "artifacts" / "remeasured" / "remeasured.md").read_text()
        assert "pr create --head remeasured-5" in done.output("Open a pull request")
