from __future__ import annotations

from pathlib import Path

import pytest

from tests.boards.test_ranking import Folder
from tests.records.some_records import some_predictions, some_record
from tta_bench.boards import cells
from tta_bench.boards.markdown import Links
from tta_bench.boards.ranking import RankedRow, rank_rows
from tta_bench.boards.rows import Row
from tta_bench.cards.kinds import Pretraining
from tta_bench.records.schema import Cost, Input


@pytest.fixture
def ranked(tmp_path: Path) -> RankedRow:
    (ranked,) = rank_rows([Row((Folder(tmp_path).entry(some_predictions(groups=30)),))], "top1")
    return ranked


def test_a_rank_is_marked_where_it_is_shared(ranked: RankedRow) -> None:
    assert [cells.rank(ranked._replace(rank=n, lowest=m)) for n, m in ((1, 1), (2, 3), (None, None))] == [
        *("1", "2=", "-")
    ]


def test_an_interval_has_the_marks_of_its_footnotes(ranked: RankedRow) -> None:
    exact = ranked._replace(low=0.25, high=0.75)
    assert cells.interval(exact, "top1") == "25.00 to 75.00"
    assert cells.interval(exact._replace(n_groups=19), "top1") == "25.00 to 75.00 †"
    assert cells.interval(exact._replace(low=None, high=None, n_groups=1), "top1") == "-"
    assert not cells.is_rough(exact._replace(low=None, high=None, n_groups=1))


def test_pretraining_is_as_exact_as_it_is_known() -> None:
    assert cells.seen(Pretraining(data="Kinetics-400", labels=False)) == "Kinetics-400"
    assert cells.seen(Pretraining(data="own", labels=None, clips=17700, steps=200)) == "own, 17,700 clips, 200 steps"
    assert [cells.labels(used) for used in (True, False, None)] == ["yes", "no", "not known"]


def test_cost_and_input_of_a_view() -> None:
    record = some_record(cost=Cost(parameters=11_180_000, gmacs_per_view=None, views=6))
    assert cells.cost(record) == ("11.18", "? x 6")
    assert cells.cost(some_record(cost=None)) == ("-", "-")
    assert cells.shown_input(some_record(input=Input(frames=8, stride=5, size=48))) == "8 x 5 frames, 48 px"
    assert cells.shown_input(some_record(input=Input(frames=8, stride=None, size=48))) == "8 frames, 48 px"
    assert cells.shown_input(some_record(input=None)) == "-"


def test_a_party_is_named_beside_its_model() -> None:
    assert cells.model(some_record()) == "videomaev2_vit_b"
    assert cells.model(some_record(party="other-lab")) == "videomaev2_vit_b (other-lab)"


def test_speed_is_over_all_runs_of_a_row(ranked: RankedRow) -> None:
    assert cells.speed(ranked.row) == ("12.0", "Some Processor")


def test_a_row_says_which_splits_it_lacks(ranked: RankedRow) -> None:
    assert cells.splits(ranked.row) == "1"
    assert cells.runs(ranked.row, Links()) == "[1/0][1]"
    assert cells.mean(ranked.row, "top1_reversed") == "-"
