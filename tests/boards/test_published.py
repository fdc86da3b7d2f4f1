from __future__ import annotations

from pathlib import Path

import pytest

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
    with pytest.raises(UserError, match=r"ucf101_ft\.yaml"):
        update_boards([], tmp_path, tmp_path)


def test_the_shipped_published_figures_can_be_read() -> None:
    from tta_bench.boards.published import read_published

    found = read_published(Path(__file__).parents[2] / "leaderboards" / "published")
    assert set(found) >= {"ucf101_ft", "hmdb51_ft", "abaw_eri"}
    assert all(row.source for published in found.values() for row in published.rows)
