"""Start of the command line: processor time of ``--help``, and of ``list`` with 1,000 cards and 20 plug-ins."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import pytest

from tests.conftest import REPOSITORY

MAIN = "import sys; from tta_bench.cli import main; sys.argv = ['tta-bench', *{words}]; main()"
ROUNDS = 5


def seconds(code: str, cwd: Path, **env: str) -> tuple[float, str]:
    """Return the processor time of a Python program, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=cwd, env=os.environ | env, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def test_help_is_nearly_as_quick_as_click(tmp_path: Path) -> None:
    env = {"PYTHONPATH": str(REPOSITORY)}
    rounds = [
        (seconds(MAIN.format(words=["--help"]), tmp_path, **env)[0], seconds("import click", tmp_path, **env)[0])
        for _ in range(ROUNDS + 1)
    ][1:]
    took, times = median(ours for ours, _ in rounds), median(ours / click for ours, click in rounds)
    print(f"\ntta-bench --help: {took:.3f} s (at most 0.15), {times:.2f} times importing click (at most 1.6)")
    assert took < 0.15
    assert times < 1.6


@pytest.fixture
def thousand_cards(tmp_path: Path) -> dict[str, str]:
    """Environment of 1,000 card files and 20 installed plug-ins, none of which may be imported."""
    site, cards = tmp_path / "site", tmp_path / "cards/backbones"
    cards.mkdir(parents=True)
    shipped = (REPOSITORY / "registry/backbones/resnet50.yaml").read_text()
    for number in range(1000):
        (cards / f"net_{number}.yaml").write_text(shipped.replace("name: resnet50\n", f"name: net_{number}\n", 1))
    install_plugins(site, 20)
    time.sleep(2.5)  # a file that was just written is not in the index yet
    return {"PYTHONPATH": f"{REPOSITORY}{os.pathsep}{site}", "TTA_BENCH_REGISTRY": str(tmp_path / "cards")}


def install_plugins(site: Path, count: int) -> None:
    """Lay out packages that declare a backbone each, as an installer does; importing one fails."""
    for number in range(count):
        package, info = site / f"plug_{number}", site / f"plug_{number}-1.0.dist-info"
        package.mkdir(parents=True)
        info.mkdir()
        (package / "__init__.py").write_text("raise RuntimeError('imported')")
        lines = f"Metadata-Version: 2.1\nName: plug-{number}\nVersion: 1.0\nSummary: A net\n"
        (info / "METADATA").write_text(lines)
        (info / "entry_points.txt").write_text(f"[tta_bench.plugins]\nplug_net_{number} = plug_{number}\n")


@pytest.mark.parametrize(("indexed", "most"), [(True, 0.4), (False, 2.0)])
def test_list_of_a_thousand_cards(indexed: bool, most: float, thousand_cards: dict[str, str], tmp_path: Path) -> None:
    code = MAIN.format(words=["list"])
    if not indexed:
        code = f"import shutil; shutil.rmtree({str(tmp_path / 'cache')!r}, ignore_errors=True); {code}"
    end = "import atexit, sys; atexit.register(lambda: print('torch' in sys.modules)); "
    took = []
    for _ in range(ROUNDS + 1):
        used, said = seconds(end + code, tmp_path, TTA_BENCH_CACHE=str(tmp_path / "cache"), **thousand_cards)
        took.append(used)
        assert said.count("  net_") == 1000
        assert said.count("  plug_net_") == 20
        assert said.splitlines()[-1] == "False"  # no torch
    kind = "from the index" if indexed else "without the index"
    print(f"\ntta-bench list, 1,000 cards and 20 plug-ins, {kind}: {median(took[1:]):.2f} s (at most {most})")
    assert median(took[1:]) < most
