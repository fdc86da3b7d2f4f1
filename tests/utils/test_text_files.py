from __future__ import annotations

import codecs
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_bench.errors import UserError
from tta_bench.utils.text_files import read_text

TEXT = "path,label\r\nÜbung.mp4,laufen\rKöln.mp4,gehen\n"


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
        ("utf-32-le", codecs.BOM_UTF32_LE),
    ],
)
def test_encodings_of_editors_and_shells(tmp_path: Path, encoding: str, mark: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(mark + TEXT.encode(encoding))
    assert read_text(tmp_path / "a.csv") == TEXT


def test_letters_have_one_form_and_signs_without_width_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(unicodedata.normalize("NFD", "caf\u00e9") + "\u200b\ufeff", encoding="utf-8")
    assert read_text(tmp_path / "a.txt") == "caf\u00e9"


@given(st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=40))
def test_plain_text_is_left_alone(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "plain.txt"
    file.write_bytes(text.encode())
    assert read_text(file) == text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a\nb\ncafé".encode("latin-1"), r"line 3 has a byte 0xe9 that is no UTF-8 \(in Latin-1 it is 'é'\)"),
        ("Müller".encode("cp1252"), r"line 1 has a byte 0xfc"),
        (b"PK\x03\x04\0\0", "zero bytes"),
    ],
)
def test_other_encodings_are_named(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(UserError, match=said):
        read_text(tmp_path / "a.csv")


def test_folders_and_absent_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder") as caught:
        read_text(tmp_path, "the form")
    assert caught.value.hint == "the form"
    with pytest.raises(UserError, match=r"gone\.csv does not exist"):
        read_text(tmp_path / "gone.csv")
