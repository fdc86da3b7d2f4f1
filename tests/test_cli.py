from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time

import click
import pytest
from click.testing import CliRunner

from tta_bench.cli import COMMANDS, cli

HEAVY = ("torch", "mmengine", "timm", "cv2", "av")


def tta_bench(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "tta_bench", *words], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    "words", [["--help"], ["list"], ["list", "backbones", "vid*"], ["show", "ucf101_ft"], ["run", "--help"]]
)
def test_looking_round_imports_nothing_heavy(words: list[str]) -> None:
    program = (
        f"import sys; from tta_bench.cli import main\n"
        f"try: main({words!r})\nexcept SystemExit as e: assert not e.code\n"
        f"sys.exit([m for m in {HEAVY!r} if m in sys.modules] or None)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_help_names_every_command() -> None:
    done = CliRunner().invoke(cli, ["--help"])
    text = done.output
    assert done.exception is None, repr(done.exception)
    assert [name for name in COMMANDS if f"  {name} " not in text] == [], text


def test_the_options_are_these() -> None:
    """Surface grows in a reviewed diff only."""
    found = {name: importlib.import_module(f"tta_bench.cli.{name}").command for name in COMMANDS}
    groups = {name: made.commands for name, made in found.items() if isinstance(made, click.Group)}
    found |= {f"{name} {part}": made for name, parts in groups.items() for part, made in parts.items()}
    for name, made in found.items():
        options = sorted(option for parameter in made.params for option in parameter.opts if option.startswith("-"))
        assert options == OPTIONS[name]


OPTIONS = {
    "run": ["--dry-run", "--json", "--plugin", "--resume", "--submission", "--work-dir"],
    "eval": ["--json", "--plugin", "--work-dir"],
    "predict": ["--every", "--format", "--plugin", "--top", "--work-dir"],
    "features": ["--into", "--plugin", "--work-dir"],
    "list": ["--json", "--plugin", "--work-dir"],
    "show": ["--json", "--plugin"],
    "new": ["--into"],
    "check": ["--json", "--markdown", "--plugin"],
    "leaderboard": ["--boards", "--check", "--format", "--plugin", "--records"],
    "verify": ["--plugin", "--predictions", "--since"],
    "compare": ["--json", "--plugin"],
    "submit": ["--boards", "--party"],
    "reproduce": ["--plugin", "--run", "--tolerance", "--work-dir"],
    "data": [],
    "data verify": ["--json", "--min-frames", "--plugin", "--work-dir"],
    "data prepare": ["--into", "--plugin"],
    "weights": [],
    "weights fetch": [],
    "weights export": ["--work-dir"],
    "doctor": ["--json"],
}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rnu"], "Did you mean 'run'?"),
        (["list", "backbone"], "Did you mean 'backbones'?"),
        (["show", "ucf101"], ""),
        (["show", "ucf101_f"], "Did you mean 'ucf101_ft'?"),
        (["show", "resnet50+egemapz"], "Did you mean 'egemaps'?"),
        (["run"], "no protocol was named"),
        (["run", "protocol=ucf101_ft", "trian.lr=1"], "Did you mean 'train.lr'?"),
        (["run", "protocol=ucf101_ft", "--work"], "No such option"),
        (["eval", "protocol=ucf101_ft", "predictons=a.csv"], "Did you mean 'predictions'?"),
        (["submit"], "Missing argument"),
        (["reproduce", "gone.json"], "does not exist"),
    ],
)
def test_a_mistake_gets_one_line_and_exit_code_2(words: list[str], message: str) -> None:
    done = tta_bench(*words)
    assert done.returncode == (2 if message else 0)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_list_filters_and_speaks_json() -> None:
    listed = json.loads(CliRunner().invoke(cli, ["list", "backbones", "video*", "--json"]).output)
    assert {row["name"] for row in listed["backbones"]} >= {"videomaev2_vit_tiny", "videomaev2_vit_g"}
    assert all(row["name"].startswith("video") for row in listed["backbones"])


def test_show_gives_hash_size_cost_and_locked_keys() -> None:
    shown = json.loads(CliRunner().invoke(cli, ["show", "videomaev2_vit_b", "--json"]).output)["backbones"]
    assert shown["parameters"] == 86_227_200
    assert shown["gmacs_x_views"]["ucf101_ft"] == "180.34 x 15"
    protocol = json.loads(CliRunner().invoke(cli, ["show", "ucf101_ft", "--json"]).output)["protocols"]
    assert "eval.segments" in protocol["locked"]
    assert len(protocol["hash"]) == 64
    assert protocol["detectable_difference"]["full"]["6% of 3,783"] == 1.1


def test_json_leaves_stdout_to_the_document() -> None:
    done = tta_bench("show", "resnet50", "--json")
    assert json.loads(done.stdout)


def best_of_five(*words: str) -> float:
    def once() -> float:
        begun = time.perf_counter()
        assert tta_bench(*words).returncode == 0
        return time.perf_counter() - begun

    return min(once() for _ in range(5))


@pytest.mark.acceptance
def test_help_and_list_are_quick() -> None:
    for words, most in ((["--help"], 0.3), (["list"], 0.8)):
        seconds = best_of_five(*words)
        print(f"tta-bench {words[0]}: {seconds:.2f} s (at most {most} s)")
        assert seconds < most
