from __future__ import annotations

from pathlib import Path

import pytest

from tests.records.some_intensities import some_intensities, write_reaction
from tests.records.some_records import some_identity, some_predictions, some_record, write_success
from tta_bench.boards import standing
from tta_bench.boards.standing import Rests, aside, copy_of, weakest, word_of
from tta_bench.records.store import read_record


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


def test_a_word_is_said_only_of_what_is_there(tmp_path: Path) -> None:
    path = write_success(tmp_path, some_predictions())
    assert word_of(read_record(path), tmp_path) == "arithmetic"
    assert word_of(read_record(path), tmp_path / "elsewhere") is None
    assert word_of(some_record(), tmp_path) is None
    hidden = read_record(write_reaction(tmp_path, some_intensities(), hidden=True))
    assert word_of(hidden, tmp_path) is None
    assert copy_of(hidden) is None
