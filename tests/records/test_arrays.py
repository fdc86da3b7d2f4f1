from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tta_bench.records import arrays
from tta_bench.records.arrays import file_of_arrays, read_arrays


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
        read = read_arrays(file_of_arrays(tmp_path / f"{name}.npz"))["a"]
        np.testing.assert_array_equal(read, array, strict=True)
        assert read.flags.f_contiguous == array.flags.f_contiguous
        assert not read.flags.writeable  # records with equal arrays share one


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
        read_arrays(file_of_arrays(tmp_path / "a.npz"))


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "LARGEST_ARRAYS", 5_000_000)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(6):
            archive.writestr(f"{number}.npy", bytes(1_000_000))
    assert (tmp_path / "a.npz").stat().st_size < 10_000
    with pytest.raises(ValueError, match="would take 6,000,000 bytes"):
        read_arrays(file_of_arrays(tmp_path / "a.npz"))


def test_encrypted_and_too_many_arrays_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "many.npz", **{f"a{number}": np.zeros(1) for number in range(21)})
    with pytest.raises(ValueError, match="21 arrays are too many"):
        read_arrays(file_of_arrays(tmp_path / "many.npz"))
    np.savez(tmp_path / "a.npz", a=np.zeros(1))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match="encrypted"):
        read_arrays(file_of_arrays(tmp_path / "a.npz"))
