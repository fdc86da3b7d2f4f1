"""Layouts: the files, labels, groups and splits of a dataset on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tta_bench.data.datasets.corpus import Clip
from tta_bench.errors import UserError, shorten, unknown


@dataclass(frozen=True, slots=True)
class Sample:
    """One clip: its id, its file or folder of frames, the index of its class, and the source that it was cut from."""

    id: str
    path: Path
    label: int
    group: str


@dataclass(frozen=True)
class Split:
    """The clips to train on and the clips to test on."""

    train: tuple[Sample, ...]
    test: tuple[Sample, ...]


class Layout:
    """A dataset found on disk: its classes in the order of their labels, and its splits by number."""

    notes: tuple[str, ...] = ()
    """Words on how the files were read, for the user."""

    def __init__(self, classes: Iterable[str], splits: Mapping[int, Split]) -> None:
        self.classes = tuple(classes)
        self._splits = dict(splits)
        for number, split in splits.items():
            train, test = len(split.train), len(split.test)
            if not train or not test:
                raise UserError(f"split {number} has {train:,} clips to train on and {test:,} to test on.")
            count = Counter(sample.id for sample in (*split.train, *split.test))
            if twice := [name for name, times in count.items() if times > 1]:
                raise UserError(f"split {number} names {len(twice):,} clips more than once: {shorten(twice)}.")

    @property
    def splits(self) -> tuple[int, ...]:
        """Numbers of the splits, sorted."""
        return tuple(sorted(self._splits))

    def split(self, number: int) -> Split:
        """Return a split by its number; raises UserError for an unknown one."""
        if number not in self._splits:
            raise unknown("split", str(number), map(str, self.splits))
        return self._splits[number]

    def videos(self) -> list[Clip]:
        """Return every listed video, once."""
        sides = [side for split in self._splits.values() for side in (split.train, split.test)]
        return list({sample.id: Clip(sample.id, sample.path) for side in sides for sample in side}.values())
