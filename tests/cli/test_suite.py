from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Done
from tta_bench.data.synthetic.ucf101 import SampleSettings, generate_ucf101_sample

SUITE = """name: mine
summary: one protocol of two backbones
tier: full
parts:
  - protocols: [ucf101_knn]
    backbones: [videomaev2_vit_tiny, mfcc]
    weights: [none]
    keys: {clip.size: 16, clip.frames: 4, clip.span: 8, runtime.workers: 0, features.keep: false}
"""


@pytest.fixture
def suite(registry: Path, tmp_path: Path) -> Path:
    (registry / "suites").mkdir()
    (registry / "suites" / "mine.yaml").write_text(SUITE)
    settings = SampleSettings(groups=2, test_groups=1, clips=1, frames=6, width=32, height=24)
    return generate_ucf101_sample(tmp_path / "ucf101", settings)


def test_a_suite_runs_names_what_failed_and_goes_on_where_it_was(
    suite: Path, tmp_path: Path, command: Callable[..., Done], cache: Path
) -> None:
    words = ("suite", "mine", f"data.root={suite}", "linear.points=1", "--work-dir", tmp_path / "runs")
    kept = set((cache / "features").glob("encoded-*/pooled"))
    refused = command(*words)
    assert (refused.code, "linear.points" in refused.err) == (2, True)  # knn has no such key
    words = (*words[:3], *words[4:])
    before = json.loads(command(*words, "--dry-run", "--json").out)
    assert (before["left"], before["unknown"], len(before["problems"])) == (1, 0, 1)
    done = command(*words)
    assert done.code == 1
    assert "1 of 2 experiments failed" in done.err
    assert "ucf101_knn, mfcc: frozen protocols show clips to one backbone" in done.err
    assert "nothing is left" in done.out
    assert [file.name for file in (tmp_path / "runs" / "records").glob("ucf101_knn*.confusion.png")]
    assert (tmp_path / "runs" / "leaderboards" / "own").is_dir() or list((tmp_path / "runs").rglob("ucf101_knn*.md"))
    assert set((cache / "features").glob("encoded-*/pooled")) <= kept
    plan = command(*words, "--dry-run")
    assert plan.code == 0
    assert "cannot be run: ucf101_knn, mfcc" in plan.err
    assert "mine: 2 experiments, nothing is left." in plan.out
    again = command(*words)
    assert again.code == 1
    assert "done before" in again.err


def test_a_plan_needs_no_data(command: Callable[..., Done], tmp_path: Path) -> None:
    plan = command("suite", "abaw5", "--dry-run", "--work-dir", tmp_path / "runs")
    assert plan.code == 0
    assert "abaw5: 15 experiments, 15 left, about 10.2 h." in plan.out
    assert "say data.roots.hume_reaction=DIR" in plan.out
    refused = command("suite", "abaw5", "--work-dir", tmp_path / "runs")
    assert (refused.code, "no data root is configured" in refused.err) == (2, True)


def test_suites_are_listed_shown_and_looked_for(command: Callable[..., Done]) -> None:
    assert "frozen_12" in command("list", "suites").out
    assert "kind: suite" in command("show", "frozen_12").out
    unknown = command("suite", "frozen_21")
    assert (unknown.code, "frozen_12" in unknown.err) == (2, True)
