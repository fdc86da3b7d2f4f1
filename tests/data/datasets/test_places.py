from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Literal

import pytest

from tta_bench.data.datasets.places import RULE, content_digest, locate


def write(root: Path, texts: dict[str, str]) -> None:
    """Write files below a folder."""
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three clips, one of them a folder of frames."""
    write(tmp_path, {"a/One.avi": "1", "b/two/0001.jpg": "2", "b/deep/Three.mp4": "3"})
    return tmp_path


def test_listed_paths_go_before_a_search_by_stem_that_ignores_case(root: Path) -> None:
    write(root, {"c/one.avi": "another"})
    found = locate(root, root / "a", ["One.avi", "x/TWO.avi", "three.webm", "gone.avi"])
    assert found.paths == {
        "One.avi": root / "a/One.avi",
        "x/TWO.avi": root / "b/two",
        "three.webm": root / "b/deep/Three.mp4",
    }
    assert not found.notes(4)


@pytest.mark.parametrize(
    ("places", "taken"),
    [
        (("walk/v_1.mp4", "archive/v_1.mp4"), "walk/v_1.mp4"),
        (("z/old/Walk/v_1.mp4", "archive/v_1.mp4"), "z/old/Walk/v_1.mp4"),
        (("b/c/v_1.mp4", "z/v_1.avi"), "z/v_1.avi"),
        (("z/v_1.avi", "b/v_1.avi"), "b/v_1.avi"),
        (("z/v_1/0001.png", "b/V_1.avi"), "b/V_1.avi"),
    ],
)
def test_one_of_several_places_is_taken_by_the_rule(tmp_path: Path, places: tuple[str, str], taken: str) -> None:
    write(tmp_path, {name: name for name in places})
    found = locate(tmp_path, tmp_path / "videos", ["walk/v_1.avi"])
    assert found.paths == {"walk/v_1.avi": tmp_path / taken}
    other = next(name for name in places if name != taken).removesuffix("/0001.png")
    assert found.others == {"walk/v_1.avi": f"{taken} (also {other})"}
    (note,) = found.notes(7)
    assert note.startswith("1 of 7 listed clips are at several places with different bytes: ")
    assert RULE in note


@pytest.mark.parametrize("name", ["v_1.avi", "v_1/0001.png"])
def test_the_same_bytes_at_several_places_are_one_clip(tmp_path: Path, name: str) -> None:
    write(tmp_path, {f"{folder}/{name}": "same" for folder in ("one", "two", "three")})
    found = locate(tmp_path, tmp_path, ["walk/v_1.avi"])
    assert not found.others
    (note,) = found.notes(1)
    assert "the same bytes, which makes no difference: " in note


def test_a_folder_has_the_names_and_bytes_of_its_files(tmp_path: Path) -> None:
    write(tmp_path, {"a/1.png": "x", "b/1.png": "x", "c/2.png": "x", "d/1.png": "y"})
    digests = [content_digest(tmp_path / name) for name in "abcd"]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_names_are_found_in_any_form_of_their_letters(
    tmp_path: Path, form: Literal["NFC", "NFD", "NFKC", "NFKD"]
) -> None:
    name = "Céline_König"
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / f"{unicodedata.normalize(form, name)}.avi").touch()
    for other in ("NFC", "NFD"):
        entry = f"a/{unicodedata.normalize(other, name)}.avi"
        assert locate(tmp_path, tmp_path, [entry]).paths[entry].exists()
