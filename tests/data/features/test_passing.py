from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tta_bench.data.features.passing import hold, keep, release
from tta_bench.data.features.store import FeatureStore, feature_file

A, B, C = "aa1", "bb2", "cc3"


def made(folder: Path, passing: str = "", kept: str = "") -> FeatureStore:
    """A store in use, with some contents of runs that keep none and some of others, in this order."""
    hold(folder)
    store = FeatureStore(folder)
    for content in passing.split():
        store.write(content, np.ones((2, 3), np.float16), passing=True)
    for content in kept.split():
        store.write(content, np.ones((2, 3), np.float16))
    return store


def left(folder: Path) -> set[str]:
    return set(FeatureStore(folder)) if folder.is_dir() else set()


@pytest.mark.parametrize(
    ("passing", "kept", "stays"),
    [
        (f"{A} {B}", "", set()),
        (f"{A} {B}", C, {C}),
        ("", f"{A} {B}", {A, B}),
        (f"{A} {B}", A, {A}),  # both made it, at the same time
    ],
)
def test_only_what_no_other_run_has_made_is_deleted(tmp_path: Path, passing: str, kept: str, stays: set[str]) -> None:
    folder = tmp_path / "encoded" / "pooled"
    made(folder, passing, kept)
    release(folder, delete=True)
    assert left(folder) == stays
    assert not [path for path in tmp_path.rglob(".*") if path.is_file()]
    assert {path.stem for path in tmp_path.rglob("*.npy")} == stays


def test_what_was_kept_stays_kept_when_a_run_that_keeps_none_makes_it_again(tmp_path: Path) -> None:
    folder = tmp_path / "encoded" / "tokens"
    made(folder, kept=A)
    made(folder, passing=f"{A} {B}")
    release(folder, delete=True)
    assert left(folder) == {A}
    feature_file(folder, A).unlink()  # by hand; its line in the index stays
    made(folder, passing=A)
    release(folder, delete=True)
    assert left(folder) == {A}


def test_a_run_that_keeps_its_features_keeps_those_it_finds(tmp_path: Path) -> None:
    folder = tmp_path / "encoded" / "pooled"
    keep(made(folder, passing=f"{A} {B}"), [A, C])
    release(folder, delete=True)
    assert left(folder) == {A}


def test_a_run_that_keeps_its_features_leaves_those_of_a_killed_one_to_its_resume(tmp_path: Path) -> None:
    folder = tmp_path / "encoded" / "pooled"
    made(folder, passing=A, kept=B)
    release(folder, delete=False)
    assert left(folder) == {A, B}
    release(folder, delete=True)
    assert left(folder) == {B}
    release(tmp_path / "encoded" / "nothing", delete=True)
    assert not (tmp_path / "encoded" / "nothing").exists()


HOLDER = """
import sys
from pathlib import Path
from tta_bench.data.features.passing import hold
hold(Path(sys.argv[1])); print("held", flush=True); sys.stdin.read()
"""


def test_nothing_is_deleted_under_another_process_until_it_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "encoded" / "pooled"
    made(folder, passing=A)
    words = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        release(folder, delete=True)
        assert left(folder) == {A}
        other.kill()
    release(folder, delete=True)
    assert not folder.exists()
