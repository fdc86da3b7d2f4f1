from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_bench.cards.files import (
    card_files,
    line_of,
    merge,
    read_card_data,
    read_yaml,
    registry_folders,
    use_folder,
)
from tta_bench.cards.summaries import summary_of
from tta_bench.errors import UserError

SECTIONS = st.integers(0, 9) | st.dictionaries(st.sampled_from("abc"), st.integers(0, 9), max_size=3)
MAPPINGS = st.dictionaries(st.sampled_from("abc"), SECTIONS, max_size=3)


def test_floats_may_be_written_as_everybody_writes_them() -> None:
    assert read_yaml("[1e-3, 5E4, 1.5e+2, .5e1, 12]", "here") == [1e-3, 5e4, 150.0, 5.0, 12]


def test_yaml_that_would_construct_objects_is_refused(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    with pytest.raises(UserError, match="is not plain YAML"):
        read_yaml(f"!!python/object/apply:os.system ['touch {marker}']", "card.yaml")
    assert not marker.exists()


def test_broken_yaml_is_named_with_its_line() -> None:
    with pytest.raises(UserError, match="line 2"):
        read_yaml("a: 1\nb: : c", "card.yaml")


@given(MAPPINGS, MAPPINGS)
def test_what_is_laid_over_wins_and_the_rest_stays(base: dict[str, object], over: dict[str, object]) -> None:
    merged = merge(base, over)
    assert merged.keys() == base.keys() | over.keys()
    assert merge(merged, over) == merged
    assert all(merged[key] == base[key] for key in base.keys() - over.keys())
    assert all(merged[key] == value for key, value in over.items() if not isinstance(value, dict))


def test_a_base_is_found_beside_a_card_and_then_by_name(tmp_path: Path) -> None:
    (tmp_path / "beside.yaml").write_text("name: beside\nclip: {span: 3, size: 4}\n")
    (tmp_path / "mine.yaml").write_text("_base_: beside\nclip: {span: 9}\n")
    assert read_card_data(tmp_path / "mine.yaml") == {"name": "beside", "clip": {"span": 9, "size": 4}}
    (tmp_path / "mine.yaml").write_text("_base_: ucf101_ft\nname: mine\n")
    assert read_card_data(tmp_path / "mine.yaml", "protocols")["component"] == "FineTune"
    (tmp_path / "mine.yaml").write_text("_base_: ucf101_f\n")
    with pytest.raises(UserError, match="Did you mean 'ucf101_ft'"):
        read_card_data(tmp_path / "mine.yaml", "protocols")


@pytest.mark.parametrize("text", ["summary: 'A net'", "summary: A net", "summary: >\n  A net"])
def test_a_summary_is_read_whatever_its_form(tmp_path: Path, text: str) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(f"name: net\n{text}\n")
    assert summary_of(path, "backbones")[0].strip() == "A net"


def test_a_key_stands_on_its_line(tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    path.write_text("name: net\nclip:\n  span: 3\n  size: 4\n")
    assert [line_of(path, key) for key in (["name"], ["clip", "size"], ["clip", "gone"], ["gone"])] == [1, 4, 2, None]


def test_a_folder_of_ones_own_is_used_once(tmp_path: Path) -> None:
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets/mine.yaml").write_text("name: mine\n")
    use_folder(tmp_path)
    use_folder(tmp_path)
    assert registry_folders().count(tmp_path) == 1
    assert card_files("datasets")["mine"] == tmp_path / "datasets/mine.yaml"
