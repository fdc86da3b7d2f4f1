from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from tta_bench.cards import summaries
from tta_bench.cards.summaries import index_file, summaries_of, summary_of


@pytest.fixture
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Two cards with lines of their own and one laid on another, all settled, and a cache that is empty."""
    monkeypatch.setenv("TTA_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(summaries, "SETTLED_SECONDS", -1.0)
    texts = {"a": "summary: A net\n", "b": "summary: Another\n", "c": "_base_: a\n"}
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return {name: tmp_path / f"{name}.yaml" for name in texts}


def test_the_second_time_only_a_card_that_may_have_its_bases_summary_is_opened(
    cards: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = summaries_of(cards, "backbones")
    opened: list[Path] = []

    def watched(path: Path, group: str) -> tuple[str, bool]:
        opened.append(path)
        return summary_of(path, group)

    monkeypatch.setattr(summaries, "summary_of", watched)
    assert summaries_of(cards, "backbones") == first == {"a": "A net", "b": "Another", "c": "A net"}
    assert opened == [cards["c"]]


def test_a_changed_card_is_read_anew_even_with_its_old_size_and_time(cards: dict[str, Path]) -> None:
    summaries_of(cards, "backbones")
    before = cards["a"].stat()
    time.sleep(0.02)  # so that the time of the entry is another one
    cards["a"].write_text("summary: B net\n")
    os.utime(cards["a"], ns=(before.st_atime_ns, before.st_mtime_ns))
    assert summaries_of(cards, "backbones")["a"] == "B net"
    assert summaries_of(cards, "backbones")["c"] == "B net"


@pytest.mark.parametrize("broken", [b"", b"[]", b"{", b"\xff\xfe", b'{"a": 1}', b"[" * 100_000])
def test_a_broken_index_is_made_anew(cards: dict[str, Path], broken: bytes) -> None:
    first = summaries_of(cards, "backbones")
    index_file("backbones").write_bytes(broken)
    assert summaries_of(cards, "backbones") == first
    assert str(cards["a"]) in json.loads(index_file("backbones").read_bytes())


def test_an_entry_of_another_shape_is_not_believed(cards: dict[str, Path]) -> None:
    first = summaries_of(cards, "backbones")
    index = json.loads(index_file("backbones").read_bytes())
    for wrong in (None, [], index[str(cards["a"])][:3], [*index[str(cards["a"])][:3], 7], "text"):
        index_file("backbones").write_text(json.dumps(index | {str(cards["a"]): wrong}))
        assert summaries_of(cards, "backbones") == first


def test_a_file_written_just_now_is_not_kept(cards: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summaries, "SETTLED_SECONDS", 60.0)
    summaries_of(cards, "backbones")
    assert not index_file("backbones").exists()


def test_a_card_that_is_gone_leaves_the_index(cards: dict[str, Path]) -> None:
    summaries_of(cards, "backbones")
    cards["b"].unlink()
    cards["a"].write_text("summary: Longer than before\n")
    summaries_of({"a": cards["a"]}, "backbones")
    assert set(json.loads(index_file("backbones").read_bytes())) == {str(cards["a"])}


def test_a_cache_that_cannot_be_written_is_done_without(
    cards: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TTA_BENCH_CACHE", str(tmp_path / "file"))
    assert summaries_of(cards, "backbones")["a"] == "A net"
