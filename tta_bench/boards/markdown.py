"""Text, numbers, tables and links in Markdown."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from tabulate import tabulate

from tta_bench.metrics import METRICS

NONE = "-"
"""Cell of a value that is not known."""


class Links:
    """Links to files, numbered in the order of their use and defined at the end, so that tables stay readable."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def to(self, address: str, words: str) -> str:
        """Return words that link to an address."""
        return f"[{words}][{self._numbers.setdefault(address, len(self._numbers) + 1)}]"

    def definitions(self) -> str:
        """Return the addresses of all links used so far."""
        return "\n".join(f"[{number}]: {quote(address)}" for address, number in self._numbers.items())


def text(words: str) -> str:
    """Return free text on one line, with a backslash before whatever would be taken for markup."""
    return re.sub(r"[\\|`*\[\]<>&]", r"\\\g<0>", " ".join(words.split()))


def paragraph(words: str) -> str:
    """Return Markdown in lines that fit a terminal."""
    return textwrap.fill(words, 120, break_long_words=False, break_on_hyphens=False)


def table(columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]]) -> str:
    """Return a table without the columns that are empty in every row.

    Args:
        columns: Heading and alignment (``left`` or ``right``) of each column.
        rows: Cells, as Markdown.
    """
    listed = [list(row) for row in rows]
    used = [index for index in range(len(columns)) if any(row[index] not in ("", NONE) for row in listed)]
    return tabulate(
        [[row[index] or NONE for index in used] for row in listed],
        headers=[columns[index][0] for index in used],
        colalign=[columns[index][1] for index in used],
        tablefmt="pipe",
        disable_numparse=True,
    )


def figure(metric: str, value: float | None) -> str:
    """Return a metric's value as boards show it: percent with 2 decimals, or 4 decimals."""
    return NONE if value is None else METRICS.describe(metric).text(value)


def signed(metric: str, difference: float) -> str:
    """Return a difference of two values of a metric, with a plus before positive ones."""
    return METRICS.describe(metric).signed_text(difference)


def heading(metric: str) -> str:
    """Return a metric's column heading."""
    return METRICS.describe(metric).heading
