"""Summaries of card files, read once: an index in the cache keeps them by path, with the file's size and times.

The index is data, and only saves reading: a file that has changed is read anew, and so is every file where the index
cannot be read. A card whose summary may be its base's is not in it.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tta_bench.cards.files import read_card_data
from tta_bench.cards.yaml_text import read_text
from tta_bench.utils.paths import cache_folder
from tta_bench.utils.printable import printable

SETTLED_SECONDS = 2.0
"""Age from which a file's time tells it from what is written next: a clock of files may tick only so often."""
Index = dict[str, list[Any]]
"""Size, time of the content, time of the entry and summary, by the path of a file."""


def summaries_of(files: Mapping[str, Path], group: str) -> dict[str, str]:
    """Return the summaries of a group's card files, by name; a file that the index knows is not opened.

    Args:
        files: Path of each card, by name.
        group: Group of the cards: ``backbones``, for instance.

    Raises:
        UserError: A file is no card.
    """
    index = _read(index_file(group))
    found, fresh = {}, Index()
    for name, path in files.items():
        state = _state(path)
        known = index.get(str(path))
        if state is not None and isinstance(known, list) and known[:3] == state and isinstance(known[-1], str):
            found[name] = printable(known[-1])
            continue
        found[name], is_own = summary_of(path, group)
        if is_own and state is not None and time.time_ns() - max(state[1:]) > SETTLED_SECONDS * 1e9:
            fresh[str(path)] = [*state, found[name]]
    if fresh:
        _write(index_file(group), {path: entry for path, entry in index.items() if Path(path).is_file()} | fresh)
    return found


def summary_of(path: Path, group: str) -> tuple[str, bool]:
    """Return a card's summary, and True where the file's own line says it, in plain text.

    The rest of such a file is not parsed, which is 20 times as quick.
    """
    line = re.search(r"^summary: ([^\s'\"|>&*!%@`\[{#][^#:]*)$", read_text(path), re.MULTILINE)
    if line:
        return printable(line[1].strip()), True
    return printable(str(read_card_data(path, group).get("summary", ""))), False


def index_file(group: str) -> Path:
    """Return the path of a group's index."""
    return cache_folder() / "cards" / f"{group}.json"


def _state(path: Path) -> list[int] | None:
    """Return size and times of a file, in nanoseconds, which change with it; None for one that cannot be asked."""
    try:
        state = path.stat()
    except OSError:
        return None
    return [state.st_size, state.st_mtime_ns, state.st_ctime_ns]


def _read(path: Path) -> Index:
    """Return an index; an empty one where there is none that can be read."""
    try:
        index = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return index if isinstance(index, dict) else {}


def _write(path: Path, index: Index) -> None:
    """Write an index, where the cache can be written to."""
    from tta_bench.utils.files import write_atomic

    with suppress(OSError):
        write_atomic(path, json.dumps(index).encode())
