from __future__ import annotations

from pathlib import Path

import pytest

from tests.boards.test_sections import PUBLISHED, board_of, some_entries
from tta_bench.boards.web.tables import WebSection, WebTable, hours_of, rows_of_name, sections_of


@pytest.fixture
def sections(tmp_path: Path) -> list[WebSection]:
    entries = some_entries(tmp_path)
    by_link = {entry.link: entry for entry in entries}
    return list(sections_of(board_of(entries, PUBLISHED), by_link, lambda link: f"page-of-{link.address}"))


def first_table(section: WebSection) -> WebTable:
    return next(part for part in section.parts if isinstance(part, WebTable))


def test_scores_and_circumstances_are_one_table(sections: list[WebSection]) -> None:
    table = first_table(sections[0])
    keys = [column.key for column in table.columns]
    assert keys[:4] == ["rank", "backbone", "score", "interval"]
    assert {"version", "date", "gmacs", "modality", "dataset", "hours"} <= set(keys)
    assert len(set(keys)) == len(keys)
    assert all(len(row) == len(keys) for row in table.rows)
    assert len([part for part in sections[0].parts if isinstance(part, WebTable)]) == 1


def test_columns_of_several_values_are_facets(sections: list[WebSection]) -> None:
    columns = {column.key: column for column in first_table(sections[0]).columns}
    assert columns["track"].choices == ("fixed", "tuned")
    assert columns["score"].choices == ()
    assert columns["score"].number
    assert not columns["backbone"].number


def test_links_lead_where_the_page_says(sections: list[WebSection]) -> None:
    links = [link for row in first_table(sections[0]).rows for cell in row for link in cell.links]
    assert links
    assert all(link.address.startswith(("page-of-records/", "page-of-https://")) for link in links)


def test_sources_of_reported_figures_lead_to_them(sections: list[WebSection]) -> None:
    reported = next(section for section in sections if section.key == "reported")
    addresses = [link.address for row in first_table(reported).rows for cell in row for link in cell.links]
    assert addresses == ["https://arxiv.org/abs/2203.12602"]


def test_rows_of_a_backbone_are_found_by_its_name(tmp_path: Path) -> None:
    board = board_of(some_entries(tmp_path))
    rows = list(rows_of_name(board, "videomaev2_vit_b"))
    assert [section for section, _ in rows] == ["Measured", "Controls", "Controls"]
    assert rows[0][1]["score"].words == "89.24"
    assert list(rows_of_name(board, "nobody")) == []


def test_hours_are_those_of_a_run(tmp_path: Path) -> None:
    entries = [entry for entry in some_entries(tmp_path) if entry.record.phases]
    one = sum(phase.seconds for phase in entries[0].record.phases) / 3600
    assert hours_of(entries[:1]) == pytest.approx(one)
    assert hours_of([]) is None
