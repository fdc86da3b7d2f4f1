from __future__ import annotations

from pathlib import Path

import pytest

from tests.records.some_records import DIGEST, some_identity, some_predictions, some_record, write_success
from tta_bench.boards.collect import collect_entries
from tta_bench.boards.own_data import BoardKey
from tta_bench.boards.variants import board_name, changed_words, variant_of
from tta_bench.records.identity import ProtocolRef
from tta_bench.records.schema import Record


def probe(*words: str, name: str = "ucf101_probe", standard: bool = False) -> Record:
    protocol = ProtocolRef(name=name, version=1, sha256=DIGEST, score="top1")
    identity = some_identity(protocol=protocol, standard=standard, backbone=f"net{len(words)}")
    return some_record(identity=identity, given=(f"protocol={name}", *words))


@pytest.mark.parametrize("name", ["ucf101_probe", "hmdb51_probe"])
def test_four_blocks_are_another_measurement(name: str) -> None:
    deep = probe("probe.blocks=4", name=name)
    assert variant_of(deep) is not None
    assert board_name(deep) == f"{name}__4_blocks"
    assert changed_words(deep) == []
    assert changed_words(probe("probe.blocks=4", "encode.windows=3", name=name)) == ["encode.windows=3"]


def test_other_depths_stand_aside() -> None:
    other = probe("probe.blocks=2")
    assert (variant_of(other), board_name(other)) == (None, "ucf101_probe")
    assert changed_words(other) == ["probe.blocks=2"]
    assert changed_words(probe("limit=5", "probe.blocks=null")) == ["limit=5"]


def test_its_board_ranks_it_and_the_main_one_does_not_have_it(tmp_path: Path) -> None:
    for words in ((), ("probe.blocks=4",), ("probe.blocks=4", "limit=8")):
        record = probe(*words, standard=not words)
        write_success(tmp_path, some_predictions(), keep_predictions=True, identity=record.identity, given=record.given)
    found = collect_entries([tmp_path], tmp_path / "b", tmp_path / "n")
    assert not found.problems
    main, deep = (found.entries[BoardKey(name, "full")] for name in ("ucf101_probe", "ucf101_probe__4_blocks"))
    assert [entry.aside for entry in main] == [None]
    assert sorted(str(entry.aside) for entry in deep) == ["None", "changed: limit=8"]
