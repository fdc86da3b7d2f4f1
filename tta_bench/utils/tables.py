"""CSV files whose columns are found by name: rows and columns in any order, and errors that name lines and columns."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from tta_bench.errors import UserError, did_you_mean, shorten
from tta_bench.utils.text_files import read_text

COMMA_FORM = "Separate columns by commas, semicolons or tabs, and quote texts with such signs in them."

HEADER_FORM = "The first line is a header, and columns are separated by commas, semicolons, tabs or bars."

SEPARATORS = (",", ";", "\t", "|")
"""Signs between the columns of a table."""


@dataclass(frozen=True)
class Table:
    """A CSV file as text.

    Args:
        file: The file that it was read from.
        columns: The names of its columns, as the file writes them.
        rows: A text for each column of each line that is not blank.
        lines: The number in the file of each row's line.
    """

    file: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def find(self, name: str) -> str | None:
        """Return the column of this name as the file writes it, taking case, spaces and signs as alike."""
        return next((column for column in self.columns if plain(column) == plain(name)), None)

    def column(self, name: str) -> list[str]:
        """Return a column's texts; raises UserError where there is no such column."""
        written = self.find(name)
        if written is None:
            raise UserError(f"{self.file} has no column {name}.", did_you_mean(name, self.columns))
        index = self.columns.index(written)
        return [row[index] for row in self.rows]


def plain(name: str) -> str:
    """Return a name without case, spaces and signs: ``Empathic-Pain`` and ``empathic pain`` are one column."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def read_table(file: Path, form: str = COMMA_FORM, optional: Iterable[str] = ()) -> Table:
    """Read a CSV file with a first line of column names.

    Args:
        file: The file.
        form: The form that is expected, for errors.
        optional: Columns that lines may leave out at their end.

    Raises:
        UserError: It is not there, is empty, is not text, names a column twice, or has lines of another length.
    """
    names, rows = read_cells(file, form, optional)
    if not rows:
        raise UserError(f"{file} is empty: {'only its first line is there' if names else 'nothing is in it'}.", form)
    if twice := [name for name, times in Counter(map(plain, names)).items() if times > 1]:
        raise UserError(f"{file} has {len(twice)} columns more than once: {shorten(twice)}.", form)
    return Table(file, tuple(names), tuple(map(tuple, rows.values())), tuple(rows))


def read_cells(
    file: Path, form: str = COMMA_FORM, optional: Iterable[str] = ()
) -> tuple[list[str], dict[int, list[str]]]:
    """Read the cells of a CSV file, stripped: its first line, and the others by their number; blank lines are left out.

    Columns are separated by commas, semicolons, tabs or bars, and the text is as in `read_text`. Empty cells beyond the
    first line's are dropped.

    Args:
        file: The file.
        form: The form that is expected, for errors.
        optional: Columns that lines may leave out at their end, which then are empty.

    Raises:
        UserError: It is not there, is not text, or has lines of another length than the first.
    """
    kept = split_lines(file, form)
    (_, names), *rows = kept or [(0, [])]
    while len(names) > 1 and not names[-1] and not any(any(row[len(names) - 1 :]) for _, row in rows):
        names = names[:-1]
    rows = [(number, row[: max(len(names), _filled(row))]) for number, row in rows]
    spare = set(map(plain, optional))
    least = len(names) - sum(1 for _ in takewhile(lambda name: plain(name) in spare, reversed(names)))
    if uneven := [number for number, row in rows if not least <= len(row) <= len(names)]:
        raise UserError(
            f"{file} has {len(names)} columns, and {len(uneven):,} lines of another length: {_at(uneven)}.", form
        )
    return names, {number: row + [""] * (len(names) - len(row)) for number, row in rows}


def split_lines(file: Path, form: str = COMMA_FORM, separator: str | None = None) -> list[tuple[int, list[str]]]:
    """Return the stripped cells of each line that is not blank, with the number of the line.

    Args:
        file: The file.
        form: The form that is expected, for errors.
        separator: The separator of cells; by default the one that the first line has.

    Raises:
        UserError: The file is not there, is not text, or a text in it is not quoted as it should be.
    """
    text = read_text(file, form)
    first, _, rest = text.partition("\n")
    said = first.strip()
    if said.casefold().startswith("sep=") and len(said) == 5:  # a line with which Excel is told the separator
        separator, text = said[4], "\n" + rest
    separator = separator or separator_of(text)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=separator != "\t", delimiter=separator)
        return [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(map(str.strip, row))]
    except csv.Error as error:
        raise UserError(f"{file} cannot be read as CSV: {error}.", form) from error


def separator_of(text: str) -> str:
    """Return the separator of a table's columns; a comma where there is none.

    It is the first one that the first lines have equally often, else the one that cuts the first line into most cells.
    Separators in quoted texts do not count.
    """
    lines = [re.sub(r'"[^"]*"', "", line) for line in text.splitlines() if line.strip()][:20] or [""]
    there = [sign for sign in SEPARATORS if sign in lines[0]] or [","]
    even = [sign for sign in there if len({line.count(sign) for line in lines}) == 1]
    return even[0] if even else max(there, key=lines[0].count)


def read_rows(file: Path, required: Sequence[str], optional: Sequence[str], form: str) -> dict[int, dict[str, str]]:
    """Read some columns of a CSV file, a mapping by column for each line number; other columns may be there.

    Args:
        file: The file.
        required: Columns that must be there, with a text in every line.
        optional: Columns that give empty texts where they are absent.
        form: The form that is expected, for errors.

    Raises:
        UserError: The file cannot be read (see `read_table`), or lacks columns or texts; says which and in which lines.
    """
    table = read_table(file, form, optional)
    if absent := [name for name in required if table.find(name) is None]:
        there = f"the columns of its first line are: {shorten([repr(name) for name in table.columns])}"
        raise UserError(f"{file} has no column {shorten(absent)}; {there}.", f"{form} {HEADER_FORM}")
    present = [name for name in (*required, *optional) if table.find(name) is not None]
    cells = zip(*(table.column(name) for name in present), strict=True)
    rows = {
        line: dict.fromkeys(optional, "") | dict(zip(present, texts, strict=True))
        for line, texts in zip(table.lines, cells, strict=True)
    }
    if empty := [line for line, row in rows.items() if not all(row[name] for name in required)]:
        raise UserError(f"{file} lacks {' or '.join(required)} in {len(empty):,} lines: {_at(empty)}.", form)
    return rows


def require_columns(table: Table, required: Sequence[str], optional: Iterable[str] = ()) -> None:
    """Check that a table has the required columns, and beside them only optional ones.

    Raises:
        UserError: Naming the columns that are missing and those that are unknown.
    """
    optional = tuple(optional)
    known = {plain(name) for name in (*required, *optional)}
    missing = [name for name in required if table.find(name) is None]
    strange = [name for name in table.columns if plain(name) not in known]
    if not missing and not strange:
        return
    problems = [f"{len(missing)} columns are missing: {shorten(missing, 8)}"] if missing else []
    if strange:
        problems.append(f"{len(strange)} columns are unknown: {shorten([name or '(no name)' for name in strange])}")
    raise UserError(
        f"{table.file}: {'; '.join(problems)}.",
        f"Required: {', '.join(required)}." + (f" Optional: {', '.join(optional)}." if optional else ""),
    )


def read_ids(table: Table, name: str) -> list[str]:
    """Return a column's ids without the square brackets that some files put round them.

    Raises:
        UserError: Rows without an id, or ids that are there more than once.
    """
    ids = [bare(text) for text in table.column(name)]
    if empty := [line for line, id in zip(table.lines, ids, strict=True) if not id]:
        raise UserError(f"{table.file} has {len(empty):,} rows without {name}: {_at(empty)}.")
    if twice := [id for id, times in Counter(ids).items() if times > 1]:
        raise UserError(f"{table.file} has {len(twice):,} ids more than once: {shorten(twice)}.")
    return ids


def bare(text: str) -> str:
    """Return an id without square brackets: ``[02032]`` and ``02032`` are one clip."""
    return text.strip().removeprefix("[").removesuffix("]").strip()


def read_numbers(
    table: Table, ids: Sequence[str], columns: Sequence[str], may_be_empty: Iterable[str] = ()
) -> dict[str, tuple[float, ...] | None]:
    """Return the numbers from 0 to 1 of each id in the order of ``columns``, or None for a row that may be empty.

    Args:
        table: The file.
        ids: The id of each of its rows.
        columns: Names of the columns, which may stand in any order.
        may_be_empty: Ids of rows in which all of the numbers may be left out.

    Raises:
        UserError: Naming how many ids, and which, have a text that is no number, a gap or NaN, or a value that is not
            between 0 and 1.
    """
    free = set(may_be_empty)
    texts = dict(zip(ids, zip(*(table.column(name) for name in columns), strict=True), strict=True))
    values = {id: tuple(map(_number, row)) for id, row in texts.items()}
    words = [f"{id} ({_first(texts[id], row)})" for id, row in values.items() if None in row]
    if words:
        point = any(re.fullmatch(r"'-?\d*,\d+'", word.rpartition("(")[2][:-1]) for word in words)
        raise UserError(
            f"{table.file} has texts that are no numbers in {len(words):,} rows: {shorten(words)}.",
            "Write decimals with a point: 0.5, not 0,5." if point else "",
        )
    numbers = {id: tuple(math.nan if value is None else value for value in row) for id, row in values.items()}
    empty = {id for id in free & numbers.keys() if all(map(math.isnan, numbers[id]))}
    gaps = [id for id, row in numbers.items() if id not in empty and any(map(math.isnan, row))]
    if gaps:
        raise UserError(f"{table.file} has empty or NaN values in {len(gaps):,} rows that need all: {shorten(gaps)}.")
    outside = {id: max(row, key=lambda value: abs(value - 0.5)) for id, row in numbers.items() if id not in empty}
    wrong = [f"{id} ({value:g})" for id, value in outside.items() if not 0 <= value <= 1]
    if wrong:
        raise UserError(
            f"{table.file} has values outside 0 to 1 in {len(wrong):,} rows: {shorten(wrong)}.",
            "Intensities are fractions of each clip's largest rating.",
        )
    return {id: None if id in empty else row for id, row in numbers.items()}


def _filled(row: Sequence[str]) -> int:
    """Return the number of cells up to the last that is not empty."""
    return max((place for place, cell in enumerate(row, 1) if cell), default=0)


def _number(text: str) -> float | None:
    """Return a text's number, NaN for an empty one, None where it is no number."""
    try:
        return float(text) if text else math.nan
    except ValueError:
        return None


def _first(row: Sequence[str], numbers: Sequence[float | None]) -> str:
    """Return the first text that is no number."""
    return next(repr(text) for text, number in zip(row, numbers, strict=True) if number is None)


def _at(lines: Sequence[int]) -> str:
    """Return line numbers as words, the first few of them."""
    return shorten([f"line {line}" for line in lines])
