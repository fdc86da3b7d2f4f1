"""Text of records, cards and files, made harmless for each form that a board is written in."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-Z\\-_])")
"""Control sequences of terminals (ECMA-48): CSI, OSC, and those of two characters."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of cells that spreadsheets take for formulas (OWASP, CSV injection)."""
_LATEX = {
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "†": r"$^{\dagger}$",
    "‡": r"$^{\ddagger}$",
    "§": r"\S{}",
}
"""Characters that LaTeX reads as commands, or lacks."""
_LAST_LATIN = 0x17F
"""The last letter of Latin Extended-A, up to which LaTeX's fonts have accented letters."""


def plain(words: str) -> str:
    """Return text on one line, without terminal sequences, control characters and marks that turn its direction."""
    if words.isascii() and words.isprintable():
        return " ".join(words.split())  # most text, much quicker
    kept = _ESCAPES.sub("", words)
    return " ".join(
        "".join(" " if mark.isspace() else mark for mark in kept if mark.isspace() or _is_visible(mark)).split()
    )


def _is_visible(mark: str) -> bool:
    return unicodedata.category(mark) not in ("Cc", "Cf", "Cs", "Co", "Cn")


def markdown(words: str) -> str:
    """Return text that is no markup in any Markdown, nor in the HTML that is made of it.

    Angle brackets become entities: some readers, mkdocs' among them, do not know a backslash before them.
    """
    text = plain(words).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"[\\|`*\[\]~]", r"\\\g<0>", text)
    text = re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", text)
    return re.sub(r"^([#+=-]|\d+[.)])(?=\s|$)", lambda found: f"{found[1][:-1]}\\{found[1][-1]}", text)


def html(words: str) -> str:
    """Return text for HTML or SVG, attributes included."""
    text = plain(words).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&quot;").replace("'", "&#39;")


def csv(words: str) -> str:
    """Return text that no spreadsheet takes for a formula: such text gets an apostrophe in front."""
    text = plain(words)
    return f"'{text}" if text.startswith(_FORMULA) else text


def latex(words: str) -> str:
    """Return text that LaTeX sets as it is; letters that its fonts lack are written ``U+4E2D``."""
    return "".join(_latex(mark) for mark in plain(words))


def _latex(mark: str) -> str:
    if mark in _LATEX:
        return _LATEX[mark]
    if mark.isascii() or (mark.isalpha() and ord(mark) <= _LAST_LATIN):
        return mark
    return f"U+{ord(mark):04X}"


def address(page: str) -> str:
    """Return an address for a link: a page by https, or a file in a folder; anything else leads nowhere.

    Args:
        page: An address from anywhere.
    """
    if page.startswith("https://"):
        return quote(plain(page), safe=":/?#=&%@,;+~-._")
    return quote(plain(page), safe="/.+_-~")
