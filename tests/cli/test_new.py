from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tta_bench.cli import cli
from tta_bench.errors import UserError

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", ["backbone", "dataset", "protocol"])
def test_a_new_package_passes_its_own_test(tmp_path: Path, kind: str) -> None:
    done = CliRunner().invoke(cli, ["new", kind, f"brand_new_{kind}", "--into", str(tmp_path)])
    assert done.exit_code == 0, done.output
    folder = tmp_path / f"brand_new_{kind}"
    assert not [path for path in folder.rglob("*") if path.is_file() and "my_plugin" in f"{path}{path.read_text()}"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore"]
    env = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    tested = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert tested.returncode == 0, tested.stdout
    assert "1 passed" in tested.stdout


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("bakbone", "net", "Did you mean 'backbone'?"),
        ("backbone", "my-net", "is no name for a package"),
        ("backbone", "3d", "is no name for a package"),
        ("backbone", "class", "is no name for a package"),
        ("backbone", "json", "a module called 'json' is installed"),
        ("backbone", "taken", "taken is there already"),
    ],
)
def test_a_bad_name_is_refused_and_nothing_is_written(tmp_path: Path, kind: str, name: str, message: str) -> None:
    (tmp_path / "taken").mkdir()
    done = CliRunner().invoke(cli, ["new", kind, name, "--into", str(tmp_path)])
    assert isinstance(done.exception, UserError)
    assert message in str(done.exception)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["taken"]
