"""What the suite promises of plug-ins: the README's lines from a wheel, a package, a quick list, broken ones caught."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.contract.broken import BROKEN
from tests.warm import tta_bench
from tta_bench.records.store import load_records

pytestmark = pytest.mark.acceptance
REPOSITORY = Path(__file__).parents[2]


def python(*words: str | Path, site: Path, cwd: Path, code: int = 0, **env: str) -> str:
    """Run Python with one more folder of packages before all others; return what it said."""
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH", "")]))
    everything = os.environ | {"PYTHONPATH": path, "PYTHONWARNINGS": "ignore"} | env
    command = [sys.executable, *map(str, words)]
    done = subprocess.run(command, cwd=cwd, env=everything, capture_output=True, text=True, timeout=600)
    assert done.returncode == code, f"{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def install(site: Path, *what: str | Path) -> None:
    python("-m", "pip", "install", "--quiet", "--no-deps", "--target", site, *what, site=site, cwd=site.parent)


def test_the_readmes_lines_run_from_the_wheel_in_an_empty_folder(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="building the wheel needs hatchling")
    site, folder = tmp_path / "site", tmp_path / "empty"
    folder.mkdir()
    words = ("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, REPOSITORY)
    python("-m", "pip", *words, site=site, cwd=tmp_path)
    install(site, next(tmp_path.glob("tta_bench-*.whl")))
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"```python\n# my_net\.py\n(.*?)```", readme, re.DOTALL)
    (folder / "my_net.py").write_text(lines)
    command = re.findall(r"^\$ tta-bench (run .*--plugin my_net\.py)$", readme, re.MULTILINE)[0]
    where = python("-c", "import tta_bench; print(tta_bench.__file__)", site=site, cwd=folder)
    assert where.startswith(str(site))
    said = python("-m", "tta_bench", *command.split(), site=site, cwd=folder)
    assert "| my_net " in said
    print("the README's lines, from the wheel:", next(line for line in said.splitlines() if "| my_net " in line))


def test_an_installed_package_is_listed_runs_and_stands_in_the_record(tmp_path: Path) -> None:
    site = tmp_path / "site"
    python("-m", "tta_bench", "new", "backbone", "shared_net", site=REPOSITORY, cwd=tmp_path)
    install(site, "--no-build-isolation", "--no-index", tmp_path / "shared_net")
    path = f"{REPOSITORY}{os.pathsep}{site}"
    listed = python("-m", "tta_bench", "list", "backbones", "shared*", site=REPOSITORY, cwd=tmp_path, PYTHONPATH=path)
    assert "tta-bench-shared-net 0.1.0" in listed
    words = ("run", "protocol=ucf101_ft", "backbone=shared_net", "train.steps=2", "limit=16")
    python("-m", "tta_bench", *words, site=REPOSITORY, cwd=tmp_path, PYTHONPATH=path)
    (record,) = load_records(tmp_path / "runs/records")
    (plugin,) = record.environment.plugins
    assert (plugin.name, plugin.version) == ("tta-bench-shared-net", "0.1.0")
    print(f"the record's plug-in: {plugin.name} {plugin.version}, sha256 {str(plugin.sha256)[:12]}")


@pytest.mark.alone
def test_list_is_quick_with_a_thousand_cards_and_twenty_plugins(tmp_path: Path) -> None:
    site, cards = tmp_path / "site", tmp_path / "cards/backbones"
    cards.mkdir(parents=True)
    shipped = (REPOSITORY / "registry/backbones/resnet50.yaml").read_text()
    for number in range(1000):
        (cards / f"net_{number}.yaml").write_text(shipped.replace("name: resnet50\n", f"name: net_{number}\n", 1))
    for number in range(20):
        package, info = site / f"plug_{number}", site / f"plug_{number}-1.0.dist-info"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("raise RuntimeError('imported')")
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: plug-{number}\nVersion: 1.0\nSummary: A net\n")
        (info / "entry_points.txt").write_text(f"[tta_bench.plugins]\nplug_net_{number} = plug_{number}\n")
    env = {"PYTHONPATH": f"{REPOSITORY}{os.pathsep}{site}", "TTA_BENCH_REGISTRY": str(tmp_path / "cards")}
    seconds = []
    for _ in range(5):
        begun = time.perf_counter()
        said = python("-m", "tta_bench", "list", "backbones", site=site, cwd=tmp_path, **env)
        seconds.append(time.perf_counter() - begun)
    assert said.count("  net_") == 1000
    assert said.count("  plug_net_") == 20
    print(f"tta-bench list, 1,000 cards and 20 plug-ins: {min(seconds):.2f} s (at most 0.8 s)")
    assert min(seconds) < 0.8


@pytest.mark.parametrize(
    "case",
    [
        *("fails to import", "gives a map, not features", "has no parameters", "changes its input", "draws at random"),
        *("mixes the batch", "trains in evaluation mode", "has parameters that nothing reaches"),
        *("claims sizes it does not take", "leaves parameters out of its layers", "says a wrong number of parameters"),
    ],
)
def test_a_broken_plugin_is_caught_on_the_command_line(tmp_path: Path, case: str) -> None:
    source, rule, message = BROKEN[case]
    (tmp_path / "broken.py").write_text(source)
    said = "".join(tta_bench("check", "broken", "--plugin", "broken.py", "--json", code=1, cwd=tmp_path))
    assert message in said
    print(f"{case}: broken {rule}, {message}")
