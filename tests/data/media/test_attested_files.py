from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.media.some_copies import PAIRS, copy
from tta_bench.data.datasets.official import pairs_digest
from tta_bench.data.media.attested import attested
from tta_bench.data.media.attested_files import (
    attested_folder,
    is_attested,
    majority_copy,
    read_all,
    read_attested,
    write_attested,
)
from tta_bench.data.media.manifest import contents_digest
from tta_bench.errors import UserError


def test_a_manifest_is_read_as_it_was_written_and_names_no_path(tmp_path: Path) -> None:
    written = copy(1, 2, 3)
    write_attested(written, tmp_path / "my.manifest")
    text = (tmp_path / "my.manifest").read_text()
    assert read_attested(tmp_path / "my.manifest") == written
    assert text == f"{json.dumps(json.loads(text), sort_keys=True, separators=(',', ':'))}\n"
    assert str(tmp_path) not in text
    assert written.parts[1]["train"].clips == 2
    assert written.parts[1]["test"].sha256 == pairs_digest(PAIRS["test"])
    assert written.contents[1] == contents_digest({"a": f"{1:064x}", "b": f"{2:064x}", "c": f"{3:064x}"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "is no JSON"),
        (b"\xff\xfe", "is no JSON"),
        (b"[1, 2]", "is no manifest"),
        (b'{"dataset": "a", "parts": {}, "contents": {}, "path": "/home"}', "path"),
        (b'{"dataset": "a", "parts": {}, "contents": {"1": "xyz"}}', "contents"),
    ],
)
def test_another_file_is_refused_with_the_reason(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(UserError, match=said):
        read_attested(tmp_path / "a")
    with pytest.raises(UserError, match="cannot be read"):
        read_attested(tmp_path / "none")


@given(st.lists(st.integers(0, 3), max_size=9))
def test_the_copy_that_most_share_is_the_boards_copy(contents: list[int]) -> None:
    manifests = [copy(number, number, number) for number in contents]
    found = majority_copy([*manifests, attested("hmdb51", {1: PAIRS}, {})], "ucf101", 1)
    times = sorted((contents.count(number) for number in set(contents)), reverse=True)
    if not times or times[:1] == times[1:2]:
        assert found is None
    else:
        assert found is not None
        assert (found.manifests, found.of) == (times[0], len(contents))
        assert (
            contents.count(next(n for n in contents if copy(n, n, n).contents[1] == found.contents_sha256)) == times[0]
        )


def test_one_manifest_more_changes_the_boards_copy() -> None:
    first, other = copy(1, 1, 1), copy(2, 2, 2)
    assert majority_copy([first], "ucf101", 1) == (first.contents[1], 1, 1)
    assert majority_copy([first, other], "ucf101", 1) is None
    assert majority_copy([first, other, other], "ucf101", 1) == (other.contents[1], 2, 3)
    assert majority_copy([first], "ucf101", 2) is None


def test_committed_manifests_are_read_and_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(read_all(attested_folder()), list)
    monkeypatch.setattr("tta_bench.data.media.attested_files.attested_folder", lambda: tmp_path)
    assert not is_attested(copy(1, 2, 3).contents[1], "ucf101", 1)
    write_attested(copy(1, 2, 3), tmp_path / "one.json")
    assert is_attested(copy(1, 2, 3).contents[1], "ucf101", 1)
    assert not is_attested(copy(1, 2, 3).contents[1], "ucf101", 2)
    assert not is_attested(copy(1, 2, 4).contents[1], "ucf101", 1)
