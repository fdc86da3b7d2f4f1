"""Arrays that strangers wrote: files of NumPy's, read no further than their limits."""

from __future__ import annotations

import io
import math
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from tta_bench.records.limits import read_bytes

LARGEST_ARRAYS = 500_000_000
"""Bytes of all arrays of a file, unpacked; the scores of 50,000 clips and 700 classes have 140 MB."""
MOST_ARRAYS = 20
_DIRECTORY = 1_000_000
"""Bytes that a file may have beside its arrays; those of 20 arrays have 5,000."""
_OFTEN = 250_000
"""Bytes of the largest array that is kept, for the next file that has the same one."""
_LOCAL = struct.Struct("<26xHH")
"""Header of a member in the archive, as long as zip files have it; its last two numbers are the lengths of name and of
what else comes before the content."""


def file_of_arrays(path: Path) -> bytes:
    """Return the bytes of an ``.npz`` file.

    Raises:
        ValueError: It is larger than any that is read.
        OSError: It cannot be read.
    """
    return read_bytes(path, LARGEST_ARRAYS + _DIRECTORY)


def read_arrays(content: bytes) -> dict[str, Any]:
    """Return the arrays in the bytes of an ``.npz`` file, if they are as large as they say, and not too large.

    Raises:
        ValueError: It is no such file, is encrypted, or its arrays are too large, too many, or of Python objects.
        Exception: Whatever a damaged file makes zipfile and NumPy raise.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
    if len(members) > MOST_ARRAYS or len({member.filename for member in members}) < len(members):
        raise ValueError(f"{len(members):,} arrays are too many, or have one name")
    if (size := sum(member.file_size for member in members)) > LARGEST_ARRAYS:
        raise ValueError(f"its arrays would take {size:,} bytes, more than {LARGEST_ARRAYS:,}")
    for member in members:
        if member.flag_bits & 1:
            raise ValueError(f"{member.filename} is encrypted")
    return {member.filename.removesuffix(".npy"): _array(content, member) for member in members}


def _array(archive: bytes, member: zipfile.ZipInfo) -> NDArray[Any]:
    """Return the array in a member, unpacked as `zipfile` does, which takes several times as long for small ones.

    It cannot be written to, since records with equal arrays share one.
    """
    name, more = _LOCAL.unpack_from(archive, member.header_offset)
    start = member.header_offset + _LOCAL.size + name + more
    packed = archive[start : start + member.compress_size]
    if not archive.startswith(b"PK\x03\x04", member.header_offset) or len(packed) < member.compress_size:
        raise ValueError(f"{member.filename} is not where the file says")
    read: Callable[[bytes, str, int, int, int], NDArray[Any]] = _read_often if member.file_size <= _OFTEN else _read
    return read(packed, member.filename, member.compress_type, member.file_size, member.CRC)


def _read(packed: bytes, name: str, method: int, size: int, checksum: int) -> NDArray[Any]:
    """Return an array that is as large as its header says."""
    content = _unpacked(packed, method, size, checksum)
    version = npy.read_magic(io.BytesIO(content[: npy.MAGIC_LEN]))
    start = npy.MAGIC_LEN + (2 if version == (1, 0) else 4)
    end = start + int.from_bytes(content[npy.MAGIC_LEN : start], "little")
    shape, by_columns, kind = _header(version, content[npy.MAGIC_LEN : end])
    needed = math.prod(shape) * kind.itemsize
    if kind.hasobject or needed > len(content) - end:
        raise ValueError(f"{name} says that it has {needed:,} bytes, and has {max(len(content) - end, 0):,}")
    return np.ndarray(shape, kind, content, offset=end, order="F" if by_columns else "C")


_read_often = lru_cache(maxsize=64)(_read)
"""The same, of which the last ones are kept: all runs of a split have the same clips."""


def _unpacked(packed: bytes, method: int, size: int, checksum: int) -> bytes:
    """Return the content of a member, which has the size and the checksum that the archive says."""
    if method == zipfile.ZIP_DEFLATED:
        content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, size + 1)
    elif method == zipfile.ZIP_STORED:
        content = packed
    else:
        raise ValueError(f"it is packed by method {method}, which NumPy does not use")
    if len(content) != size or zlib.crc32(content) != checksum:
        raise ValueError("an array is not the one that was packed: its size or its checksum differs")
    return content


@lru_cache(maxsize=200)
def _header(version: tuple[int, int], header: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, order and type of an array, of which boards read thousands of equal ones."""
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, by_columns, kind = read(io.BytesIO(header))
    return shape, by_columns, kind
