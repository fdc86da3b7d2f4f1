"""Layouts: the files, labels, groups and splits of a dataset on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from tta_bench.data.datasets.corpus import Clip
from tta_bench.errors import UserError, shorten, unknown
from tta_bench.utils.printable import counted


@dataclass(frozen=True, slots=True)
class Sample:
    """One clip: its id, its file or folder of frames, the index of its class, and the source that it was cut from."""

    id: str
    path: Path
    label: int
    group: str


@dataclass(frozen=True)
class Split:
    """The clips to train on and the clips to test on: those that have a file, each once."""

    train: tuple[Sample, ...]
    test: tuple[Sample, ...]
    lost: Mapping[str, tuple[Sample, ...]] = field(default_factory=dict)
    """Listed clips without a file, by ``train`` and ``test``; their path is where it should be."""
    again: Mapping[str, tuple[Sample, ...]] = field(default_factory=dict)
    """Further entries of clips that were named before, by ``train`` and ``test``."""
    several: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Words on clips found at several places with different bytes, by ``train`` and ``test`` and by id."""

    def there(self, side: str) -> tuple[Sample, ...]:
        """Return the entries of the list of ``train`` or ``test`` that have a file, with those named again."""
        return (*getattr(self, side), *self.again.get(side, ()))

    def listed(self, side: str) -> tuple[Sample, ...]:
        """Return the clips of ``train`` or ``test``, each once, whether they have a file or not."""
        return (*getattr(self, side), *self.lost.get(side, ()))


def listed_split(
    train: Sequence[Sample],
    test: Sequence[Sample],
    lost: Collection[Path],
    several: Mapping[Path, str] = MappingProxyType({}),
) -> Split:
    """Return a split of what two lists name: clips without a file, and further entries of a clip, are told apart.

    A clip of both lists is tested on and not trained on.

    Args:
        train: Entries of the training list.
        test: Entries of the test list.
        lost: Paths at which there is no file.
        several: Words on the clips at these paths, which are found at other places too with different bytes.
    """
    sides: dict[str, dict[str, list[Sample]]] = {kind: {"train": [], "test": []} for kind in ("once", "lost", "again")}
    seen: set[str] = set()
    for side, samples in (("test", test), ("train", train)):
        for sample in samples:
            kind = "lost" if sample.path in lost else "again" if sample.id in seen else "once"
            sides[kind][side].append(sample)
            if kind == "once":
                seen.add(sample.id)
    gone, again = ({side: tuple(few) for side, few in sides[kind].items() if few} for kind in ("lost", "again"))
    once = sides["once"]
    doubtful = {
        side: {sample.id: several[sample.path] for sample in few if sample.path in several}
        for side, few in once.items()
    }
    found = {side: words for side, words in doubtful.items() if words}
    return Split(tuple(once["train"]), tuple(once["test"]), gone, again, found)


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
                gone = sum(map(len, (*split.lost.values(), *split.again.values())))
                said = f": {gone:,} entries of its lists have no file or name a clip again" if gone else ""
                raise UserError(
                    f"split {number} has {counted(train, 'clip')} to train on and {test:,} to test on{said}."
                )
            count = Counter(sample.id for sample in (*split.train, *split.test))
            if twice := [name for name, times in count.items() if times > 1]:
                raise UserError(f"split {number} names {counted(len(twice), 'clip')} more than once: {shorten(twice)}.")

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
        """Return every listed video, once, those without a file too."""
        sides = [split.listed(side) for split in self._splits.values() for side in ("train", "test")]
        return list({sample.id: Clip(sample.id, sample.path) for side in sides for sample in side}.values())

    def holes(self) -> tuple[str, ...]:
        """Return notes on listed clips without a file, and on those that a list names again; none for a whole copy."""
        kinds = {
            "have no file": [split.lost for split in self._splits.values()],
            "are named again, and are taken once": [split.again for split in self._splits.values()],
        }
        notes = []
        for said, sides in kinds.items():
            ids = sorted({sample.id for side in sides for samples in side.values() for sample in samples})
            if ids:
                notes.append(f"{len(ids):,} of {len(self.videos()):,} listed clips {said}: {shorten(ids)}")
        return tuple(notes)
