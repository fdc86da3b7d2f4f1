"""Stored features: an NPY file for each content, and an index with a line for each; what was cut short is not read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tta_bench.utils.files import atomic_file, write_atomic
from tta_bench.utils.keyed_random import canonical_json

PASSING = "passing"
"""The note of values that are deleted once no run uses them (`passing`)."""


class Made(NamedTuple):
    """Result for a clip: the last dimension of its values, 0 where there are none, and its notes."""

    width: int
    notes: dict[str, int]


class FeatureStore:
    """The stored values of one extractor: an NPY file for each content, and an index with a line of notes for each.

    A line counts only while its file is there in full, so an interrupted write is never read.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any] | None = None) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        if identity is not None and not (folder / "identity.json").is_file():
            write_atomic(folder / "identity.json", canonical_json(identity).encode())
        self._index = folder / "index.jsonl"
        self._lines = dict[str, Made]()
        for content, made in self._read():
            kept = content in self._lines and not self.passes(content)
            self._lines[content] = _kept(made) if kept else made

    def __contains__(self, content: str) -> bool:
        return content in self._lines

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def passes(self, content: str) -> bool:
        """Return True if only runs that keep no features have made a content's values."""
        return PASSING in self._lines[content].notes

    def keep(self, content: str) -> None:
        """Let a content's values no longer pass."""
        self.add(content, _kept(self._lines[content]))

    def file(self, content: str) -> Path | None:
        """Return the file with a content's values, or None where there are none."""
        return feature_file(self.folder, content) if self._lines[content].width else None

    def width(self, content: str) -> int:
        """Return the last dimension of a content's values, 0 where there are none."""
        return self._lines[content].width

    def notes(self, content: str) -> dict[str, int]:
        """Return the notes about a content."""
        return self._lines[content].notes

    def write(self, content: str, values: NDArray[Any], passing: bool = False) -> None:
        """Write a content's values, whole or not at all, and add it.

        Args:
            content: Digest of what the values are of.
            values: The values.
            passing: The run keeps no features; values that another run has kept stay kept.
        """
        with atomic_file(feature_file(self.folder, content)) as file:
            np.save(file, values, allow_pickle=False)
        kept = not passing or (content in self and not self.passes(content))
        self.add(content, Made(values.shape[-1], {} if kept else {PASSING: 1}))

    def add(self, content: str, made: Made) -> int:
        """Add a content whose values, if any, were written, and return the size of their file in bytes."""
        size = feature_file(self.folder, content).stat().st_size if made.width else 0
        self._lines[content] = made
        with self._index.open("a", encoding="utf-8") as stream:
            stream.write(canonical_json([content, size, *made]) + "\n")
        return size

    def _read(self) -> Iterator[tuple[str, Made]]:
        for line in self._index.read_text(encoding="utf-8").splitlines() if self._index.exists() else ():
            try:
                content, size, width, notes = json.loads(line)
            except ValueError:
                continue  # an interrupted write; its clip is done again
            file = feature_file(self.folder, content)
            if not width or (file.exists() and file.stat().st_size == size):
                yield content, Made(width, notes)


def _kept(made: Made) -> Made:
    return made._replace(notes={name: count for name, count in made.notes.items() if name != PASSING})


def feature_file(folder: Path, content: str) -> Path:
    """Return the file of a content's values."""
    return folder / content[:2] / f"{content}.npy"
