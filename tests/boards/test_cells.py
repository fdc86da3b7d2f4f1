from __future__ import annotations

from pathlib import Path

import pytest

from tests.boards.some_rows import Folder
from tests.records.some_records import some_environment, some_identity, some_predictions, some_record
from tta_bench.boards import cells
from tta_bench.boards.board import Link
from tta_bench.boards.ranking import RankedRow, rank_rows
from tta_bench.boards.rows import Row
from tta_bench.cards.kinds import Pretraining
from tta_bench.records.schema import Cost, Input, Record


@pytest.fixture
def ranked(tmp_path: Path) -> RankedRow:
    (ranked,) = rank_rows([Row((Folder(tmp_path).entry(some_predictions(groups=30)),))], "top1")
    return ranked


def test_a_rank_says_the_lowest_that_it_may_be(ranked: RankedRow) -> None:
    changed = [ranked._replace(rank=n, lowest=m) for n, m in ((1, 1), (2, 3), (None, None))]
    assert [cells.rank(row).words for row in changed] == ["1", "2 to 3", "-"]
    assert cells.rank(changed[1]).data("rank") == {"rank": 2, "rank_lowest": 3}


def test_an_interval_has_the_marks_of_its_footnotes(ranked: RankedRow) -> None:
    exact = ranked._replace(low=0.25, high=0.75)
    assert cells.interval(exact, "top1").words == "25.00 to 75.00"
    assert cells.interval(exact._replace(rough=True), "top1").words == "25.00 to 75.00 †"
    assert cells.interval(exact._replace(low=None, high=None, n_groups=1), "top1").words == "-"


def test_pretraining_is_as_exact_as_it_is_known() -> None:
    assert cells.seen(Pretraining(data="Kinetics-400", labels=False)) == "Kinetics-400"
    assert cells.seen(Pretraining(data="own", labels=None, clips=17700, steps=200)) == "own, 17,700 clips, 200 steps"
    assert [cells.labels(used) for used in (True, False, None)] == ["yes", "no", "not known"]
    assert [cell.words for cell in cells.weights(some_record())] == ["none", "none", "-"]


def test_cost_and_input_of_a_view() -> None:
    def cost(record: Record) -> tuple[str, ...]:
        return tuple(cell.words for cell in cells.cost(record))

    assert cost(some_record(cost=Cost(parameters=11_180_000, gmacs_per_view=None, views=6))) == ("11.18", "? x 6")
    assert cost(some_record(cost=None)) == ("-", "-")
    inputs = [Input(frames=8, stride=5, size=48), Input(frames=8, stride=None, size=48), None]
    shown = [cells.shown_input(some_record(input=extent)).words for extent in inputs]
    assert shown == ["8 x 5 frames, 48 px", "8 frames, 48 px", "-"]


def test_a_party_is_named_beside_its_model() -> None:
    assert cells.model(some_record()).words == "videomaev2_vit_b"
    assert cells.model(some_record(party="other-lab")).words == "videomaev2_vit_b (other-lab)"


def test_versions_and_papers_of_a_record() -> None:
    environment = some_environment().model_copy(update={"numerics": 3})
    assert [cell.words for cell in cells.versions(some_record())] == ["1", "-"]
    assert [cell.words for cell in cells.versions(some_record(environment=environment))] == ["1", "3"]
    assert cells.paper(some_record(identity=some_identity(backbone="timm/unknown"))).words == "-"


def test_a_row_sums_up_its_runs(ranked: RankedRow) -> None:
    row = ranked.row
    assert [cell.words for cell in cells.speed(row)] == ["12.0", "Some Processor"]
    assert (cells.splits(row).words, cells.seeds(row).words, cells.date(row).words) == ("1", "0", "2026-11-22")
    assert (cells.clips(row).value, cells.mean(row, "top1_reversed").words) == (120, "-")
    assert cells.verified(row).words == "-"
    assert cells.runs(row).links == (Link("1/0", row.entries[0].link),)
