from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.records.some_records import some_record
from tta_bench.records.redact import given_words, safe_name, text_with_path, without_paths, without_root


def refusal(**changes: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        some_record(**changes)
    return str(caught.value)


@pytest.mark.parametrize(
    "path",
    ["/data/ucf101", "~/data", "~me/data", r"C:\data", "D:/data", r"\\server\data", "file:///data", "lr=/data/x"],
)
def test_no_absolute_path_gets_in(path: str) -> None:
    assert "no absolute path" in refusal(resolved={"data": {"roots": [path]}})
    assert "no absolute path" in refusal(given=(path,))
    assert "data" not in without_paths(path)
    some_record(resolved={"data": without_paths(path)})


@pytest.mark.parametrize(
    "harmless", ["timm/resnet50", "clips/s", "1/2", "data.root=<data.root>", "https://a.org/b", "a / b"]
)
def test_other_slashes_may_stay(harmless: str) -> None:
    assert without_paths(harmless) == harmless
    some_record(resolved={"note": harmless})


def test_no_path_of_the_machine_gets_into_a_record() -> None:
    words = ["data.root=/home/me/ucf", "data.roots.ucf101=~/x", "weights=/home/me/best.pth", "seed=1", "weights=none"]
    cleaned = ["data.root=<data.root>", "data.roots.ucf101=<data.root>", "weights=best.pth", "seed=1", "weights=none"]
    assert [without_root(word) for word in words] == cleaned


@pytest.mark.parametrize("place", ["/near/clips", "near"])
def test_the_place_of_local_copies_is_no_word_of_a_run(place: str) -> None:
    words = ["protocol=ucf101_ft", "data.root=/data/ucf101", f"data.cache={place}"]
    assert given_words(words) == ("protocol=ucf101_ft", "data.root=<data.root>")


@pytest.mark.parametrize("texts", [["a", "/data/x"], ["a:", "b", "~/x"], ["/data", "1/2"]])
def test_a_path_is_found_among_other_texts(texts: list[str]) -> None:
    assert text_with_path(json.dumps({"of": [*texts, "1"]})) == next(text for text in texts if text[0] in "/~")


@pytest.mark.parametrize("texts", [["a/", "b"], ["C:", "/"], ["~", "/ b"]])
def test_two_texts_are_no_path_together(texts: list[str]) -> None:
    assert text_with_path(json.dumps(texts)) is None


SIGNS = st.lists(st.sampled_from([*'~/:.="\\\\ aC\u202fü', "file:"])).map("".join)


@given(st.lists(SIGNS), st.booleans())
@example([r"\\server"], True)
@example(['"/a'], False)
def test_every_path_in_a_document_is_found_and_nothing_else(texts: list[str], escaped: bool) -> None:
    paths = [text for text in texts if without_paths(text) != text]
    assert text_with_path(json.dumps({"of": texts}, ensure_ascii=escaped)) == (paths[0] if paths else None)


def test_any_file_name_can_stand_in_a_record() -> None:
    assert [safe_name(name) for name in ("best.pth", "my weights (2).pth", "..", "é")] == [
        "best.pth",
        "my-weights--2-.pth",
        "unnamed",
        "unnamed",
    ]


@pytest.mark.parametrize("place", ["/home/me/found.json", "~/found.json", "near/found.json"])
def test_of_findings_the_name_is_kept(place: str) -> None:
    assert given_words([f"data.overlap={place}"]) == ("data.overlap=found.json",)
