from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tta_bench.cards.files import forget_folders
from tta_bench.cli import COMMANDS, cli, main
from tta_bench.utils.threads import POLICY, SPINS

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


def test_threads_are_let_sleep_by_every_command(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (SPINS, POLICY):
        monkeypatch.setenv(name, "0")
        monkeypatch.delenv(name)
    with pytest.raises(SystemExit):
        main(["no-such-command"])
    assert os.environ.get(SPINS) == "1000"


def test_help_names_every_command() -> None:
    done = CliRunner().invoke(cli, ["--help"])
    text = done.output
    assert done.exception is None, repr(done.exception)
    assert [name for name in COMMANDS if f"  {name} " not in text] == [], text


def test_help_says_of_a_command_what_its_own_help_says() -> None:
    for name, text in COMMANDS.items():
        command = importlib.import_module(f"tta_bench.cli.{name}").command
        assert text == command.get_short_help_str(500), name
        assert not command.hidden


def every_command() -> list[tuple[str, click.Command]]:
    found = {name: importlib.import_module(f"tta_bench.cli.{name}").command for name in COMMANDS}
    groups = {name: made.commands for name, made in found.items() if isinstance(made, click.Group)}
    parts = {f"{name} {part}": made for name, parts in groups.items() for part, made in parts.items()}
    return [("", cli), *found.items(), *parts.items()]


@pytest.mark.parametrize(("name", "made"), every_command())
def test_help_fits_80_columns(name: str, made: click.Command) -> None:
    done = CliRunner().invoke(cli, [*name.split(), "--help"], terminal_width=80)
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    listed = list(lines[lines.index("Commands:") :]) if "Commands:" in lines else []
    assert [line for line in listed if "..." in line] == []
    assert [line for line in lines[2:] if line.count("tta-bench ") > 1] == [], "a list of commands runs together"


def test_help_loads_no_command() -> None:
    program = (
        "import sys; from tta_bench.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit as e: assert not e.code\n"
        "own = {m for m in sys.modules if m.startswith('tta_bench.cli.')} - {'tta_bench.cli.endings'}\n"
        "slow = {'multiprocessing', 'difflib', 'pydantic', 'importlib.metadata', 'yaml'} & set(sys.modules)\n"
        "sys.exit(str(own | slow) if own | slow else None)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_options_are_these() -> None:
    """Surface grows in a reviewed diff only."""
    for name, made in every_command()[1:]:
        options = sorted(option for parameter in made.params for option in parameter.opts if option.startswith("-"))
        assert options == OPTIONS[name]


OPTIONS = {
    "completion": [],
    "run": [
        *("--dry-run", "--json", "--plugin", "--quiet", "--resume", "--shard", "--submission", "--verbose", "--wait"),
        *("--work-dir", "-q", "-v"),
    ],
    "eval": ["--json", "--plugin", "--work-dir"],
    "suite": [
        *("--dry-run", "--json", "--plugin", "--quiet", "--resume", "--shard", "--verbose", "--wait", "--work-dir"),
        *("-q", "-v"),
    ],
    "predict": ["--every", "--format", "--plugin", "--top", "--work-dir"],
    "features": ["--into", "--plugin", "--work-dir"],
    "list": ["--json", "--plugin", "--work-dir"],
    "show": ["--json", "--keys", "--plugin"],
    "new": ["--into"],
    "check": ["--json", "--markdown", "--plugin"],
    "leaderboard": [
        "--boards",
        "--check",
        "--format",
        "--html",
        "--plugin",
        "--records",
        "--since",
        "--unseen",
        "--work-dir",
    ],
    "report": ["--into", "--plugin", "--work-dir"],
    "verify": ["--fetch", "--maintainers", "--plugin", "--predictions", "--since"],
    "attest": ["--checkpoint", "--key", "--plugin", "--word", "--work-dir"],
    "compare": ["--json", "--plugin", "--protocols", "--records"],
    "submit": ["--boards", "--code", "--not-standard", "--party", "--predictions-at"],
    "reproduce": ["--plugin", "--run", "--tolerance", "--work-dir"],
    "data": [],
    "data attest": ["--digests-only", "--into", "--plugin", "--work-dir"],
    "data compare": ["--json"],
    "data shots": ["--folds", "--into", "--most", "--plugin"],
    "data overlap": ["--into", "--json", "--plugin", "--split"],
    "data verify": ["--json", "--min-frames", "--plugin", "--work-dir"],
    "data prepare": ["--into", "--key-frames", "--plugin", "--size"],
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
        (["run", "-m", "protocol=ucf101_ft"], "Lists are written split=1,2"),
        (["run", "protocol=ucf101_ft", "trian.lr=1"], "Did you mean 'train.lr'?"),
        (["run", "protocol=ucf101_ft", "--work"], "No such option"),
        (["eval", "protocol=ucf101_ft", "predictons=a.csv"], "Did you mean 'predictions'?"),
        (["submit"], "Missing argument"),
        (["reproduce", "gone.json"], "there is no file gone.json"),
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
    assert protocol["detectable_difference"]["full"]["6% of 3,783"] == {"alike by 0.1": 1.4, "alike by 0.4": 1.9}


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
@pytest.mark.alone
def test_help_and_list_are_quick() -> None:
    for words, most in ((["--help"], 0.3), (["list"], 0.8)):
        seconds = best_of_five(*words)
        print(f"tta-bench {words[0]}: {seconds:.2f} s (at most {most} s)")
        assert seconds < most


def commands() -> dict[str, click.Command]:
    found = {name: importlib.import_module(f"tta_bench.cli.{name}").command for name in COMMANDS}
    inner = {name: made.commands for name, made in found.items() if isinstance(made, click.Group)}
    return found | {f"{name} {part}": made for name, parts in inner.items() for part, made in parts.items()}


@pytest.mark.parametrize("name", ["", *commands()])
def test_no_help_shows_marks_of_its_source(name: str) -> None:
    text = CliRunner().invoke(cli, [*name.split(), "--help"]).output
    assert text.startswith("Usage: ")
    assert not [mark for mark in ("\\b", "``", "\b") if mark in text]
    examples = [line for line in text.splitlines() if line.strip().startswith("tta-bench ")]
    assert not [line for line in examples if line.count("tta-bench ") > 1], "examples were re-flowed"


SAID = [
    ("run", 2, "Try protocol=ucf101_ft. There are: abaw_eri, hmdb51_ft", "Try protocol=abaw_eri"),
    ("run ucf101_ft", 2, "Did you mean protocol=ucf101_ft?", "more"),
    ("run protocol = ucf101_ft", 2, "without blanks around =", "unknown protocol"),
    ("run protocol=UCF101_FT", 2, "Did you mean 'ucf101_ft'?", "abaw_eri"),
    ("run protocol=ucf101_ft lr=0.1", 2, "Did you mean 'train.lr'?", "more"),
    ("run protocol=ucf101_ft batch_size=8", 2, "Did you mean 'train.batch'?", "clip.size"),
    ("run protocol=ucf101_ft train=3", 2, "it is a section.\nIts keys: train.batch", "Did you mean"),
    *[
        (f"run protocol=ucf101_ft backbone={name}", 2, f"Did you mean 'timm/{name}'?", "more")
        for name in ("vit_base_patch16_224", "convnextv2_nano")
    ],
    ("run protocol=ucf101_ft backbone=timm/resnext50", 2, "timm/resnext50_32x4d", "res2next50"),
    ("run protocol=ucf101_ft backbone=timm/regnety", 2, "timm/regnety_002", "Did you mean"),
    ("run protocol=ucf101_ft backbone=my_c3d", 2, "Is it in a file of yours? Say --plugin FILE.py.", "Did you mean"),
    ("run protocol=ucf101_ft data.root=", 2, "data.root is empty", "not complete"),
    ("run protocol=hmdb51_ft data.root=", 2, "data.root is empty", "not complete"),
    ("run protocol=ucf101_ft data.root=/dev/null", 2, "data.root=/dev/null is no folder", "does not exist"),
    ("run protocol=hmdb51_ft weights=none data.root=a.file", 2, "a.file is no folder", "does not exist"),
    ("run protocol=ucf101_ft weights=nope.pth", 2, "weights=nope.pth: there is no such file", "Did you mean"),
    ("run protocol=hmdb51_ft weights=./non.safetensors", 2, "there is no such file", "'none'"),
    ("run protocol=ucf101_ft eval.split=test", 2, "only abaw_eri has it", "eval.select"),
    ("verify", 2, "there is no folder leaderboards/records here", "FAILED"),
    ("verify gone/record.json", 2, "gone/record.json", "Errno"),
    ("list runs nothing", 1, "nothing is called nothing", "error"),
    ("list backbones resnext*", 1, "tta-bench list backbones 'timm/resnext*'", "error"),
    ("list backbones regnety*", 1, "tta-bench list backbones 'timm/regnety*'", "error"),
    ("run protocol=ucf101_ft +train.lr=1", 2, "no + is needed", "unknown option"),
    ("run protocol=ucf101_ft +train.foo=1", 2, "No + is needed", "train.dropout=1"),
    ("run -m protocol=ucf101_ft", 2, "Lists are written split=1,2 and seed=0,1", "Usage"),
    ("run protocol=ucf101_ft backbone=zzzzzz", 2, "features/<any>", "features/any"),
    ("list backbones *any*", 0, "hf/<any>", "hf/any"),
    ("run protocol=ucf101_ft split=0-2", 2, "Lists are written with commas", "'-2'"),
    ("run protocol=ucf101_ft seed=1-5", 2, "Lists are written with commas", "'-5'"),
    ("run protocol=ucf101_ft train.lr=abc", 2, "train.lr=abc: a number was expected", "Input should be"),
    ("run protocol=ucf101_ft train.batch=0", 2, "train.batch=0: must be above 0", "Input should be"),
    ("show mine", 2, "mine.yaml: line 2, video: unknown key", "Extra inputs"),
    ("run protocol=yours", 2, "yours.yaml: line 2, summary", "Input should be"),
]
"""Lines, exit codes, a part of what each says, and a part that an earlier form of it said, which misled."""


def exit_code(words: list[str]) -> object:
    try:
        main(words)
    except SystemExit as end:
        return end.code or 0
    return 0


@pytest.mark.parametrize(("words", "code", "said", "never"), SAID)
def test_a_message_leads_on(
    words: str,
    code: int,
    said: str,
    never: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "a.file").write_text("")
    with monkeypatch.context() as patch:
        if "mine" in words or "yours" in words:
            (tmp_path / "registry/protocols").mkdir(parents=True)
            for name, line in (("mine", "video: 3"), ("yours", "summary: [1]")):
                text = f"_base_: ucf101_ft\n{line}\nname: {name}\n"
                (tmp_path / f"registry/protocols/{name}.yaml").write_text(text)
            patch.setenv("TTA_BENCH_REGISTRY", str(tmp_path / "registry"))
        patch.chdir(tmp_path)
        ended = exit_code(words.split())
    forget_folders()
    printed = capsys.readouterr()
    said_all = printed.out + printed.err
    assert ended == code, said_all
    assert said in said_all
    assert never not in said_all
    assert "Traceback" not in said_all
