"""Official clips of a dataset: the digest of a list's ids and labels, and what a list lacks of the official one.

The canonical form of a list is the JSON array of its [id, label] pairs, without spaces, keys sorted, not escaped to
ASCII (`tta_bench.utils.keyed_random.canonical_json`), sorted by the text of each pair; its digest is the sha256 of that
text in UTF-8. An id is the clip's own, without path or suffix; a label is the name of its class, a clip's hashtag or
null in a corpus, a list of intensities or null in a reaction dataset. So the digest depends on neither the order of a
list nor the place of its files.
"""

from __future__ import annotations

import lzma
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from tta_bench.cards.files import registry_folders
from tta_bench.cards.kinds import DatasetCard, OfficialPart
from tta_bench.data.datasets.corpus import Clip
from tta_bench.data.datasets.hume_reaction import ListedReaction
from tta_bench.data.datasets.layout import Sample
from tta_bench.errors import shorten
from tta_bench.utils.keyed_random import canonical_json, digest

Label = str | tuple[float, ...] | None
Pair = tuple[str, Label]
"""A clip's id and its label."""

NAMED = 20
"""Largest number of names that a record keeps of each kind."""
SEVERAL = "found at several places with different bytes"
"""Words on clips of which one of several is taken."""
SHOWN = 12
"""Characters of a digest in a text."""


def class_pairs(samples: Iterable[Sample], classes: Sequence[str]) -> list[Pair]:
    """Return each clip's id with the name of its class."""
    return [(sample.id, classes[sample.label]) for sample in samples]


def corpus_pairs(clips: Iterable[Clip]) -> list[Pair]:
    """Return each clip's id with its hashtag, if it has one."""
    return [(clip.id, clip.hashtag) for clip in clips]


def reaction_pairs(reactions: Iterable[ListedReaction]) -> list[Pair]:
    """Return each clip's id with its intensities, where they are published."""
    return [(reaction.id, reaction.targets) for reaction in reactions]


def pairs_digest(pairs: Iterable[Pair]) -> str:
    """Return the sha256 of a list's (id, label) pairs in canonical form, in any order."""
    return digest(sorted(([id, label] for id, label in pairs), key=canonical_json))


@dataclass(frozen=True)
class PartFound:
    """A list beside the official one.

    Args:
        part: Name of the part: train, val or test.
        expected: Official number of clips; None where the card states none.
        found: Clips of the list.
        sha256_expected: Official digest; None where the card states none.
        sha256: The list's digest.
        named: True if the official names are at hand, on which the next three fields rest.
        missing: Official clips that the list lacks; where no names are at hand, listed clips without a file.
        others: Clips of the list that are not official.
        relabelled: Official clips that have another label here.
        doubled: Clips that the list has more than once.
        several: Words on clips that are found at several places with different bytes.
    """

    part: str
    expected: int | None
    found: int
    sha256_expected: str | None
    sha256: str
    named: bool = False
    missing: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    relabelled: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    several: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """True if everything that the card states holds of the list, it states some, and each clip is there once."""
        whole = not (self.missing or self.doubled or self.several)
        return whole and self.found == self.expected and self.sha256_expected in (None, self.sha256)

    def __str__(self) -> str:
        """Return the comparison in words, e.g. ``3,771 of 3,783 official test clips; 12 missing: v_...``."""
        if self.expected is None:
            said = f"{self.found:,} {self.part} clips, of which the card states nothing"
        elif self.named or self.agrees:
            good = self.expected - len(self.missing) - len(self.relabelled)
            said = f"{good:,} of {self.expected:,} official {self.part} clips"
        else:
            said = f"{self.found:,} {self.part} clips, and {self.expected:,} are official"
        kinds = {"missing": self.missing, "not official": self.others}
        kinds |= {"with another label": self.relabelled, "named twice": self.doubled, SEVERAL: self.several}
        texts = [said, *(f"{len(names):,} {kind}: {shorten(names)}" for kind, names in kinds.items() if names)]
        if self.sha256_expected not in (None, self.sha256):
            texts.append(f"digest {self.sha256[:SHOWN]} where {self.sha256_expected[:SHOWN]} is official")
        return "; ".join(texts)


def compare_part(
    part: str,
    pairs: Sequence[Pair],
    official: OfficialPart | None,
    names: Mapping[str, Label] | None = None,
    lost: Sequence[str] = (),
    several: Mapping[str, str] = MappingProxyType({}),
) -> PartFound:
    """Return a list beside the official one.

    Args:
        part: Name of the part.
        pairs: The list.
        official: Count and digest on the card, if it has any.
        names: Label of each official clip, where the official names are at hand.
        lost: Listed clips without a file, which are not among the pairs.
        several: Words on clips that are found at several places with different bytes, by id.
    """
    places = tuple(f"{id}: {words}" for id, words in sorted(several.items()))
    sha256, stated = pairs_digest(pairs), official.sha256 if official else None
    known = (part, official.clips if official else None, len(pairs), stated, sha256)
    times = Counter(id for id, _ in pairs)
    doubled = tuple(sorted(id for id, count in times.items() if count > 1))
    if names is None or stated == sha256:
        return PartFound(*known, missing=tuple(sorted(lost)), doubled=doubled, several=places)
    found = dict(pairs)
    return PartFound(
        *known,
        named=True,
        missing=tuple(sorted(names.keys() - found.keys())),
        others=tuple(sorted(found.keys() - names.keys())),
        relabelled=tuple(sorted(id for id in found.keys() & names.keys() if found[id] != names[id])),
        doubled=doubled,
        several=places,
    )


def compare_split(
    card: DatasetCard,
    split: int,
    parts: Mapping[str, Sequence[Pair]],
    lost: Mapping[str, Sequence[str]],
    several: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
) -> list[PartFound]:
    """Return each list of a split beside the official one on the dataset's card.

    Args:
        card: The dataset.
        split: Number of the split.
        parts: Lists by the name of their part.
        lost: Ids of listed clips without a file, by part.
        several: Words on clips that are found at several places with different bytes, by part and id.
    """
    official, named = card.official.get(split, {}), official_names(card.name)
    stated = {str(part): value for part, value in official.items()}
    return [
        compare_part(part, pairs, stated.get(part), named.get((split, part)), lost.get(part, ()), several.get(part, {}))
        for part, pairs in parts.items()
    ]


@cache
def official_names(dataset: str) -> dict[tuple[int, str], dict[str, Label]]:
    """Return the label of each official clip by split and part; empty where the suite has no list of the names.

    The lists are ``names/<dataset>.tsv.xz`` beside the cards: a line for each clip, with its id, the name of its class,
    and a digit for each split (0 unused, 1 train, 2 test).
    """
    files = [folder / "datasets" / "names" / f"{dataset}.tsv.xz" for folder in registry_folders()]
    file = next((file for file in files if file.is_file()), None)
    named: dict[tuple[int, str], dict[str, Label]] = {}
    if file is None:
        return named
    for line in lzma.decompress(file.read_bytes()).decode().splitlines():
        id, label, flags = line.split("\t")
        for split, flag in enumerate(flags, start=1):
            if flag != "0":
                named.setdefault((split, "train" if flag == "1" else "test"), {})[id] = label
    return named
