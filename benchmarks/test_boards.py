"""A board of 1,000 records of UCF101's size: 112 backbones, three splits, three seeds."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.ucf101_size import write_results
from tta_bench.boards.write import check_boards, update_boards


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("boards")
    (folder / "published").mkdir()
    assert write_results(folder / "records", backbones=112) > 1000
    return folder


def test_board_of_a_thousand_records(benchmark: BenchmarkFixture, house: Path) -> None:
    paths, problems = benchmark.pedantic(
        update_boards, args=([house / "records"], house, house), rounds=3, warmup_rounds=1
    )
    assert not problems
    assert paths[0].read_text().count("\n[") > 1000
    assert benchmark.stats.stats.median < 3


def test_check_of_a_thousand_records(benchmark: BenchmarkFixture, house: Path) -> None:
    update_boards([house / "records"], house, house)
    assert benchmark.pedantic(check_boards, args=([house / "records"], house, house), rounds=3) == []
