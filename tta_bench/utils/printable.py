"""Text from anybody on its way to a terminal: characters that steer it are written out, not sent."""

from __future__ import annotations

import re

_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufff9-\ufffb]")
"""Control characters but for tab and line feed, marks that turn the direction of text, and halves of a character."""
_BREAKS = re.compile("[\n\t\u2028\u2029]+")


def printable(text: str) -> str:
    r"""Return a text whose steering characters are written as Python writes them: ``\x1b[31m`` for red.

    Line feeds and tabs stay; a carriage return, which would overwrite the line, does not.
    """
    return _STEERING.sub(lambda found: _written(found[0]), text)


def one_line(text: str) -> str:
    """Return a text as `printable` does, on one line."""
    return _BREAKS.sub(" ", printable(text)).strip()


def first_control(text: str) -> str | None:
    """Return the first character of a text that steers a terminal; None where there is none.

    A carriage return before a line feed is a line's end on Windows, and steers nothing.

    Args:
        text: The text.
    """
    found = _STEERING.search(text.replace("\r\n", "\n"))
    return None if found is None else found[0]


def ordinal(number: int) -> str:
    """Return a number's place in a row, in English: 1st, 2nd, 3rd, 4th, 11th, 21st, 112th.

    Args:
        number: The number, 0 or more.
    """
    endings = {1: "st", 2: "nd", 3: "rd"}
    ending = "th" if number % 100 in (11, 12, 13) else endings.get(number % 10, "th")
    return f"{number}{ending}"


def counted(number: int, noun: str, several: str = "") -> str:
    """Return a number of things in words: 1 clip, 2 clips, 1,000 clips.

    Args:
        number: The number, 0 or more.
        noun: One of the things; with a verb, if one follows.
        several: The same for several; by default the noun with an s.
    """
    return f"{number:,} {noun if number == 1 else several or noun + 's'}"


def _written(letter: str) -> str:
    """Return a character as Python's source writes it."""
    code = ord(letter)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
