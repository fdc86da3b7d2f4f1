"""Redaction of absolute paths, which records do without."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tta_bench.records.limits import plain

_ABSOLUTE_PATH = re.compile(
    r"""(?:(?<=^)|(?<=[\s=:,;'"(\[{<]))"""  # at the start of a word
    r"""(?:file:/|~[\w.-]*/|/(?=[\w.~-])|[A-Za-z]:[\\/]|\\\\)"""  # a root, a home, a drive or a share
    r"""[^\s'",;)\]}>]*"""
)

_BEGINNING = re.compile(r"""[\s=:,;'"(\[{<](?:file:/|~[\w.-]*/|/[\w.~-]|[A-Za-z]:[\\/])""")
"""Beginning of such a path in a JSON document without backslashes, in which each text stands in quotes."""


def without_paths(text: str) -> str:
    """Return a text as it may stand in a record: on one line, with ``<path>`` in place of every absolute path."""
    return _ABSOLUTE_PATH.sub("<path>", plain(" ".join(text.splitlines())))


def without_root(word: str) -> str:
    """Return a ``key=value`` word without its path: a data root is left out, a file keeps its name."""
    key, _, value = word.partition("=")
    if key.startswith("data.root"):
        return f"{key}=<data.root>"
    is_file = key in {"weights", "predictions", "labels", "data.overlap"} and "/" in value
    return f"{key}={plain(Path(value).name)}" if is_file else without_paths(word)


def given_words(words: Iterable[str]) -> tuple[str, ...]:
    """Return the words of a run as a record keeps them: without paths, and without the place of local copies."""
    return tuple(without_root(word) for word in words if not word.startswith("data.cache="))


def safe_name(name: str) -> str:
    """Return a file's name as a record may hold it."""
    return re.sub(r"[^A-Za-z0-9_.+:@-]", "-", name).lstrip("-_.+:@") or "unnamed"


def text_with_path(document: str) -> str | None:
    """Return the first text in a JSON document, keys included, that looks like an absolute path; None if none does."""
    if "\\" not in document and ("/" not in document or not _BEGINNING.search(document)):
        return None  # without a backslash every text stands there as it is, in quotes; few records have a slash
    texts = list(_texts(json.loads(document)))
    if not _ABSOLUTE_PATH.search("\n".join(texts)):  # a path ends at a line's end, and may begin after it
        return None
    return next((text for text in texts if _ABSOLUTE_PATH.search(text)), None)


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in [*value, *value.values()] if isinstance(value, dict) else value:
            yield from _texts(inner)
