"""Sizes that headers state: bytes of a RIFF (AVI, WAV) or Matroska file that are not there, and cut streams.

A file that was not copied whole often decodes without an error, up to where it ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

UNKNOWN = 0x7FFF_0000
"""Sizes in RIFF from here on are what a program writes that does not know the size yet."""

EBML, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
"""The first bytes of a Matroska file, and of the element that holds everything."""

OGG = b"OggS"
"""First bytes of each page of an Ogg file."""

OGG_TAIL = 8 * 65_307
"""Bytes at a file's end that are looked through: eight of the largest pages, for the last of each stream."""

STREAMS = frozenset((".m2t", ".m2ts", ".mts", ".tod", ".ts"))
"""Suffixes of transport streams, whose packets have 188 or 192 bytes."""


class Missing(NamedTuple):
    """Size of a file that is shorter than it should be, in bytes."""

    found: int
    stated: int
    """Size that the header states; for a transport stream, the next whole number of packets."""

    def __str__(self) -> str:
        """Return both sizes in words."""
        return f"{self.found:,} of {self.stated:,} bytes are there"


def missing_bytes(path: Path) -> Missing | None:
    """Return the sizes of a file that is shorter than its header says; None for any other.

    Raises:
        OSError: The file cannot be read.
    """
    found = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(4096)
    stated = _riff_size(head) or _matroska_size(head) or _packets_size(path.suffix.lower(), head, found)
    return Missing(found, stated) if stated > found else None


def lacks_ogg_end(path: Path) -> bool:
    """Return True for an Ogg file (OGV, OGG, Opus) of which no last page is marked as the end of its stream.

    Every encoder marks it (RFC 3533, header_type 0x04), so a file without it was cut, perhaps between two pages.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as stream:
        if stream.read(4) != OGG:
            return False
        stream.seek(max(0, path.stat().st_size - OGG_TAIL))
        tail = stream.read()
    pages = [at for at in _places(tail, OGG) if len(tail) > at + 5 and tail[at + 4] == 0]
    return not any(tail[at + 5] & 4 for at in pages)


def _places(text: bytes, word: bytes) -> Iterator[int]:
    """Yield the places of a word in some bytes."""
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + 1)


def _riff_size(head: bytes) -> int:
    """Return the size that a RIFF header states, 0 where there is none."""
    size = int.from_bytes(head[4:8], "little")
    return size + 8 if head[:4] == b"RIFF" and size < UNKNOWN else 0


def _matroska_size(head: bytes) -> int:
    """Return the size that the segment of a Matroska file states, 0 where there is none."""
    place = head.find(SEGMENT) + len(SEGMENT)
    if not head.startswith(EBML) or place < len(SEGMENT) or place >= len(head):
        return 0
    length = 9 - head[place].bit_length()  # the first bit that is set tells the number of bytes
    if length > 8:
        return 0
    size = int.from_bytes(head[place : place + length], "big") ^ 1 << 7 * length
    return 0 if size == (1 << 7 * length) - 1 else place + length + size  # all bits set: not known


def _packets_size(suffix: str, head: bytes, found: int) -> int:
    """Return the size of a transport stream with its last packet whole, 0 for another file."""
    sizes = [size for size in (188, 192) if suffix in STREAMS and _synchronised(head, size)]
    return -(-found // sizes[0]) * sizes[0] if sizes else 0


def _synchronised(head: bytes, size: int) -> bool:
    start = size - 188  # packets of 192 bytes begin with four of their own
    return len(head) > start + 4 * size and all(head[start + size * number] == 0x47 for number in range(5))
