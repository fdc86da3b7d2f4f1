from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tta_bench.utils.threads import MATRIX_THREADS, POLICY, SPINS, let_threads_sleep, one_matrix_thread


@pytest.mark.parametrize(("said", "found"), [({}, "1000"), ({SPINS: "5"}, "5"), ({POLICY: "active"}, None)])
def test_threads_spin_a_moment_only_if_nothing_else_was_said(
    monkeypatch: pytest.MonkeyPatch, said: dict[str, str], found: str | None
) -> None:
    for name in (SPINS, POLICY):
        monkeypatch.setenv(name, "0")  # so that what is set here is taken back
        monkeypatch.delenv(name)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    let_threads_sleep()
    assert os.environ.get(SPINS) == found


@pytest.mark.parametrize("said", [None, "2"])
def test_matrices_are_multiplied_on_one_thread_unless_a_user_says_otherwise(
    said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(MATRIX_THREADS, raising=False)
    if said is not None:
        monkeypatch.setenv(MATRIX_THREADS, said)
    with one_matrix_thread():
        assert os.environ[MATRIX_THREADS] == (said or "1")
    assert os.environ.get(MATRIX_THREADS) == said


def test_no_library_is_loaded_before_it_can_be_told() -> None:
    code = "import sys, tta_bench.utils.threads; sys.exit(len({'numpy', 'torch', 'click'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
