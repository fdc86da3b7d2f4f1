from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_bench.records import limits
from tta_bench.records.limits import LARGEST_JSON, is_control, plain, read_arrays, read_json


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[" * 100_000, "nested deeper"),
        (b'{"a": ' * 30 + b"1" + b"}" * 30, "nested deeper"),
        (b'{"a": 1, "a": 2}', "the key 'a' is given twice"),
        (b'{"b": {"c": 1, "d": 2, "c": 1}}', "the key 'c' is given twice"),
        (b'{"a": "\\u001b[31mred"}', "signs that are not seen"),
        (b'{"a\\u202e": 1}', "signs that are not seen"),
        (b'["\\ud800"]', "signs that are not seen"),
        (b'["\\u2028"]', "signs that are not seen"),
        (b"[NaN]", "NaN is no number"),
        (b"[-Infinity]", "-Infinity is no number"),
        (b"[0.10]", "0.10 was written as 0.1"),
        (b"[" + b"9" * 10_000 + b"]", "integer string conversion"),
        (b"\xff", "utf-8"),
        (b" " * (LARGEST_JSON + 1), "more than 2,000,000 bytes"),
    ],
)
def test_what_a_stranger_wrote_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "record.json").write_bytes(content)
    with pytest.raises(ValueError, match=reason):
        read_json(tmp_path / "record.json")


def test_usual_data_are_read(tmp_path: Path) -> None:
    data = {"name": "Zoë, 走る", "values": [1, 0.1, None, True], "deep": {"a": {"b": [{}]}}}
    (tmp_path / "record.json").write_text(json.dumps(data))
    assert read_json(tmp_path / "record.json") == (json.dumps(data), data)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a": ', "}"), ('[0, {"a": ', "}]")])
def test_the_deepest_level_is_still_read(tmp_path: Path, opening: str, closing: str) -> None:
    file, levels = tmp_path / "record.json", opening.count("[") + opening.count("{")
    times = limits.DEEPEST // levels
    file.write_text(opening * times + "1" + closing * times)
    assert read_json(file)[0].count(opening) == times
    file.write_text("[" + opening * times + "1" + closing * times + "]")
    with pytest.raises(ValueError, match="nested deeper than 20"):
        read_json(file)


@pytest.mark.parametrize(
    "content", ['{\n\t"a": "b\\nc"}', '["ü", "\u202e"]', '["\x7f"]', '[{"\\u0007": 1}]', '["a", "\u2028"]']
)
def test_unseen_signs_are_found_as_they_are_and_escaped(tmp_path: Path, content: str) -> None:
    (tmp_path / "record.json").write_text(content)
    with pytest.raises(ValueError, match="signs that are not seen"):
        read_json(tmp_path / "record.json")


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12.0).reshape(3, 4),
        np.asfortranarray(np.arange(12, dtype=">i2").reshape(3, 4)),
        np.array(["a", "longer", "ü"]),
        np.array(3),
        np.zeros((0, 5), np.float32),
        np.array([True, False]),
    ],
)
def test_arrays_are_read_as_they_were_written(tmp_path: Path, array: np.ndarray) -> None:
    for name in ("first", "second"):  # the header of the second is known by then
        np.savez_compressed(tmp_path / name, a=array)
        read = read_arrays(tmp_path / f"{name}.npz")["a"]
        np.testing.assert_array_equal(read, array, strict=True)
        assert read.flags.f_contiguous == array.flags.f_contiguous
        assert read.flags.writeable


@given(st.text())
def test_a_plain_text_has_no_sign_that_a_terminal_acts_on(text: str) -> None:
    assert not any(map(is_control, plain(text)))
    assert len(plain(text)) == len(text)
    assert plain(plain(text)) == plain(text)


def with_header(shape: str, size: int) -> bytes:
    """Return an array's file whose header claims a shape."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"\0" * size


@pytest.mark.parametrize("shape", ["(1099511627776,)", "(4, 1000)", "(99999999999999999999, 3)"])
def test_an_array_that_is_smaller_than_it_says_is_refused(tmp_path: Path, shape: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", with_header(shape, 64))
    with pytest.raises(ValueError, match="says that it has"):
        read_arrays(tmp_path / "a.npz")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LARGEST_ARRAYS", 5_000_000)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(6):
            archive.writestr(f"{number}.npy", bytes(1_000_000))
    assert (tmp_path / "a.npz").stat().st_size < 10_000
    with pytest.raises(ValueError, match="would take 6,000,000 bytes"):
        read_arrays(tmp_path / "a.npz")


def test_encrypted_and_too_many_arrays_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "many.npz", **{f"a{number}": np.zeros(1) for number in range(21)})
    with pytest.raises(ValueError, match="21 arrays are too many"):
        read_arrays(tmp_path / "many.npz")
    np.savez(tmp_path / "a.npz", a=np.zeros(1))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match="encrypted"):
        read_arrays(tmp_path / "a.npz")
