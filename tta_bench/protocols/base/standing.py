"""Standing of a run's data: whether they are the official ones, by ids, labels and contents, and in words why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, Protocol

from tta_bench.cards.kinds import DatasetCard, Tier
from tta_bench.cards.protocol import ProtocolCard
from tta_bench.data.datasets.official import NAMED, SEVERAL, Pair, PartFound, compare_split
from tta_bench.data.media.attested_files import is_attested
from tta_bench.errors import shorten
from tta_bench.records.identity import Official, OfficialList
from tta_bench.utils.keyed_random import digest
from tta_bench.utils.progress import console

ATTEST = "`tta-bench data attest` states them"
WORDS = 2000
"""Largest number of characters that a record keeps of a text."""


@dataclass(frozen=True)
class Standing:
    """The data of a run beside the official ones.

    Args:
        official: The compared lists; None for samples, and for data that claim to be no protocol's own.
        differs: The difference from the official data, in words; None where there is none.
        contents: Digest of the clips' bytes; None for an embedded sample.
        note: Anything else that a reader must know of the data.
    """

    official: Official | None = None
    differs: str | None = None
    contents: str | None = None
    note: str | None = None

    def lines(self) -> dict[str, str]:
        """Return the plan's lines on the data."""
        lines: dict[str, str] = {}
        if self.official is not None:
            seen = f"; contents {self.official.contents}" if self.official.contents else ""
            lines["official"] = f"no: {self.differs}" if self.differs else f"yes, by {self.official.compared}{seen}"
        if self.note is not None:
            lines["warning"] = self.note
        return lines


UNKNOWN = Standing()
"""The standing of data that were not compared."""


def announce(standing: Standing) -> None:
    """Tell the user, before anything is spent, that data are not the official ones, or are trained and tested on."""
    if standing.differs is not None:
        console.print(f"not standard: {standing.differs}", style="yellow", markup=False, soft_wrap=True)
    if standing.note is not None:
        console.print(f"warning: {standing.note}", style="yellow", markup=False, soft_wrap=True)


def data_key(identity: str, standing: Standing) -> str:
    """Return the identity of data that a training depends on: that of their list, and that of their bytes if known."""
    return identity if standing.contents is None else digest([identity, standing.contents])


class Asked(Protocol):
    """A run or a scored file, as far as its data go."""

    @property
    def protocol(self) -> ProtocolCard:
        """Its protocol."""

    @property
    def dataset(self) -> DatasetCard:
        """Its dataset."""

    @property
    def tier(self) -> Tier:
        """Embedded sample or full dataset."""

    @property
    def split(self) -> int:
        """Number of its split."""


def standing_of(
    asked: Asked,
    parts: Mapping[str, Sequence[Pair]],
    contents: str | None = None,
    note: str | None = None,
    clips: int | None = None,
    lost: Mapping[str, Sequence[str]] = MappingProxyType({}),
    several: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
) -> Standing:
    """Return the standing of the lists that a run's clips are taken from.

    An embedded sample, and data that are not the protocol's own, are compared with nothing: the first is verified where
    it is made, the second claims nothing but its own lists, all of whose clips must be there.

    Args:
        asked: The run.
        parts: The whole lists by the name of their part, without the clips that have no file.
        contents: Digest of the clips' bytes.
        note: Anything else that a reader must know of the data.
        clips: Number of clips that these bytes are of; no copy is known by those of a part of the lists.
        lost: Ids of listed clips without a file, by the name of their part.
        several: Words on clips found at several places with different bytes, by the name of their part and by id.
    """
    whole = clips is None or clips == sum(map(len, parts.values()))
    if asked.tier != "full" or asked.dataset.name != asked.protocol.tier(asked.tier).dataset:
        return Standing(differs=_own_in_words(asked.dataset, parts, lost, several), contents=contents, note=note)
    found = compare_split(asked.dataset, asked.split, parts, lost, several)
    differing = [str(part) for part in found if not part.agrees]
    compared = _compared(found)
    return Standing(
        official=Official(
            compared=compared,
            parts={part.part: _as_record(part) for part in found},
            contents=_seen(asked, contents) if contents and whole else None,
        ),
        differs=_in_words(asked.dataset, differing, compared) if differing else None,
        contents=contents,
        note=note,
    )


def shared_bytes(train: Mapping[str, str], test: Mapping[str, str]) -> str | None:
    """Return a warning that counts and names the test clips with the bytes of a training clip; None if there is none.

    Args:
        train: Digest of each training clip's bytes by id.
        test: The same of the test clips.
    """
    trained = {sha256: id for id, sha256 in train.items()}
    same = [f"{id} (as {trained[sha256]})" for id, sha256 in sorted(test.items()) if sha256 in trained]
    if not same:
        return None
    return printable(f"{len(same):,} of {len(test):,} test clips have the bytes of a training clip: {shorten(same)}")


def printable(text: str) -> str:
    """Return a text as a record keeps it: with a question mark for what cannot be printed, and cut where it is long."""
    shown = "".join(sign if sign.isprintable() else "?" for sign in text)
    return shown if len(shown) <= WORDS else f"{shown[: WORDS - 3]}..."


def _seen(asked: Asked, contents: str) -> Literal["attested", "not seen before"]:
    """Return ``attested`` if an attested manifest has the same bytes."""
    return "attested" if is_attested(contents, asked.dataset.name, asked.split) else "not seen before"


def _compared(found: Sequence[PartFound]) -> Literal["ids and labels", "counts", "nothing"]:
    """Return the facts that were compared: the fewest that the card states of any part."""
    if any(part.expected is None for part in found):
        return "nothing"
    return "counts" if any(part.sha256_expected is None for part in found) else "ids and labels"


def _in_words(card: DatasetCard, differing: Sequence[str], compared: str) -> str:
    """Return the difference as a sentence without its end."""
    stated = {"nothing": f" ({card.official_source or ATTEST})", "counts": " (only counts are known)"}
    return printable(f"not the official {card.name}: {'; '.join(differing)}{stated.get(compared, '')}")


def _own_in_words(
    card: DatasetCard,
    parts: Mapping[str, Sequence[Pair]],
    lost: Mapping[str, Sequence[str]],
    several: Mapping[str, Mapping[str, str]],
) -> str | None:
    """Return the gaps and doubles of a copy of a user's own lists as a sentence without its end; None without any."""
    texts = [
        f"{len(ids):,} of {len(ids) + len(parts[part]):,} listed {part} clips have no file: {shorten(sorted(ids))}"
        for part, ids in lost.items()
        if ids
    ]
    texts += [
        f"{len(words):,} of {len(parts[part]):,} {part} clips {SEVERAL}: {shorten(list(words.values()), 3)}"
        for part, words in several.items()
        if words
    ]
    return printable(f"not all of {card.name}: {'; '.join(texts)}") if texts else None


def _as_record(part: PartFound) -> OfficialList:
    """Return a comparison as a record keeps it."""
    return OfficialList(
        expected=part.expected,
        found=part.found,
        sha256_expected=part.sha256_expected,
        sha256=part.sha256,
        missing=tuple(map(printable, part.missing[:NAMED])),
        others=tuple(map(printable, part.others[:NAMED])),
        relabelled=tuple(map(printable, part.relabelled[:NAMED])),
        doubled=tuple(map(printable, (*part.doubled, *part.several)[:NAMED])),
    )
