"""Growth of what a run does beside training: at 1, 4 and 16 times as many clips, runs, cards, plug-ins, processes.

Each is timed in this process, in processor time: the least of some rounds at a size, after one that does not count. The
exponent is the slope of a line through the logarithms: 1 for twice the time for twice as many. What does not grow, such
as the start of an interpreter, is left out, since it would hide what does.
"""

from __future__ import annotations

import contextlib
import io
import json
import struct
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from benchmarks.test_start import install_plugins
from tests.conftest import REPOSITORY
from tests.data.clips import write_video
from tests.records.some_records import some_identity, some_record
from tta_bench import api
from tta_bench.cards import catalog
from tta_bench.cards.files import card_files, read_card_data
from tta_bench.cards.kinds import BackboneCard
from tta_bench.cards.summaries import index_file
from tta_bench.cli import cli
from tta_bench.data.overlap.search import candidates
from tta_bench.data.overlap.traces import CROPS, RATE, VALUES, Trace
from tta_bench.plugins import installed
from tta_bench.records.claims import Claim
from tta_bench.records.progress import write_plan
from tta_bench.records.store import record_name, write_record

TIMES = (1, 4, 16)
MOST = 1.1
"""Largest exponent."""
Work = Callable[[], object]
"""A piece of work, which can be done again."""


def growth(title: str, counts: Sequence[int], prepare: Callable[[int], Iterator[Work]], rounds: int = 3) -> float:
    """Print and return the exponent of a piece of work's processor time.

    Args:
        title: Its name.
        counts: Sizes of the input.
        prepare: Yields the work for a size, once, for the time that its input is there.
        rounds: Rounds at each size, of which the least counts.
    """
    seconds = []
    for count in counts:
        with contextlib.contextmanager(prepare)(count) as work:
            work()
            seconds.append(min(_seconds(work) for _ in range(rounds)))
    exponent = float(np.polyfit(np.log(counts), np.log(seconds), 1)[0])
    timed = ", ".join(f"{count:,} in {took:.3f} s" for count, took in zip(counts, seconds, strict=True))
    print(f"\n{title}: exponent {exponent:.2f} (at most {MOST}); {timed}")
    return exponent


def _seconds(work: Work) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def said(*words: str | Path) -> str:
    """Return the output of a command, run in this process."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        cli.main([*map(str, words)], prog_name="tta-bench", standalone_mode=False)
    return output.getvalue()


def sizes(least: int) -> list[int]:
    """Return 1, 4 and 16 times a size."""
    return [least * times for times in TIMES]


def write_clips(folder: Path, count: int) -> Path:
    """Write a list of so many clips of two classes, no two of which have the same bytes, and return it."""
    folder.mkdir()
    video = write_video(folder / "one.mp4", frames=8).read_bytes()
    rows = ["path,label,split,group"]
    for number in range(count):
        box = struct.pack(">I4sQ", 16, b"free", number)  # a box of an MP4 file that players skip
        (folder / f"{number}.mp4").write_bytes(video + box)
        side = "train" if number % 4 else "test"
        rows.append(f"{number}.mp4,{('left', 'right')[number // 4 % 2]},{side},tape{number // 8}")
    (folder / "list.csv").write_text("\n".join(rows) + "\n")
    return folder / "list.csv"


def plan_of(listed: Path, runs: Path) -> Work:
    """Return the work of resolving a command, reading its list, and planning its split; every clip is known."""
    words = ["protocol=ucf101_ft", "dataset=csv", f"data.root={listed}", "backbone=videomaev2_vit_tiny", "weights=none"]

    def work() -> object:
        (experiment,) = api.experiments([*words, "tier=full", "runtime.workers=1", "train.batch=2"], [])
        return api.start(experiment, runs, "never").prepare()

    return work


def test_clips_are_verified_in_proportion(tmp_path: Path) -> None:
    def prepare(count: int) -> Iterator[Work]:
        listed, turns = write_clips(tmp_path / f"verify{count}", count), iter(range(100))
        words = ("data", "verify", "csv", f"data.root={listed}", "--min-frames", "1", "--work-dir")
        yield lambda: said(*words, tmp_path / f"runs{count}-{next(turns)}")  # each time for the first time

    assert growth("data verify, for the first time", sizes(100), prepare, rounds=2) < MOST


def test_clips_are_planned_in_proportion(tmp_path: Path) -> None:
    def prepare(count: int) -> Iterator[Work]:
        listed = write_clips(tmp_path / f"plan{count}", count)
        yield plan_of(listed, tmp_path / f"runs{count}")

    assert growth("resolve, list and plan, clips known", sizes(250), prepare) < MOST


def test_claims_are_taken_in_proportion(tmp_path: Path) -> None:
    """Take, look and release in a file system in memory, where there is one: a disk's own time varies threefold."""
    memory = Path("/dev/shm")

    def prepare(count: int) -> Iterator[Work]:
        with TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as home:

            def work() -> None:
                folder = Path(home) / "claims"
                claims = [Claim(folder / f"{number}.json") for number in range(count)]
                for claim in claims:
                    assert claim.take() is None
                    assert Claim(claim.path).take() is not None  # another process asks
                for claim in claims:
                    claim.require()
                    claim.release()

            yield work

    assert growth("claims of processes", sizes(50), prepare, rounds=6) < MOST


def test_runs_are_listed_in_proportion(tmp_path: Path) -> None:
    def prepare(count: int) -> Iterator[Work]:
        runs = tmp_path / f"runs{count}"
        for number in range(count):
            identity = some_identity(seed=number)
            write_record(some_record(identity=identity), runs / "records")
            write_plan(runs / f"training{number}", record_name(identity), 0, 400)
            (runs / f"training{number}" / "metrics.jsonl").write_text(json.dumps({"step": 3}) + "\n")
        yield lambda: said("list", "runs", "--work-dir", runs)

    assert growth("list runs", sizes(50), prepare) < MOST


def test_experiments_of_one_command_are_resolved_in_proportion() -> None:
    def prepare(count: int) -> Iterator[Work]:
        seeds = ",".join(map(str, range(count)))
        yield lambda: api.experiments(["protocol=ucf101_ft", f"seed={seeds}"], [])

    assert growth("experiments of one command", sizes(100), prepare) < MOST


@pytest.mark.parametrize("indexed", [True, False])
def test_cards_are_listed_in_proportion(indexed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = (REPOSITORY / "registry/backbones/resnet50.yaml").read_text()

    def prepare(count: int) -> Iterator[Work]:
        cards = tmp_path / str(count) / "backbones"
        cards.mkdir(parents=True)
        for number in range(count):
            card = shipped.replace("name: resnet50\n", f"name: net_{number}\n", 1)
            (cards / f"net_{number}.yaml").write_text(card)
        time.sleep(2.5)  # a file that was just written is not in the index yet

        def work() -> None:
            card_files.cache_clear()
            if not indexed:
                index_file("backbones").unlink(missing_ok=True)
            assert said("list", "backbones").count("  net_") == count

        with monkeypatch.context() as patch:
            patch.setenv("TTA_BENCH_REGISTRY", str(cards.parent))
            yield work
        card_files.cache_clear()

    title = "list of cards, from the index" if indexed else "list of cards, without the index"
    assert growth(title, sizes(250), prepare) < MOST


def test_cards_are_added_in_proportion() -> None:
    data = read_card_data(card_files("backbones")["resnet50"])
    card = BackboneCard(**data)

    def prepare(count: int) -> Iterator[Work]:
        def work() -> None:
            catalog.forget_added()
            for number in range(count):
                catalog.add("backbones", card.model_copy(update={"name": f"net_{number}"}), None)
            assert catalog.backbone_card("net_0").name == "net_0"

        yield work
        catalog.forget_added()

    assert growth("cards added from code", sizes(250), prepare) < MOST


def test_plugins_are_listed_in_proportion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare(count: int) -> Iterator[Work]:
        site = tmp_path / str(count)
        install_plugins(site, count)

        def work() -> None:
            installed.cache_clear()
            card_files.cache_clear()
            assert said("list", "backbones").count("  plug_net_") == count

        with monkeypatch.context() as patch:
            patch.setattr(sys, "path", [str(site), *sys.path])
            yield work
        installed.cache_clear()
        card_files.cache_clear()

    assert growth("list of plug-ins", sizes(20), prepare) < MOST


def clips_of(count: int) -> dict[str, Trace]:
    """Return traces of so many clips, of five seconds each and with nothing in common."""
    draw, found = np.random.default_rng(count), {}
    for number in range(count):
        described = draw.normal(size=(20, len(CROPS), VALUES))
        described /= np.linalg.norm(described, axis=2, keepdims=True)
        found[str(number)] = Trace((np.arange(20) / RATE).astype(np.float32), described.astype(np.float16))
    return found


def test_a_growing_set_is_searched_for_clips_of_a_fixed_one_in_proportion() -> None:
    fixed = clips_of(96)

    def prepare(count: int) -> Iterator[Work]:
        growing = clips_of(count)
        yield lambda: candidates(growing, fixed)

    assert growth("search of near-duplicates in a growing set, of a fixed one", sizes(48), prepare) < MOST


def test_a_growing_set_is_searched_for_its_own_near_duplicates_in_proportion_to_its_pairs() -> None:
    """Each clip is compared with each: twice the pairs take twice as long, and twice the clips four times."""
    clips = {count * (count - 1) // 2: count for count in (48, 96, 192)}

    def prepare(pairs: int) -> Iterator[Work]:
        growing = clips_of(clips[pairs])
        yield lambda: candidates(growing)

    assert growth("search of near-duplicates within a growing set, in pairs of its clips", [*clips], prepare) < MOST
