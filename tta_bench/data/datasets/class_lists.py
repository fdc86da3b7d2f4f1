"""Lists of clips with their classes: CSV files with a header, and the lists without one that others' code reads.

VideoMAE and SlowFast read ``path label``, MMAction2 ``path frames label`` for folders of frames; each side has a file
of its own. Columns may be separated by commas, semicolons, tabs, bars or blanks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tta_bench.data.datasets.find_clips import find_file, what_is_in
from tta_bench.data.media.container import UnreadableVideo
from tta_bench.data.media.decode import VIDEO_SUFFIXES
from tta_bench.data.media.frame_folders import frame_files
from tta_bench.errors import UserError, shorten
from tta_bench.utils.files import is_there
from tta_bench.utils.printable import counted
from tta_bench.utils.tables import Table, plain, read_table, split_lines

FORM = (
    "Expected: a header path,label,split or path,label,split,group, then a line for each clip, separated by commas, "
    "semicolons or tabs; or a folder with train.csv and test.csv (or val.csv), where lists without a header, "
    "'path label' as VideoMAE has them, will do."
)

NAMES: Mapping[str, Sequence[str]] = {
    "path": ("path", "video", "videopath", "filepath", "filename", "file", "clip"),
    "label": ("label", "class", "classname", "category", "action", "target"),
    "split": ("split", "subset", "partition", "set"),
    "group": ("group",),
}
"""Names of the columns; the first stands before the others."""

SIDES: Mapping[str, str] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "devel"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Words for the sides of a split, in lower case."""

LIST_SUFFIXES = (".csv", ".tsv", ".txt")


class Listed(NamedTuple):
    """A line of a list."""

    line: int
    path: str
    """Path of the clip as it is written."""
    label: str
    split: str
    """``train``, ``val`` or ``test``."""
    group: str
    """Empty where the list does not tell it."""


def read_lists(root: Path) -> dict[Path, list[Listed]]:
    """Return the lines of a list, or of the lists of a folder that are named after sides, by file.

    Raises:
        UserError: There is no such list, or lines of it are wrong; says which and what was found.
    """
    if not root.is_dir():
        return {root: read_list(root)}
    sides: dict[str, list[Path]] = {}
    lists = [file for file in sorted(root.iterdir()) if file.suffix.lower() in LIST_SUFFIXES and file.name[0] != "."]
    for file in lists:
        sides.setdefault(SIDES.get(file.stem.casefold(), ""), []).append(file)
    if "train" not in sides or not sides.keys() & {"val", "test"}:
        named = shorten([file.name for file in lists]) or "no CSV file"
        raise UserError(
            f"{root} is a folder, and this dataset is read from a CSV file; in the folder there is: {named}.",
            f"Name the file: data.root={root / lists[0].name if lists else root / 'LIST.csv'}. {FORM}",
        )
    if twice := [files for side, files in sides.items() if side and len(files) > 1]:
        raise UserError(f"{root} has two lists of one side: {' and '.join(file.name for file in twice[0])}.", FORM)
    return {files[0]: read_list(files[0], side) for side, files in sides.items() if side}


def read_list(file: Path, side: str = "") -> list[Listed]:
    """Return the lines of one list.

    Args:
        file: The list.
        side: Side of all its clips, where it has no column that tells it.

    Raises:
        UserError: The file is not there or is no text, has neither a header nor the form of a list without one, or
            lines of it are wrong.
    """
    lines = split_lines(file, FORM)
    if lines and not _columns(lines[0][1]).keys() & {"path", "label", "split"} and _is_path(file, lines[0][1]):
        return _read_bare(file, side)
    table = read_table(file, FORM, NAMES["group"])
    columns = _columns(table.columns)
    needed = ("path", "label") if side else ("path", "label", "split")
    if absent := [name for name in needed if name not in columns]:
        found = shorten([repr(name) for name in table.columns], 8)
        raise UserError(
            f"{file} has no column {shorten(absent)}; its first line, which must be a header, is {found}.", FORM
        )
    rows = [
        Listed(line, *(row[table.columns.index(columns[name])] if name in columns else "" for name in NAMES))
        for line, row in zip(table.lines, table.rows, strict=True)
    ]
    return _with_sides(table, [row._replace(split=row.split if "split" in columns else side) for row in rows])


def same_labels(labels: Sequence[str], file: Path) -> list[str]:
    """Return the classes in order: numbers by their size, other names by their letters.

    Raises:
        UserError: Two names differ in case or blanks only, or are one number.
    """
    numbers = {label: value for label in set(labels) if (value := _number(label)) is not None}
    numeric = len(numbers) == len(set(labels))
    kinds: dict[object, list[str]] = {}
    for label in sorted(set(labels)):
        kinds.setdefault(numbers[label] if numeric else " ".join(label.casefold().split()), []).append(label)
    if doubles := [names for names in kinds.values() if len(names) > 1]:
        listed = " and ".join(f"'{name}' ({list(labels).count(name):,} lines)" for name in doubles[0])
        raise UserError(
            f"{file} has {len(doubles):,} classes that are written in several ways: {listed}.",
            "Write a class in one way, or give different ones names that differ in more than case and blanks.",
        )
    return sorted(set(labels), key=lambda label: (numbers[label] if numeric else 0.0, label))


def _columns(names: Sequence[str]) -> dict[str, str]:
    """Return the column of each kind, as the file writes it: the first of its names that is there."""
    there = {plain(name): name for name in reversed(names)}
    kinds = {kind: next((there[name] for name in known if name in there), None) for kind, known in NAMES.items()}
    return {kind: name for kind, name in kinds.items() if name is not None}


def _is_path(file: Path, cells: Sequence[str]) -> bool:
    """Return True if the first text of a line names a clip."""
    words = cells if len(cells) > 1 else cells[0].split()
    first = " ".join(words[:-1]) if len(cells) == 1 else words[0]
    suffixed = any(Path(word).suffix.lower() in VIDEO_SUFFIXES for word in words[:-1])
    return len(words) > 1 and (suffixed or is_there(find_file(file.parent, first)) or "/" in words[0])


def _read_bare(file: Path, side: str) -> list[Listed]:
    """Return the lines of a list without a header: a path, perhaps the number of its frames, and a label."""
    lines = split_lines(file, FORM)
    if any(len(cells) == 1 for _, cells in lines):  # blanks separate; a path may have blanks too
        lines = [(line, _cut(file, cells[0])) for line, cells in split_lines(file, FORM, "\n")]
    if not side:
        raise UserError(
            f"{file} has no header, and does not tell which clips are trained on: its first line is "
            f"'{' '.join(lines[0][1])}'.",
            FORM,
        )
    wrong = [f"line {line} '{' '.join(cells)}'" for line, cells in lines if not 2 <= len(cells) <= 3 or not all(cells)]
    if wrong:
        raise UserError(
            f"{file} has {len(wrong):,} lines that are not 'path label' or 'path frames label': {shorten(wrong, 3)}.",
            "Videos are used whole: cut them to their segments first.",
        )
    for line, cells in lines:
        if len(cells) == 3:
            _require_frames(file, line, cells)
    return [Listed(line, cells[0], cells[-1], side, "") for line, cells in lines]


def _cut(file: Path, text: str) -> list[str]:
    """Return path, numbers and label of a line of words; blanks before the last words belong to the path."""
    words = text.split()
    for numbers in range(3):
        path = text.rsplit(maxsplit=numbers + 1)[0]
        if len(words) > numbers + 1 and is_there(find_file(file.parent, path)):
            return [path, *words[len(words) - numbers - 1 :]]
    numbers = sum(word.lstrip("-").isdecimal() for word in words[1:-1][-2:])
    return [" ".join(words[: len(words) - 1 - numbers]), *words[len(words) - 1 - numbers :]]


def _require_frames(file: Path, line: int, cells: Sequence[str]) -> None:
    """Check that a folder of frames has the number of images that a line tells."""
    path, count, _ = cells
    folder = find_file(file.parent, path)
    if not count.isdecimal():
        raise UserError(f"{file}: line {line} has '{count}' where the number of frames stands.", FORM)
    if is_there(folder) and folder.is_dir():
        try:
            found = len(frame_files(folder))
        except UnreadableVideo as error:
            raise UserError(f"{file}: line {line}: {error}.") from error
        if found != int(count):
            raise UserError(
                f"{file}: line {line} wants {count} frames of {path}, which has {found:,}.",
                "Folders of frames are used whole.",
            )


def _with_sides(table: Table, rows: Sequence[Listed]) -> list[Listed]:
    """Return rows with train, val or test as their split; raises UserError for empty texts and other words."""
    if empty := [f"line {row.line}" for row in rows if not (row.path and row.label and row.split)]:
        raise UserError(f"{table.file} lacks path, label or split in {len(empty):,} lines: {shorten(empty)}.", FORM)
    if wrong := [f"'{row.split}' in line {row.line}" for row in rows if row.split.casefold() not in SIDES]:
        raise UserError(
            f"{table.file} has a split other than train, val or test in {len(wrong):,} lines: {shorten(wrong)}.", FORM
        )
    return [row._replace(split=SIDES[row.split.casefold()]) for row in rows]


def refuse_lost(file: Path, lost: Sequence[str], total: int) -> None:
    """Raise UserError if listed clips are not there, naming the first and where they were looked for."""
    if not lost:
        return
    every = len(lost) == total
    far = all(Path(name).is_absolute() or name[1:3] in (":\\", ":/") for name in lost)
    folder = file.absolute().parent
    hint = f"Paths are relative to the folder of the list; {what_is_in(folder)}."
    if far:
        hint = "They are absolute paths, perhaps of another machine: write them relative to the list's folder. " + hint
    count = f"all {total:,} clips" if every and total > 1 else f"{len(lost):,} of {counted(total, 'clip')}"
    are = "is" if len(lost) == 1 else "are"
    raise UserError(f"{count} listed in {file} {are} not there: {shorten(lost)}.", hint)


def _number(label: str) -> float | None:
    try:
        value = float(label)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None
