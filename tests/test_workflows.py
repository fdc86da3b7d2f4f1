"""The workflows of CI: valid by GitHub's public schema, and nothing in them that a pull request could abuse."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest

from tta_bench.cards.files import read_yaml

FOLDER = Path(__file__).parents[1] / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
SCHEMAS = ("vendor.github-workflows", "custom.github-workflows-require-timeout")


def validate(schema: str, *paths: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = read_yaml(path.read_text(), path.name)
    return found


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_workflows_are_valid(schema: str) -> None:
    assert {path.stem for path in WORKFLOWS} == {"tests", "boards", "remeasure", "comment", "long", "pages", "release"}
    done = validate(schema, *WORKFLOWS)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("schema", "right", "wrong"),
    [
        (SCHEMAS[0], "runs-on:", "runs-at:"),
        (SCHEMAS[0], "contents: read", "contents: look"),
        (SCHEMAS[1], "timeout-minutes:", "# timeout-minutes:"),
    ],
)
def test_a_mistake_in_a_workflow_is_found(tmp_path: Path, schema: str, right: str, wrong: str) -> None:
    (tmp_path / "w.yml").write_text(WORKFLOWS[0].read_text().replace(right, wrong))
    assert validate(schema, tmp_path / "w.yml").returncode == 1


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_their_hash(path: Path) -> None:
    uses = re.findall(r"uses: (.*)", path.read_text())
    assert uses
    assert [line for line in uses if not re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_workflow_gives_code_of_a_pull_request_secrets_or_a_right_to_write(path: Path) -> None:
    workflow, text = read(path), path.read_text()
    triggers = workflow["on"]
    assert workflow["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in text
    assert "secrets." not in text
    for job in workflow["jobs"].values():
        if "permissions" in job:
            tags_alone = triggers == {"push": {"tags": ["v*"]}}
            assert tags_alone or set(triggers) in ({"schedule", "workflow_dispatch"}, {"workflow_run"})
            if "workflow_run" in triggers:
                assert not any("actions/checkout" in step.get("uses", "") for step in job["steps"])
                assert job["permissions"] == {"actions": "read", "pull-requests": "write"}
            commands = " ".join(step.get("run", "") for step in job["steps"])
            assert not re.search(r"\b(make|pip|python|tta-bench|\.ci)\b", commands)
        else:
            checkouts = [step for step in job["steps"] if "actions/checkout" in step.get("uses", "")]
            assert [step["with"]["persist-credentials"] for step in checkouts] == [False]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_text_of_a_pull_request_gets_into_a_command(path: Path) -> None:
    assert [step["run"] for step in steps(read(path)) if "${{" in step.get("run", "")] == []


def test_records_are_judged_by_the_code_and_the_boards_of_the_base() -> None:
    (judging,) = (step["run"] for step in steps(read(FOLDER / "boards.yml")) if "bench verify" in step.get("run", ""))
    verify = (
        "PYTHONPATH=base python -m tta_bench verify proposed/leaderboards/records --since base/leaderboards --fetch"
    )
    assert f'{verify} ${{keys:+--maintainers "$keys"}}\n' in judging
    assert judging.startswith("keys=base/leaderboards/maintainers\n")


def test_text_of_a_pull_request_is_commented_as_a_block_of_code_only() -> None:
    (text,) = (step["run"] for step in steps(read(FOLDER / "comment.yml")) if "row.txt" in step.get("run", ""))
    before, _, after = text.partition("row.txt")
    assert before.count("```") == after.count("```") == 1
    assert "tr -d '`" in after


def test_the_site_has_the_boards() -> None:
    commands = [step["run"] for step in steps(read(FOLDER / "pages.yml")) if "run" in step]
    assert commands[:2] == ["make docs", ".venv/bin/tta-bench leaderboard --html site/boards"]


def test_a_release_is_checked_before_it_is_uploaded() -> None:
    jobs = read(FOLDER / "release.yml")["jobs"]
    assert "python -m twine check --strict dist/*" in [step.get("run") for step in jobs["build"]["steps"]]
    assert jobs["upload"]["needs"] == "build"


def test_forms_owners_and_updates_are_there() -> None:
    forms = sorted((FOLDER.parent / "ISSUE_TEMPLATE").glob("*.yml"))
    assert [path.stem for path in forms] == ["config", "fault", "record", "reported"]
    for path in forms[1:]:
        form = read(path)
        assert {"name", "description", "body"} <= set(form)
        names = [part["id"] for part in form["body"]]
        assert len(names) == len(set(names))
    for schema, paths in (
        ("vendor.dependabot", [FOLDER.parent / "dependabot.yml"]),
        ("vendor.github-issue-forms", forms[1:]),
        ("vendor.github-issue-config", forms[:1]),
    ):
        done = validate(schema, *paths)
        assert done.returncode == 0, done.stdout
    owned = [line.split()[0] for line in (FOLDER.parent / "CODEOWNERS").read_text().splitlines() if line[:1] == "/"]
    assert {"/leaderboards/maintainers", "/.github/", "/tta_bench/records/"} <= set(owned)
    there = FOLDER.parents[1]
    assert [path for path in owned if not (there / path[1:]).exists()] in ([], ["/leaderboards/maintainers"])
    assert "leaderboards/maintainers" in (FOLDER.parent / "PULL_REQUEST_TEMPLATE.md").read_text()


def commit(checkout: Path, files: dict[str, str]) -> str:
    """Write files into a checkout, commit them, and return the commit."""
    for name, content in files.items():
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text(content)
    git = ["git", "-C", str(checkout), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "x"], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


KEYS = "leaderboards/maintainers"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({KEYS: "b"}, 0),
        ({"leaderboards/records/r.json": "{}"}, 0),
        ({KEYS: "b", "leaderboards/records/r.json": "{}"}, 1),
        ({KEYS: "b", "tta_bench/x.py": ""}, 1),
        ({"leaderboards/maintainers.txt": "b", "a": "b"}, 0),
    ],
)
def test_keys_that_vouch_for_records_change_alone(tmp_path: Path, changed: dict[str, str], code: int) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    base = commit(tmp_path, {KEYS: "a", "README.md": "a"})
    commit(tmp_path, changed)
    script = FOLDER.parents[1] / ".ci" / "keys_apart"
    done = subprocess.run(["bash", str(script), str(tmp_path), base, "HEAD"], capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    assert ("a pull request of their own" in done.stdout) is bool(code)


def test_a_fork_may_neither_change_nor_remove_a_record() -> None:
    (step,) = (step for step in steps(read(FOLDER / "boards.yml")) if step.get("if", "").endswith("head.repo.fork"))
    assert "--diff-filter=DM" in step["run"]
    assert "leaderboards/records/*.json" in step["run"]


def test_the_matrix_has_the_oldest_python_that_is_promised() -> None:
    pythons = read(FOLDER / "tests.yml")["jobs"]["tests"]["strategy"]["matrix"]["python"]
    pyproject = (FOLDER.parents[1] / "pyproject.toml").read_text()
    assert f'requires-python = ">={pythons[0]}"' in pyproject
    assert len(pythons) == 3


OPTIONAL = {"charset-normalizer"}
"""Packages that NumPy imports where they are there."""


@pytest.mark.parametrize("words", [("verify", "leaderboards/records"), ("leaderboard", "--check")])
def test_boards_are_checked_with_the_packages_that_the_workflow_installs(words: tuple[str, ...]) -> None:
    program = (
        "import sys\n"
        "before = set(sys.modules)\n"  # those of .pth files
        "from importlib.metadata import packages_distributions\n"
        "from click.testing import CliRunner\n"
        "from tta_bench.cli import cli\n"
        "assert CliRunner().invoke(cli, sys.argv[1:]).exit_code == 0\n"
        "brought_by = packages_distributions()\n"
        "tops = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*{name for top in tops for name in brought_by.get(top, [])})"
    )
    command = [sys.executable, "-c", program, *words]
    used = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=FOLDER.parents[1], check=True)
    said = re.search(r"pip install --quiet -c base/constraints.txt (.*)", (FOLDER / "boards.yml").read_text())
    assert said is not None
    installed = {name.lower() for name in said.group(1).split()}
    needed = {re.split(r"[^\w.-]", line)[0].lower() for name in installed for line in requires(name) or ()}
    assert {name.lower().replace("_", "-") for name in used.stdout.split()} - OPTIONAL <= {
        name.replace("_", "-") for name in installed | needed
    }


def test_the_check_of_a_gpu_runs_on_a_cpu_at_a_small_size() -> None:
    """Where there is no GPU its functions run all the same, so that they still run where there is one."""
    path = FOLDER.parents[1] / ".ci" / "check_gpu.py"
    spec = importlib.util.spec_from_file_location("check_gpu", path)
    assert spec is not None
    assert spec.loader is not None
    check = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(check)
    large = ("backbone=videomaev2_vit_b", "clip.size=224", "clip.frames=16", "runtime.micro_batch=32")
    small = ("clip.size=16", "clip.frames=4", "clip.span=8", "train.batch=4", "runtime.micro_batch=4")
    small = (*small, "runtime.workers=0", "runtime.device=cpu", "limit=8", "precision=fp32")
    kinds = {}
    for name, words in check.KINDS.items():
        assert set(large) <= set(words)
        keys = {word.partition("=")[0] for word in (*small, "backbone")}
        kinds[name] = (*(word for word in words if word.partition("=")[0] not in keys), *small)
    kinds["pre-training"] = tuple(word.replace("encoder=0.9", "encoder=0.5") for word in kinds["pre-training"])
    rows = check.table(kinds, check.torch.device("cpu"), 2, compiled=False, size=64)
    assert [result for _, result, _ in rows[:3]] == ["equal"] * 3
    measured = [*rows[4:6], *rows[7:9]]
    assert rows[6][1].count(" ") == rows[9][1].count(" ") == 11
    assert [what.split(", ")[0] for what, _, _ in measured] == ["fine-tuning"] * 2 + ["pre-training"] * 2
    assert all(result.endswith("% of the measured peak") and float(rate) > 0 for _, result, rate in measured)
