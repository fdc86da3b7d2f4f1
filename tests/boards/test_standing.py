from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.records.some_records import some_identity, some_predictions, some_record, write_success
from tta_bench.boards import standing
from tta_bench.boards.standing import aside, unranked, weakest, word_of
from tta_bench.errors import UserError
from tta_bench.records.store import read_record
from tta_bench.records.verify import Rests


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["rerun", "rescored", "retested"], "rescored"),
        (["rerun"], "rerun"),
        (["rerun", None], None),
        ([], None),
        (["arithmetic", "rerun"], "arithmetic"),
    ],
)
def test_a_row_is_as_good_as_its_weakest_run(words: list[Rests | None], found: Rests | None) -> None:
    assert weakest(words) == found


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (["eval.segments=2"], "changed: eval.segments=2"),
        (["limit=8", "train.epochs=3"], "changed: limit=8"),
        (["train.clips=10"], "changed: train.clips=10"),
        (["clip.sampling=uniform"], "changed: clip.sampling=uniform"),
        (["train.epochs=3", "seed=1"], None),
        (["limit=null"], None),
    ],
)
def test_a_changed_key_sets_a_record_aside_on_the_board_of_its_own_data(given: list[str], reason: str | None) -> None:
    record = some_record(identity=some_identity(standard=False), given=("protocol=ucf101_ft", *given))
    assert aside(record, own=True) == reason
    assert aside(record, own=False) == (reason or "not the protocol's data")


def test_a_standard_record_is_ranked_unless_its_data_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    assert aside(some_record(), own=False) is None
    monkeypatch.setattr(standing, "_differs", lambda record: "3,771 of 3,783 official test clips")
    assert aside(some_record(), own=False) == "3,771 of 3,783 official test clips"


def test_the_locked_keys_of_a_protocol_that_is_not_here_are_not_known() -> None:
    record = some_record(identity=some_identity(standard=False), given=("eval.segments=2", "limit=3"))
    there = record.identity.protocol.model_copy(update={"name": "nobody/has_it"})
    moved = record.model_copy(update={"identity": record.identity.model_copy(update={"protocol": there})})
    assert aside(moved, own=True) == "changed: limit=3"


def test_a_word_is_said_only_of_what_stands(tmp_path: Path) -> None:
    """A committed sample run has the sample's labels; a made-up one says labels that no official list has."""
    committed = next((REPOSITORY / "leaderboards/records").glob("ucf101_ft__*seed0__*.json"))
    assert word_of(read_record(committed), committed.parent) == "rescored"
    made_up = read_record(write_success(tmp_path, some_predictions()))
    assert word_of(made_up, tmp_path) == "arithmetic"
    top1 = made_up.metrics["top1"].model_copy(update={"value": 0.99})
    with pytest.raises(UserError, match="does not stand"):
        word_of(made_up.model_copy(update={"metrics": {**made_up.metrics, "top1": top1}}), tmp_path)


def test_a_weak_word_takes_a_rank_but_not_on_the_board_of_its_own_data() -> None:
    record = some_record().model_copy(update={"status": "success"})
    assert unranked(record, "arithmetic", own=False) == "its figures rest on no more than: arithmetic"
    assert unranked(record, None, own=False) == "its figures rest on no more than: nothing that can be read"
    assert unranked(record, "rescored", own=False) is None
    assert unranked(record, "arithmetic", own=True) is None
