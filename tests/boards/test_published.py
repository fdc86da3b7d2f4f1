from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from tta_bench.boards.published import Reported, read_published
from tta_bench.boards.write import update_boards
from tta_bench.errors import UserError


@pytest.mark.parametrize(
    "row",
    [
        "{method: A}",
        "{method: A, year: 2023, value: 'about 5', source: s}",
        "{metod: A, year: 2023, value: '5', source: s}",
    ],
)
def test_wrong_published_figures_are_named(tmp_path: Path, row: str) -> None:
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "ucf101_ft.yaml").write_text(f"figure: r\nnote: n\nrows: [{row}]\n")
    with pytest.raises(UserError, match=r"ucf101_ft\.yaml: row 1"):
        read_published(tmp_path / "published")
    assert "ucf101_ft.yaml: row 1" in update_boards([], tmp_path, tmp_path)[1][0]


@pytest.mark.parametrize("bad", ["{method: A}", "5", "{method: A, year: 1, value: x, source: s}"])
def test_one_bad_row_or_file_leaves_the_others(tmp_path: Path, bad: str) -> None:
    (tmp_path / "published").mkdir()
    good = "{method: good, year: 2023, value: '.4', source: s, link: 'https://doi.org/10.1/x'}"
    (tmp_path / "published" / "ucf101_ft.yaml").write_text(f"figure: r\nnote: n\nrows: [{bad}, {good}]\n")
    (tmp_path / "published" / "abaw_eri.yaml").write_bytes(b"\xff\xfe: [")
    paths, problems = update_boards([], tmp_path, tmp_path)
    assert ([path.name for path in paths], len(problems)) == (["ucf101_ft.md"], 2)
    assert "| [s][1]" in paths[0].read_text()


@pytest.mark.parametrize("link", ["http://x.org", "javascript:alert(1)", "https://x.org/a b", "https://x.org/<b>"])
def test_a_link_is_the_address_of_a_page(link: str) -> None:
    with pytest.raises(ValidationError, match="link"):
        Reported(method="A", year=2023, value=".4", source="s", link=link)


def test_the_shipped_published_figures_can_be_read() -> None:
    found = read_published(Path(__file__).parents[2] / "leaderboards" / "published")
    assert set(found) >= {"ucf101_ft", "hmdb51_ft", "abaw_eri"}
    assert all(row.source for published in found.values() for row in published.rows)
