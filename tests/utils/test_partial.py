from __future__ import annotations

from pathlib import Path

import pytest

from tta_bench.utils.partial import Partial, keep_partial, take_partial, validator_of

ADDRESS = "https://example.org/file"


def kept(folder: Path, content: bytes, received: int, validator: str = '"a"') -> Path:
    with (folder / "work").open("wb") as file:
        file.write(content)
        keep_partial(folder / "file", file, Partial(ADDRESS, received, 9, validator))
    return folder / ".file.part"


@pytest.mark.parametrize("content", [b"abc", b"\n{}\nxyz", bytes(range(256)) * 9])
def test_a_part_comes_back_as_it_was_and_once(tmp_path: Path, content: bytes) -> None:
    kept(tmp_path, content, len(content))
    with (tmp_path / "next").open("wb") as file:
        assert take_partial(tmp_path / "file", ADDRESS, file) == Partial(ADDRESS, len(content), 9, '"a"')
    assert (tmp_path / "next").read_bytes() == content
    with (tmp_path / "again").open("wb") as file:
        assert take_partial(tmp_path / "file", ADDRESS, file) is None


@pytest.mark.parametrize("fault", ["of another address", "without a mark", "of another length", "no part at all"])
def test_what_cannot_be_gone_on_from_is_dropped(tmp_path: Path, fault: str) -> None:
    part = kept(tmp_path, b"abc", 4 if fault == "of another length" else 3, "" if fault == "without a mark" else '"a"')
    if fault == "no part at all":
        part.write_bytes(b"\x00\x01")
    with (tmp_path / "next").open("wb") as file:
        address = "https://example.org/other" if fault == "of another address" else ADDRESS
        assert take_partial(tmp_path / "file", address, file) is None
    assert (tmp_path / "next").read_bytes() == b""
    assert not part.exists()


def test_only_a_strong_mark_or_a_date_counts() -> None:
    assert validator_of({"ETag": '"x"', "Last-Modified": "Mon"}) == '"x"'
    assert validator_of({"ETag": 'W/"x"', "Last-Modified": "Mon"}) == "Mon"
    assert validator_of({"ETag": 'W/"x"'}) == validator_of({}) == ""


def test_the_state_is_said_with_the_whole_where_it_is_known() -> None:
    assert Partial(ADDRESS, 1000, 2000, "").said(ADDRESS) == f"{ADDRESS} was cut short: 1,000 of 2,000 bytes came."
    assert "1,000 bytes" in Partial(ADDRESS, 1000, None, "").said(ADDRESS)
