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


def test_new_packages_pass_their_own_tests(tmp_path: Path) -> None:
    folders = [new_package(kind, tmp_path) for kind in ("backbone", "dataset", "protocol")]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore"]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [REPOSITORY, *folders]))}
    tested = subprocess.run([*command, *folders], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)
    assert tested.returncode == 0, tested.stdout
    assert "3 passed" in tested.stdout


def new_package(kind: str, parent: Path) -> Path:
    """Write a package and return its folder; nothing in it is called like the template."""
    done = CliRunner().invoke(cli, ["new", kind, f"brand_new_{kind}", "--into", str(parent)])
    assert done.exit_code == 0, done.output
    folder = parent / f"brand_new_{kind}"
    assert not [path for path in folder.rglob("*") if path.is_file() and "my_plugin" in f"{path}{path.read_text()}"]
    return folder


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
