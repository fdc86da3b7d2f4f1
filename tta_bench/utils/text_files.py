"""Text files in the encodings that editors, spreadsheets and shells write, with letters in one form."""

from __future__ import annotations

import codecs
import unicodedata
from pathlib import Path

from tta_bench.errors import UserError

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""First bytes of a file that tell its encoding; those of UTF-32 stand before UTF-16's, which they begin with."""

UNSEEN = dict.fromkeys(map(ord, "\ufeff\u200b\u200e\u200f\u2060"))
"""Signs without a width, which come along when text is copied from a page."""


def read_text(file: Path, form: str = "") -> str:
    """Return a file's text with composed letters (Unicode's NFC) and any line ends.

    It is UTF-8, or UTF-16 or UTF-32 that says so in its first bytes or is plain from its zero bytes.

    Args:
        file: The file.
        form: The form that is expected, for errors.

    Raises:
        UserError: It is not there, cannot be read, or is in another encoding; names the first line and byte.
    """
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise UserError(f"the file {file} does not exist.", form) from None
    except IsADirectoryError:
        raise UserError(f"{file} is a folder, and a text file is needed.", form) from None
    except OSError as error:
        raise UserError(f"the file {file} cannot be read: {error.strerror or error}.", form) from None
    encoding, start = _encoding(content)
    try:
        text = content[start:].decode(encoding)
    except UnicodeDecodeError as error:
        before = content[start:][: error.start]
        line, byte = before.count(b"\n") + 1, content[start:][error.start]
        raise UserError(
            f"{file} cannot be read as text: line {line} has a byte 0x{byte:02x} that is no {encoding.upper()}"
            f" (in Latin-1 it is '{chr(byte)}').",
            "Save it with the encoding UTF-8.",
        ) from None
    if "\0" in text:
        raise UserError(f"{file} cannot be read as text: it has zero bytes, as files have that are no text.", form)
    return unicodedata.normalize("NFC", text.translate(UNSEEN))


def _encoding(content: bytes) -> tuple[str, int]:
    """Return the encoding of a file's bytes and the length of the mark that tells it."""
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return encoding, len(mark)
    head = content[:1000]
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):  # Latin letters have a zero byte after or before them
        if len(head) > 3 and len(content) % 2 == 0 and head[start::2].count(0) > 0.7 * len(head[start::2]):
            return encoding, 0
    return "utf-8", 0
