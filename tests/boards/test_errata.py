from __future__ import annotations

from pathlib import Path

import pytest

from tests.records.some_records import some_identity, some_predictions, write_success
from tta_bench.boards.errata import list_errata, read_errata
from tta_bench.boards.write import check_boards, update_boards
from tta_bench.errors import UserError


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A folder of boards with two records and nothing published."""
    for seed in (0, 1):
        write_success(tmp_path / "records", some_predictions(salt=str(seed)), identity=some_identity(seed=seed))
    (tmp_path / "published").mkdir()
    return tmp_path


def write_errata(house: Path, text: str) -> None:
    (house / "errata.yaml").write_text(text)


def names(house: Path) -> list[str]:
    return sorted(path.stem for path in (house / "records").glob("*.json"))


def test_the_board_shows_what_was_superseded_and_why(house: Path) -> None:
    old, new = names(house)
    write_errata(house, f"- {{record: {old}, superseded_by: {new}, reason: frames were dropped}}\n")
    assert update_boards([house / "records"], house, house)[1] == []
    assert check_boards([house / "records"], house, house) == []
    board = (house / "ucf101_ft.md").read_text()
    row, after = board.split("## Without a row")
    assert "[1/1]" in row
    assert "[1/0]" not in row
    assert f"superseded by {new}: frames were dropped" in after.replace("\\", "")


@pytest.mark.parametrize("text", ["", "[]\n", "# nothing\n"])
def test_no_errata(house: Path, text: str) -> None:
    write_errata(house, text)
    assert read_errata(house / "errata.yaml") == read_errata(house / "none.yaml") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- {record: a}", "reason: is missing"),
        ("- {record: a, reason: r, superceded_by: b}", "superceded_by"),
        ("- {record: ../a, reason: r}", "record"),
        ("- {record: a, reason: r}\n- {record: a, reason: s}", "two entries for a"),
        ("record: a", "a list was expected"),
        ("- !!python/object/apply:os.system [x]", "not plain YAML"),
    ],
)
def test_wrong_errata_are_named(house: Path, text: str, message: str) -> None:
    write_errata(house, text)
    with pytest.raises(UserError, match=message) as caught:
        read_errata(house / "errata.yaml")
    assert "errata.yaml" in caught.value.message


def test_one_bad_line_takes_the_others_not_off(house: Path) -> None:
    old, new = names(house)
    write_errata(house, f"- {{record: {old}, reason: r}}\n- {{record: [], reason: s}}\n- 5\n- {{record: {new}}}\n")
    errata, problems = list_errata(house / "errata.yaml")
    assert list(errata) == [old]
    assert [problem.split(": ")[1] for problem in problems] == ["entry 2", "entry 3", "entry 4"]
    assert update_boards([house / "records"], house, house)[1] == problems
    assert "withdrawn: r" in (house / "ucf101_ft.md").read_text()


def test_errata_about_records_that_are_not_there_are_named(house: Path) -> None:
    old = names(house)[0]
    update_boards([house / "records"], house, house)
    write_errata(house, f"- {{record: gone, superseded_by: {old}, reason: r}}\n- {{record: {old}, reason: r}}\n")
    lost, circle, *stale = check_boards([house / "records"], house, house)
    assert lost.endswith("there is no record gone")
    assert f"{old}, which is to count instead of gone, has an entry itself" in circle
    assert "stale" in stale[0]
