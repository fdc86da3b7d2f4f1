from __future__ import annotations

from pathlib import Path

import pytest

from tta_bench.data.datasets.hume_reaction import EMOTIONS, PARTS
from tta_bench.data.datasets.reaction_tables import (
    CHALLENGES,
    id_column,
    named,
    part_column,
    part_lists,
    require_intensities,
)
from tta_bench.errors import UserError
from tta_bench.utils.tables import Table, read_table

MIMICRY = next(emotions for name, emotions in CHALLENGES.items() if "Vidmimic2" in name)


def table(folder: Path, *lines: str) -> Table:
    (folder / "a.csv").write_text("\n".join(lines))
    return read_table(folder / "a.csv")


def of(folder: Path, *columns: str) -> Table:
    return table(folder, ",".join(columns), ",".join("1" for _ in columns))


@pytest.mark.parametrize("name", ["File_ID", "Filename", "file name", "FILE_ID", "id"])
def test_the_column_of_ids_is_found(tmp_path: Path, name: str) -> None:
    assert require_intensities(of(tmp_path, name, *EMOTIONS), EMOTIONS) in ("File_ID", "Filename", "Id")
    assert require_intensities(of(tmp_path, *MIMICRY, name, "Split"), MIMICRY, needed=["Split"])
    with pytest.raises(UserError, match="1 columns are missing: File_ID"):
        require_intensities(of(tmp_path, *EMOTIONS), EMOTIONS)


@pytest.mark.parametrize("given", CHALLENGES)
def test_intensities_of_another_challenge_are_named(tmp_path: Path, given: str) -> None:
    there, asked = CHALLENGES[given], next(emotions for name, emotions in CHALLENGES.items() if name != given)
    upper = [name.upper() for name in there]
    for columns in (there, upper[::-1], [*there, "Split"]):
        with pytest.raises(UserError) as caught:
            require_intensities(of(tmp_path, "Filename", *columns), asked)
        assert f"has the {len(there)} intensities of {given}: {', '.join(there)}" in caught.value.message
        assert "\n" not in caught.value.message
    assert require_intensities(of(tmp_path, "Filename", *upper), there) == "Filename"
    with pytest.raises(UserError, match="columns are missing"):
        require_intensities(of(tmp_path, "Filename", *there[1:]), asked)


def test_lists_of_parts_are_found_by_their_names(tmp_path: Path) -> None:
    assert part_lists(tmp_path, PARTS) == {}
    for name in ("train_split.csv", "other_split.csv", "Test_Split.CSV"):
        (tmp_path / name).touch()
    assert part_lists(tmp_path, PARTS) == {}  # without val
    (tmp_path / "valid_split.csv").touch()
    lists = {part: file.name for part, file in part_lists(tmp_path, PARTS).items()}
    assert lists == {"train": "train_split.csv", "val": "valid_split.csv", "test": "Test_Split.CSV"}
    (tmp_path / "devel_split.csv").touch()
    with pytest.raises(UserError, match=r"two lists of the part val: devel_split\.csv and valid_split\.csv"):
        part_lists(tmp_path, PARTS)


def test_columns_without_a_known_name_are_found_by_what_is_in_them(tmp_path: Path) -> None:
    partition = table(tmp_path, "clip,what", "[1],train", "2,DEVEL")
    assert (id_column(partition, ["1", "2"]), part_column(partition, ["train", "devel"])) == ("clip", "what")
    assert named(partition, ["Clip", "what"]) == "Clip"
    for words in (["train"], []):
        with pytest.raises(UserError, match="does not say which column has the parts: clip, what"):
            part_column(partition, words)


def test_more_or_fewer_of_the_intensities_are_no_other_challenge(tmp_path: Path) -> None:
    both = of(tmp_path, "Filename", *MIMICRY, "Pride")
    assert require_intensities(both, [*MIMICRY, "Pride"]) == require_intensities(both, ["Pride"], MIMICRY) == "Filename"
    with pytest.raises(UserError, match="6 columns are unknown"):
        require_intensities(both, ["Joy"])
