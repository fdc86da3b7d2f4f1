"""A board as a value: sections of tables with typed cells, and notes. Each form of a board has a writer of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from pydantic import JsonValue

from tta_bench.cards.kinds import Tier
from tta_bench.metrics import METRICS

NONE = "-"
"""Words of a value that is not known."""


class Cell(ABC):
    """One value of a table: words for a reader, data for a program. Neither is escaped: that is the writers' work."""

    @property
    @abstractmethod
    def words(self) -> str:
        """Plain text; `NONE` or nothing for no value."""

    @abstractmethod
    def data(self, key: str) -> dict[str, JsonValue]:
        """Return the value by the keys that an export gives it.

        Args:
            key: Key of its column.
        """


@dataclass(frozen=True)
class Text(Cell):
    """Free text, from anywhere."""

    value: str | None

    @property
    def words(self) -> str:
        """The text."""
        return self.value or NONE

    def data(self, key: str) -> dict[str, JsonValue]:
        """Return the text."""
        return {key: None if self.value in (None, NONE) else self.value}


@dataclass(frozen=True)
class Number(Cell):
    """A number, with the digits that are shown."""

    value: float | int | None
    shown: str = NONE

    @property
    def words(self) -> str:
        """The number as it is shown."""
        return NONE if self.value is None else self.shown

    def data(self, key: str) -> dict[str, JsonValue]:
        """Return the number with all its digits."""
        return {key: self.value}


@dataclass(frozen=True)
class Figure(Cell):
    """Value of a metric: accuracies are fractions."""

    metric: str
    value: float | None

    @property
    def words(self) -> str:
        """Percent with 2 decimals, or 4 decimals."""
        return NONE if self.value is None else METRICS.describe(self.metric).text(self.value)

    def data(self, key: str) -> dict[str, JsonValue]:
        """Return the value with all its digits."""
        return {key: self.value}


@dataclass(frozen=True)
class Interval(Cell):
    """A 95 % interval, with the marks of its footnotes."""

    metric: str
    low: float | None
    high: float | None
    marks: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """Both ends and the marks."""
        if self.low is None or self.high is None:
            return NONE
        ends = [METRICS.describe(self.metric).text(end) for end in (self.low, self.high)]
        return " ".join([" to ".join(ends), *self.marks])

    def data(self, key: str) -> dict[str, JsonValue]:
        """Return both ends."""
        return {"low": self.low, "high": self.high}


@dataclass(frozen=True)
class Rank(Cell):
    """A rank with the lowest that it may be; none for a row that lacks a split."""

    value: int | None
    lowest: int | None = None

    @property
    def words(self) -> str:
        """The rank, or the ranks that it cannot be told from: ``2`` or ``2 to 4``."""
        if self.value is None:
            return NONE
        return str(self.value) if self.lowest in (None, self.value) else f"{self.value} to {self.lowest}"

    def data(self, key: str) -> dict[str, JsonValue]:
        """Return the rank and the lowest that it may be."""
        return {key: self.value, f"{key}_lowest": self.lowest}


@dataclass(frozen=True)
class Link:
    """Words that lead to an address: a file seen from the board, or a page."""

    words: str
    address: str


@dataclass(frozen=True)
class Links(Cell):
    """Links, one after the other."""

    links: tuple[Link, ...]

    @property
    def words(self) -> str:
        """The words of all."""
        return " ".join(link.words for link in self.links) or NONE

    def data(self, key: str) -> dict[str, JsonValue]:
        """Return the addresses."""
        return {key: " ".join(link.address for link in self.links) or None}


@dataclass(frozen=True)
class Source(Cell):
    """Words about a source, which lead to it where it has an address."""

    value: str
    address: str | None = None

    @property
    def words(self) -> str:
        """The words."""
        return self.value

    def data(self, key: str) -> dict[str, JsonValue]:
        """Return the words, and the address under a key of its own."""
        return {key: self.value, f"{key}_link": self.address}


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    key: str
    """Name in exports."""
    heading: str
    """Name for a reader; it may come from a plug-in."""
    right: bool = False
    """Aligned to the right."""
    paper: bool = False
    """Kept in the narrow table of a paper."""


@dataclass(frozen=True)
class Table:
    """Rows of cells."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    """Heading of its own, below its section's."""
    continues: bool = False
    """Its rows are those of the table before, with more columns: an export joins them."""
    folded: str = ""
    """Words in whose place it unfolds, if it is folded away."""

    def used(self) -> list[int]:
        """Return the columns that are not empty in every row."""
        return [index for index in range(len(self.columns)) if any(row[index].words != NONE for row in self.rows)]


@dataclass(frozen=True)
class Note:
    """A paragraph. Words between backticks are commands."""

    words: str


@dataclass(frozen=True)
class Section:
    """Part of a board."""

    key: str
    """Name in exports."""
    title: str
    parts: tuple[Table | Note, ...] = ()


@dataclass(frozen=True)
class Board:
    """One board: a protocol at one tier, on the official data or on one's own."""

    protocol: str
    tier: Tier
    title: str
    path: PurePosixPath
    """Its Markdown file, seen from the folder of boards."""
    dataset: str = ""
    """Name of one's own data; nothing for the protocol's."""
    notes: tuple[Note, ...] = ()
    sections: tuple[Section, ...] = field(default=())

    def tables(self) -> Iterator[tuple[Section, Table]]:
        """Yield every table with its section."""
        for section in self.sections:
            for part in section.parts:
                if isinstance(part, Table):
                    yield section, part

    def ranked(self) -> Iterator[Table]:
        """Yield the tables of measured rows: one, or one for each part of the data."""
        yield from (table for section, table in self.tables() if section.key == "measured" and not table.continues)
