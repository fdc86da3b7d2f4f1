"""Scaling studies in a report: the table, the sentences and the curves that a study has written into its folder."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tta_bench.errors import UserError

TABLE, FIGURES, PLOTS = "table.md", "study.json", "curve*.svg"
"""Files of a study's folder."""


class StudyPart(NamedTuple):
    """One judge's table of a study, as it is shown."""

    title: str
    before: tuple[str, ...]
    """Sentences above the table."""
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    after: tuple[str, ...]
    """Sentences below the table: of its intervals, the curve, and the smallest size that suffices."""


class StudyShown(NamedTuple):
    """A study as it is shown."""

    parts: tuple[StudyPart, ...]
    pictures: tuple[str, ...]
    """Its curves, in addresses that hold them."""


def work_folder(named: Iterable[str | Path]) -> Path:
    """Return the work folder that the studies among some names lie in; ``runs`` if no path is that of a study's folder.

    Args:
        named: Names and paths of studies, and of anything else.

    Raises:
        UserError: They lie in several.
    """
    found = sorted({Path(one).resolve().parent for one in named if (Path(one) / FIGURES).is_file()})
    if len(found) > 1:
        raise UserError(
            f"the studies lie in several work folders: {', '.join(map(str, found))}.",
            "Write a page for each, or say --work-dir.",
        )
    return found[0] if found else Path("runs")


def members(named: str | Path, work_dir: Path) -> list[str | Path]:
    """Return the names of the records of a study's points, or the name itself if that is no study's.

    Args:
        named: Name of a study's folder in the work folder, or the folder, or anything else.
        work_dir: Folder of the runs.
    """
    folder = next((place for place in (Path(named), work_dir / named) if (place / FIGURES).is_file()), None)
    return [named] if folder is None else list(_points(folder))


def studies_of(names: Collection[str], work_dir: Path) -> list[StudyShown]:
    """Return the studies of a work folder all of whose points are among some records.

    Args:
        names: Names of the records.
        work_dir: Folder of the runs.
    """
    found = []
    for file in sorted(work_dir.glob(f"*/{FIGURES}")):
        points = list(_points(file.parent))
        if points and set(points) <= set(names) and (file.parent / TABLE).is_file():
            pictures = sorted(file.parent.glob(PLOTS))
            text = (file.parent / TABLE).read_text(encoding="utf-8")
            found.append(StudyShown(tuple(read_table(text)), tuple(map(_address, pictures))))
    return found


def _points(folder: Path) -> Iterator[str]:
    """Yield the name of each point's record; nothing of a file that holds something else."""
    try:
        figures: Any = json.loads((folder / FIGURES).read_text(encoding="utf-8"))
        for study in [figures] if "points" in figures else figures.values():
            yield from (str(point["record"]) for point in study["points"])
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return


def read_table(text: str) -> Iterator[StudyPart]:
    """Yield the parts of a study's Markdown: a heading, sentences, one table, sentences.

    Args:
        text: Contents of its file.
    """
    for part in f"\n{text}".split("\n# ")[1:]:
        title, *lines = [line.strip() for line in part.splitlines() if line.strip()]
        rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines if line.startswith("|")]
        first = next((index for index, line in enumerate(lines) if line.startswith("|")), len(lines))
        sentences = [line for line in lines if not line.startswith("|")]
        yield StudyPart(title, tuple(lines[:first]), rows[0] if rows else (), tuple(rows[2:]), tuple(sentences[first:]))


def _address(file: Path) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(file.read_bytes()).decode()
