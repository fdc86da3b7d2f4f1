from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_bench.cards.catalog import dataset_card
from tta_bench.cards.kinds import DatasetCard, Tier
from tta_bench.cards.protocol import ProtocolCard
from tta_bench.data.datasets.official import Pair, official_names
from tta_bench.experiments.kinds import protocol_card
from tta_bench.protocols.base.standing import (
    UNKNOWN,
    WORDS,
    Standing,
    announce,
    data_key,
    printable,
    shared_bytes,
    standing_of,
)


@dataclass
class Asked:
    """A run of a protocol on its own data."""

    protocol: ProtocolCard = field(default_factory=lambda: protocol_card("ucf101_ft"))
    dataset: DatasetCard = field(default_factory=lambda: dataset_card("ucf101"))
    tier: Tier = "full"
    split: int = 1


def ucf101(split: int = 1) -> dict[str, list[Pair]]:
    names = official_names("ucf101")
    return {part: list(names[split, part].items()) for part in ("train", "test")}


def test_the_official_lists_are_standard_and_their_bytes_not_seen_before() -> None:
    standing = standing_of(Asked(), ucf101(), "0" * 64)
    assert standing.differs is None
    assert standing.official is not None
    assert standing.official.compared == "ids and labels"
    assert standing.official.contents == "not seen before"
    assert standing.lines() == {"official": "yes, by ids and labels; contents not seen before"}
    assert standing_of(Asked(split=2), ucf101()).differs is not None
    part = standing_of(Asked(), ucf101(), "0" * 64, clips=10)
    assert part.lines() == {"official": "yes, by ids and labels"}


def test_a_partial_copy_is_counted_and_named() -> None:
    lists = ucf101()
    del lists["test"][12:24]
    standing = standing_of(Asked(), lists)
    assert standing.differs is not None
    assert standing.differs.startswith("not the official ucf101: 3,771 of 3,783 official test clips; 12 missing: v_")
    assert "where 4c70da2bcce0 is official" in standing.differs
    assert standing.lines()["official"] == f"no: {standing.differs}"
    assert standing.official is not None
    test = standing.official.parts["test"]
    assert (test.expected, test.found, len(test.missing)) == (3783, 3771, 12)
    assert standing.official.parts["train"].missing == ()


def test_a_record_keeps_twenty_names() -> None:
    standing = standing_of(Asked(), ucf101() | {"test": [(f"x{n}\n", "a") for n in range(40)]})
    assert standing.official is not None
    test = standing.official.parts["test"]
    assert len(test.missing) == len(test.others) == 20
    assert test.others[0] == "x0?"


@pytest.mark.parametrize("count", [283_582, 11])
def test_where_only_the_count_is_known_the_count_decides(count: int) -> None:
    asked = Asked(protocol_card("tta_pretrain"), dataset_card("tiktok_actions"))
    standing = standing_of(asked, {"train": [(str(n), "dance") for n in range(count)]})
    assert standing.official is not None
    assert standing.official.compared == "counts"
    if count == 11:
        assert standing.differs is not None
        assert "11 train clips, and 283,582 are official (only counts are known)" in standing.differs
    else:
        assert standing.differs is None


UNCOUNTED = dataset_card("hume_reaction").model_copy(update={"official": {}, "official_source": "2,222 subjects"})
"""A dataset of which nobody has counted the clips."""


def test_where_nothing_is_known_nothing_is_standard() -> None:
    asked = Asked(protocol_card("abaw_eri"), UNCOUNTED)
    standing = standing_of(asked, {"train": [("1", (0.5,))], "val": [("2", (0.5,))]})
    assert standing.official is not None
    assert standing.official.compared == "nothing"
    assert standing.differs is not None
    assert "1 val clips, of which the card states nothing (2,222 subjects)" in standing.differs


def test_reactions_are_standard_by_their_counts_until_somebody_states_a_digest() -> None:
    asked = Asked(protocol_card("abaw_eri"), dataset_card("hume_reaction"))
    sizes = {"train": 15806, "val": 4657}
    lists = {part: [(f"{part}{n}", (0.5,)) for n in range(size)] for part, size in sizes.items()}
    standing = standing_of(asked, lists)
    assert standing.differs is None
    assert standing.official is not None
    assert standing.official.compared == "counts"
    assert standing.lines() == {"official": "yes, by counts"}
    short = standing_of(asked, lists | {"val": lists["val"][1:]})
    assert short.differs is not None
    assert "4,656 val clips, and 4,657 are official (only counts are known)" in short.differs
    doubled = standing_of(asked, lists | {"val": [*lists["val"][1:], lists["val"][1]]})
    assert doubled.differs is not None
    assert "4,657 val clips, and 4,657 are official; 1 named twice: val1" in doubled.differs


def test_samples_and_ones_own_data_claim_nothing() -> None:
    for asked in (Asked(tier="sample"), Asked(dataset=dataset_card("folder")), Asked(dataset=dataset_card("hmdb51"))):
        assert standing_of(asked, {"test": [("a", "b")]}, "1" * 64, "note") == Standing(contents="1" * 64, note="note")


def test_bytes_that_are_trained_and_tested_on_are_counted_and_named() -> None:
    assert shared_bytes({"a": "1", "b": "2"}, {"c": "3"}) is None
    assert shared_bytes({}, {}) is None
    said = shared_bytes({"a": "1", "b": "2"}, {"c": "2", "d": "4", "e": "1"})
    assert said == "2 of 3 test clips have the bytes of a training clip: c (as b), e (as a)"


def test_differences_and_warnings_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    announce(UNKNOWN)
    assert not capsys.readouterr().err
    announce(Standing(differs="[b]3 missing", note="twice"))
    assert capsys.readouterr().err.splitlines() == ["not standard: [b]3 missing", "warning: twice"]


def test_bytes_are_part_of_the_datas_key() -> None:
    assert data_key("list", UNKNOWN) == "list"
    assert data_key("list", Standing(contents="1")) != data_key("list", Standing(contents="2")) != "list"


@given(st.text(max_size=3 * WORDS))
def test_texts_of_a_record_can_be_printed(text: str) -> None:
    assert printable(text).isprintable()
    assert len(printable(text)) <= WORDS


def test_listed_clips_without_a_file_are_told_of_any_data() -> None:
    own = standing_of(Asked(dataset=dataset_card("hmdb51")), {"test": [("a", "b")]}, lost={"test": ["z", "y"]})
    assert own.differs == "not all of hmdb51: 2 of 3 listed test clips have no file: y, z"
    asked = Asked(protocol_card("abaw_eri"), UNCOUNTED)
    hidden = standing_of(asked, {"val": [("1", (0.5,))]}, lost={"val": ["2"]})
    assert hidden.differs is not None
    assert "1 val clips, of which the card states nothing; 1 missing: 2" in hidden.differs
    assert hidden.official is not None
    assert hidden.official.parts["val"].missing == ("2",)


def test_a_clip_at_several_places_is_not_standard_and_is_named() -> None:
    lists = ucf101()
    id = lists["test"][0][0]
    several = {"test": {id: "a/x.avi (also b/x.avi)"}}
    official = standing_of(Asked(), lists, several=several)
    assert official.differs is not None
    assert f"1 found at several places with different bytes: {id}: a/x.avi (also b/x.avi)" in official.differs
    mine = Asked(dataset=dataset_card("hmdb51"))
    own = standing_of(mine, {"test": [("b", "x")]}, several={"test": {"b": "one, two"}})
    assert own.differs is not None
    assert "1 of 1 test clips found at several places with different bytes: one, two" in own.differs
