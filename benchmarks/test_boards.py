"""A board of 1,000 records of UCF101's size: 112 backbones, three splits, three seeds; and how times grow with numbers.

These records have no predictions, so that none would have a rank. Here they are ranked, since that is part of the work.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.ucf101_size import write_results
from tests.conftest import REPOSITORY
from tta_bench.boards.collect import collect_entries
from tta_bench.boards.standing import word_of
from tta_bench.boards.web.build import write_site
from tta_bench.boards.write import check_boards, update_boards
from tta_bench.cards.files import forget_folders
from tta_bench.cards.names import summaries
from tta_bench.records.schema import Record
from tta_bench.records.verify import Kept

ROUNDS = 5
PROGRAM = """
import tta_bench.cli.leaderboard as leaderboard
from tta_bench.cli import main

pages = leaderboard._pages


def ranked(*places):
    import tta_bench.boards.collect as collect

    word_of = collect.word_of
    collect.word_of = lambda *record: "rescored" if word_of(*record) == "arithmetic" else None
    return pages(*places)


leaderboard._pages = ranked
main({words})
"""
"""The command, whose records have a rank as in `ranked`."""
GROWTH = 1.1
"""Largest exponent with which the processor time may grow with a number."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("boards")
    (folder / "published").mkdir()
    assert write_results(folder / "records", backbones=112) > 1000
    return folder


@pytest.fixture
def ranked(monkeypatch: pytest.MonkeyPatch) -> None:
    def rescored(record: Record, folder: Path, kept: Kept) -> str | None:
        return "rescored" if word_of(record, folder, kept) == "arithmetic" else None

    monkeypatch.setattr("tta_bench.boards.collect.word_of", rescored)


def processor_seconds(call: Callable[[], object], rounds: int = 3) -> float:
    """Return the least processor time of some calls, which a busy machine changes least."""
    found = []
    for _ in range(rounds):
        started = time.process_time()
        call()
        found.append(time.process_time() - started)
    return min(found)


def growth(seconds: Mapping[int, float]) -> float:
    """Return the exponent with which a time grows with a number: the slope of their logarithms."""
    return float(np.polyfit(np.log(list(seconds)), np.log(list(seconds.values())), 1)[0])


def printed(noun: str, seconds: Mapping[int, float]) -> float:
    """Print the times of some numbers of things with their exponent, and return that."""
    exponent = growth(seconds)
    listed = ", ".join(f"{number:,} {noun} in {found:.2f} s" for number, found in seconds.items())
    print(f"\n{listed} of processor time: exponent {exponent:.2f}")
    return exponent


@pytest.mark.usefixtures("ranked")
def test_board_of_a_thousand_records(benchmark: BenchmarkFixture, house: Path) -> None:
    paths, problems = benchmark.pedantic(
        update_boards, args=([house / "records"], house, house), rounds=3, warmup_rounds=1
    )
    assert not problems
    assert paths[0].read_text().count("\n[") > 1000
    seconds = processor_seconds(lambda: update_boards([house / "records"], house, house))
    print(f"\na board of 1,008 records, ranked: {seconds:.2f} s of processor time")
    assert seconds < 3


@pytest.mark.usefixtures("ranked")
def test_check_of_a_thousand_records(benchmark: BenchmarkFixture, house: Path) -> None:
    update_boards([house / "records"], house, house)
    assert benchmark.pedantic(check_boards, args=([house / "records"], house, house), rounds=3) == []


@pytest.mark.usefixtures("ranked")
def test_pages_of_a_thousand_records(house: Path, tmp_path: Path) -> None:
    def write() -> None:
        collected = collect_entries([house / "records"], house, house)
        assert len(write_site(collected, {}, house, tmp_path)) > 1000

    print(f"\npages of 1,008 records, read, ranked and written: {processor_seconds(write):.2f} s of processor time")


def test_whole_command_of_pages(house: Path, tmp_path: Path) -> None:
    """In processes of their own: imports, reading, verifying, ranking, and writing of every page.

    Python's compiled modules are at hand, as they are of an installed package; a first round that does not count makes
    them.
    """
    program = PROGRAM.format(words=["leaderboard", "--boards", str(house), "--html", "pages"])
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env |= {"PYTHONPATH": str(REPOSITORY), "PYTHONPYCACHEPREFIX": str(tmp_path / "compiled")}
    took = []
    for _ in range(ROUNDS + 1):
        shutil.rmtree(tmp_path / "pages", ignore_errors=True)
        clock, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=env, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        took.append((processor, time.perf_counter() - clock))
        assert len(list((tmp_path / "pages/records").iterdir())) > 1000
    processor, clock = (median(column) for column in zip(*took[1:], strict=True))
    print(f"\nleaderboard --html of 1,008 records: {processor:.2f} s of processor time, {clock:.2f} s by the clock")
    assert processor < 3


@pytest.mark.usefixtures("ranked")
def test_boards_grow_no_quicker_than_their_records(tmp_path: Path) -> None:
    seconds = {}
    for backbones in (7, 28, 112):
        folder = tmp_path / str(backbones)
        (folder / "published").mkdir(parents=True)
        records = write_results(folder / "records", backbones)
        seconds[records] = processor_seconds(lambda of=folder: update_boards([of / "records"], of, of))
    assert printed("records", seconds) <= GROWTH


def test_lists_grow_no_quicker_than_their_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read for the first time, without an index of their summaries."""
    monkeypatch.setenv("TTA_BENCH_CACHE", str(tmp_path / "cache"))
    card = Path("registry/backbones/resnet50.yaml").read_text(encoding="utf-8")
    seconds = {}
    for number in (250, 1000, 4000):
        folder = tmp_path / str(number) / "backbones"
        folder.mkdir(parents=True)
        for index in range(number):
            (folder / f"net{index}.yaml").write_text(card.replace("name: resnet50\n", f"name: net{index}\n", 1))
        monkeypatch.setenv("TTA_BENCH_REGISTRY", str(folder.parent))

        def listed(least: int = number) -> None:
            forget_folders()
            assert len(summaries("backbones")) > least

        seconds[number] = processor_seconds(listed, rounds=1)
    monkeypatch.delenv("TTA_BENCH_REGISTRY")
    forget_folders()
    assert printed("cards", seconds) <= GROWTH
