from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tta_bench import __version__
from tta_bench.experiments.base import NUMERICS_VERSION
from tta_bench.records.environment import describe_environment, git_state


def test_the_environment_of_this_machine() -> None:
    found = describe_environment("cpu", "fp32")
    assert found.suite_version == __version__
    assert found.packages["numpy"]
    assert found.numerics == NUMERICS_VERSION
    assert found.device
    assert found.decoder is None or found.decoder.startswith("PyAV")


def test_a_fixed_order_of_operations_is_said_and_the_usual_one_left_out() -> None:
    assert describe_environment("cpu", "fp32", deterministic=True).model_dump()["deterministic"] is True
    assert "deterministic" not in describe_environment("cpu", "fp32").model_dump()


def test_a_folder_without_git_has_no_commit(tmp_path: Path) -> None:
    assert git_state(tmp_path) == (None, None)


def test_commit_and_changes_since(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        settings = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *settings, *words], cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init")
    assert git_state(tmp_path) == (None, None)
    (tmp_path / "registry").mkdir()
    (tmp_path / "registry" / "card.yaml").write_text("a: 1\n")
    git("add", ".")
    git("commit", "-m", "first")
    commit = git("rev-parse", "HEAD")
    (tmp_path / "notes.txt").write_text("not code")
    assert git_state(tmp_path) == (commit, False)
    (tmp_path / "registry" / "card.yaml").write_text("a: 2\n")
    assert git_state(tmp_path) == (commit, True)


def test_records_and_boards_import_no_torch() -> None:
    code = "import sys, tta_bench.boards.write, tta_bench.records.verify, tta_bench.records.environment; "
    code += "print([name for name in ('torch', 'mmengine', 'scipy.stats', 'av', 'cv2') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
