from __future__ import annotations

from pathlib import Path

import pytest

from tests.boards.test_sections import PUBLISHED, some_entries
from tta_bench.boards.collect import Collected
from tta_bench.boards.export import WRITERS, all_boards, records_in, reported
from tta_bench.boards.own_data import BoardKey

FULL, SAMPLE = BoardKey("ucf101_ft", "full"), BoardKey("ucf101_ft", "sample")
OWN = BoardKey("ucf101_ft", "full", "folder 0", "kitchen", "kitchen__0")


@pytest.fixture
def collected(tmp_path: Path) -> Collected:
    entries = some_entries(tmp_path)
    own = [entry for entry in entries if entry.record.identity.backbone == "tuned_net"]
    return Collected({FULL: entries, OWN: own}, [])


def test_boards_of_ones_own_data_come_first_and_have_no_foreign_rows(collected: Collected) -> None:
    own, official = all_boards(collected, {"ucf101_ft": PUBLISHED})
    assert (own.title, own.dataset) == ("kitchen: ucf101_ft on one's own data", "kitchen")
    assert [board.sections[-1].key for board in (own, official)] == ["measured", "reported"]
    assert [reported(key, {"ucf101_ft": PUBLISHED}) for key in (FULL, SAMPLE, OWN)] == [PUBLISHED, None, None]


def test_boards_without_ones_own_records_can_be_left_out(collected: Collected, tmp_path: Path) -> None:
    own = collected.entries[OWN][0].record
    others = [entry for entry in collected.entries[FULL] if entry not in collected.entries[OWN]]
    alone = Collected({FULL: others, OWN: collected.entries[OWN]}, [])
    assert [board.path.as_posix() for board in all_boards(alone, {}, {own.content_sha256})] == [OWN.path.as_posix()]
    assert all_boards(alone, {}, set()) == []
    assert own.content_sha256 in records_in(collected, [tmp_path])
    assert records_in(collected, [tmp_path / "empty"]) == set()


@pytest.mark.parametrize("form", WRITERS)
def test_every_form_has_every_section(collected: Collected, form: str) -> None:
    text = WRITERS[form](all_boards(collected, {"ucf101_ft": PUBLISHED})).replace("\\_", "_")
    for name in ("tuned_net", "frozen", "from_outside", "fewer_views", "unlucky", "C3D"):
        assert name in text
