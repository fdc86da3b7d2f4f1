"""The pages of boards, records and backbones in a folder."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tta_bench.boards import escape
from tta_bench.boards.board import Board, Figure, Interval, Link
from tta_bench.boards.collect import Collected
from tta_bench.boards.export import reported
from tta_bench.boards.forest import picture
from tta_bench.boards.index import line_of
from tta_bench.boards.own_data import BoardKey
from tta_bench.boards.published import Published
from tta_bench.boards.rows import Entry
from tta_bench.boards.sections import make_board
from tta_bench.boards.sources import modality_of, paper_of
from tta_bench.boards.web.cost_pictures import cost_pictures
from tta_bench.boards.web.record_page import controls_by_run, record_values, title_of
from tta_bench.boards.web.tables import rows_of_name, sections_of
from tta_bench.records.store import file_stem
from tta_bench.utils.keyed_random import digest

HTML = Path(__file__).parent / "html"
"""Folder of templates, styles and scripts."""
ASSETS = ("site.css", "site.js")
_SUMMARY = ("title", "best", "score", "interval", "metric", "rows", "date")
_LONGEST = 80
"""Most characters of a file name."""


class WebBoard(NamedTuple):
    """A board with its records and its place on the site."""

    key: BoardKey
    board: Board
    entries: Mapping[str, Entry]
    """Its records by their link on it."""
    page: str
    """File name of its page."""
    forest: str
    """Picture of its scores and intervals; empty where there is nothing to draw."""


class Site:
    """Pages in a folder, written one after the other.

    Args:
        folder: Where they go.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written: list[Path] = []
        self._pages = pages()
        self._folders = set[Path]()

    def write(self, name: str, template: str, **values: Any) -> None:
        """Write one page.

        Args:
            name: Its file, seen from the site's folder.
            template: File of its template.
            values: Values of the template.
        """
        root = "../" * name.count("/")
        self.copy(name, self._pages.get_template(template).render(root=root, **values))

    def copy(self, name: str, content: str) -> None:
        """Write a file whose content is at hand."""
        path = self.folder / name
        if path.parent not in self._folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._folders.add(path.parent)
        path.write_bytes(content.encode())
        self.written.append(path)


def pages() -> Environment:
    """Return the templates of pages; whatever they print is escaped, and has no control characters."""
    found = Environment(
        loader=FileSystemLoader(HTML),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=_visible,
        auto_reload=False,
    )
    found.filters |= {"commands": _commands, "page": escape.address, "terms": _terms}
    return found


def write_site(collected: Collected, published: Mapping[str, Published], boards: Path, folder: Path) -> list[Path]:
    """Write the pages of all boards, their records and their backbones; return their files.

    Args:
        collected: The records of each board.
        published: Figures reported by others, by protocol.
        boards: The folder of boards from which links lead to records.
        folder: Folder of the pages.
    """
    site = Site(folder)
    empty: dict[BoardKey, list[Entry]] = {BoardKey(protocol, "full"): [] for protocol in published}
    keys = sorted(empty | collected.entries, key=lambda key: (not key.own, key.tier == "sample", key))
    web = [_web_board(key, (empty | collected.entries)[key], published) for key in keys]
    for asset in ASSETS:
        site.copy(f"assets/{asset}", (HTML / asset).read_text(encoding="utf-8"))
    nav = [(item.board.title, item.page) for item in web]
    site.write("index.html", "index.html", title="Leaderboards", nav=nav, boards=[_summary(site, item) for item in web])
    for item in web:
        _write_board(site, item, nav)
        _write_records(site, item, boards, nav)
    _write_backbones(site, web, nav)
    return site.written


def _web_board(key: BoardKey, entries: Sequence[Entry], published: Mapping[str, Published]) -> WebBoard:
    board = make_board(key, entries, reported(key, dict(published)))
    page = file_name("-".join(board.path.with_suffix("").parts))
    return WebBoard(key, board, {entry.link: entry for entry in entries}, page, picture(board))


def _summary(site: Site, item: WebBoard) -> dict[str, Any]:
    """Return a board's line on the first page, and write its picture."""
    if item.forest:
        site.copy(f"assets/{item.page}.svg", item.forest)
    words = zip(_SUMMARY, (cell.words for cell in line_of(item.board)), strict=True)
    return {"page": item.page, "picture": bool(item.forest), **dict(words)}


def _write_board(site: Site, item: WebBoard, nav: Sequence[tuple[str, str]]) -> None:
    def address(link: Link) -> str:
        entry = item.entries.get(link.address)
        return escape.address(link.address) if entry is None else escape.address(record_file(entry))

    pictures = []
    for name, words, drawn in cost_pictures(item.board, item.entries):
        site.copy(f"assets/{item.page}-{name}.svg", drawn)
        pictures.append((f"{item.page}-{name}.svg", words))
    backbones = {
        entry.record.identity.backbone: escape.address(f"backbones/{file_name(entry.record.identity.backbone)}.html")
        for entry in item.entries.values()
    }
    site.write(
        f"{item.page}.html",
        "board.html",
        title=item.board.title,
        nav=nav,
        notes=[note.words for note in item.board.notes],
        sections=list(sections_of(item.board, item.entries, address)),
        forest=f"{item.page}.svg" if item.forest else "",
        pictures=pictures,
        backbones=backbones,
    )


def _write_records(site: Site, item: WebBoard, boards: Path, nav: Sequence[tuple[str, str]]) -> None:
    controls = controls_by_run(item.entries.values())
    folder = boards / item.key.path.parent
    for link, entry in item.entries.items():
        site.write(
            record_file(entry),
            "record.html",
            nav=nav,
            board=(item.board.title, item.page),
            backbone=file_name(entry.record.identity.backbone),
            address=lambda other: escape.address(record_file(other)),
            **record_values(entry, folder / link, controls),
        )


def _write_backbones(site: Site, web: Sequence[WebBoard], nav: Sequence[tuple[str, str]]) -> None:
    """Write a page for each backbone, with its rows on all boards."""
    records: dict[str, list[Entry]] = defaultdict(list)
    for item in web:
        for entry in item.entries.values():
            records[entry.record.identity.backbone].append(entry)
    for name, entries in records.items():
        record = max((entry.record for entry in entries), key=lambda record: record.cost is not None)
        rows = [
            {"board": item.board.title, "page": item.page, "section": section, **_shown(cells)}
            for item in web
            for section, cells in rows_of_name(item.board, name)
        ]
        listed = [(title_of(entry.record), escape.address(record_file(entry))) for entry in entries]
        site.write(
            f"backbones/{file_name(name)}.html",
            "backbone.html",
            title=name,
            nav=nav,
            rows=rows,
            records=listed,
            record=record,
            modality=modality_of(record),
            papers=[(words, escape.address(page)) for words, page in paper_of(record)],
        )


def _shown(cells: Mapping[str, Any]) -> dict[str, str]:
    score = cells["score"]
    metric = score.metric if isinstance(score, (Figure, Interval)) else ""
    words = {key: cells[key].words if key in cells else "-" for key in ("rank", "score", "interval", "weights")}
    return {**words, "metric": metric}


@lru_cache(maxsize=10_000)
def record_file(entry: Entry) -> str:
    """Return the page of a record, seen from the site's folder; several pages lead to it."""
    return f"records/{file_name(file_stem(entry.record), 200)}.html"


def file_name(words: str, longest: int = _LONGEST) -> str:
    """Return a file name made of words from anywhere; changed ones end with a part of their digest.

    Args:
        words: The words.
        longest: Most characters.
    """
    kept = re.sub(r"[^A-Za-z0-9._+-]", "-", words)[:longest].lstrip(".") or "page"
    return kept if kept == words else f"{kept}-{digest(words)[:8]}"


def _visible(value: Any) -> Any:
    """Return a value without terminal sequences and control characters; escaping is the template's work."""
    if type(value) is not str or (value.isascii() and value.isprintable()):
        return value
    return "\n".join(map(escape.plain, value.split("\n")))


def _commands(words: str) -> Markup:
    """Return text whose parts between backticks are set as commands."""
    parts = escape.plain(words).split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else part for index, part in enumerate(parts)
    )


def _terms(words: Mapping[str, str]) -> str:
    """Return a list of names with their values, escaped; it is written here, since every record has four of them."""
    return f"<dl>\n{''.join(map(_term, words, words.values()))}</dl>\n"


@lru_cache(maxsize=1000)
def _term(name: str, value: str) -> str:
    """Return one name with its value, escaped; many records have the same one."""
    return Markup("<div><dt>{}</dt><dd>{}</dd></div>\n").format(_visible(name), _visible(value))
