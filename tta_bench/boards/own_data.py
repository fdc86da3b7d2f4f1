"""Places of records among boards: that of their protocol, or one of its own for each dataset of one's own."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from pathlib import PurePosixPath
from typing import NamedTuple

from tta_bench.boards.escape import plain
from tta_bench.boards.rows import Entry
from tta_bench.boards.variants import board_name
from tta_bench.cards.kinds import Tier
from tta_bench.errors import UserError
from tta_bench.experiments.common import OWN_LAYOUTS
from tta_bench.experiments.kinds import protocol_card
from tta_bench.records.schema import Record

FOLDER = "own"
"""Folder of the boards of one's own data, among the boards."""
_DIGITS = 8
"""Digits of a manifest's digest in a file name."""


class BoardKey(NamedTuple):
    """Place of a board."""

    protocol: str
    tier: Tier
    own: str = ""
    """Identity of one's own data; nothing for the protocol's."""
    name: str = ""
    """Their name, for a reader."""
    file: str = ""
    """The part of the file's name that says it."""

    @property
    def title(self) -> str:
        """Heading of the board."""
        if self.own:
            return f"{self.name}: {self.protocol} on one's own data"
        return f"{self.protocol}: {'embedded sample' if self.tier == 'sample' else 'leaderboard'}"

    @property
    def path(self) -> PurePosixPath:
        """Its Markdown file, seen from the folder of boards."""
        stem = self.protocol.replace("/", "-")
        if self.own:
            return PurePosixPath(FOLDER, f"{stem}__{self.file}.md")
        return PurePosixPath("sample" if self.tier == "sample" else "", f"{stem}.md")


def own_identity(record: Record) -> str:
    """Return the identity of the data of a record, if they are not its protocol's; else nothing.

    A card with fixed data is one dataset under its name; a layout is one for each manifest.
    """
    identity = record.identity
    if identity.dataset.name in _datasets_of(identity.protocol.name):
        return ""
    if identity.dataset.name not in OWN_LAYOUTS:
        return identity.dataset.name if _datasets_of(identity.protocol.name) else ""
    return f"{identity.dataset.name} {identity.dataset.manifest_sha256 or ''}"


@cache
def _datasets_of(protocol: str) -> frozenset[str]:
    """Return the datasets of a protocol's card; none where there is no such card."""
    try:
        card = protocol_card(protocol)
    except UserError:
        return frozenset()
    return frozenset({card.full.dataset, card.sample.dataset})


def sort_onto_boards(entries: Sequence[Entry]) -> dict[BoardKey, list[Entry]]:
    """Return the entries of each board.

    Scores from a file have no manifest: they stand with runs on the same samples. So does a run on a part of the data
    beside the runs on all of them, if their names are the same; it is set aside there.
    """
    places: dict[tuple[str, Tier, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        identity = entry.record.identity
        places[board_name(entry.record), identity.tier, own_identity(entry.record)].append(entry)
    joined: dict[tuple[str, Tier, str], list[Entry]] = defaultdict(list)
    for place, listed in sorted(places.items()):
        joined[_home(place, listed, places)] += listed
    return {_key(place, listed): listed for place, listed in joined.items()}


def _home(
    place: tuple[str, Tier, str], listed: Sequence[Entry], places: dict[tuple[str, Tier, str], list[Entry]]
) -> tuple[str, Tier, str]:
    """Return the place whose board holds the entries of a place: their own, or that of the whole data."""
    if not place[2] or any(entry.aside is None and entry.record.identity.dataset.manifest_sha256 for entry in listed):
        return place
    samples = {entry.samples for entry in listed if entry.samples is not None}
    for other, others in sorted(places.items()):
        if other == place or other[:2] != place[:2] or not any(entry.aside is None for entry in others):
            continue
        same_name = _name(others) == _name(listed) and all(entry.aside for entry in listed)
        if other[2] and (same_name or samples & {entry.samples for entry in others}):
            return other
    return place


def _key(place: tuple[str, Tier, str], listed: Sequence[Entry]) -> BoardKey:
    """Return the place of a board with its name; the file keeps its name when later runs give the data another."""
    protocol, tier, own = place
    if not own:
        return BoardKey(protocol, tier)
    first = min(listed, key=lambda entry: (entry.record.created, entry.link))
    slug = re.sub(r"[^A-Za-z0-9._+-]+", "-", _title(first.record))[:60].strip("-.") or "data"
    digits = own.partition(" ")[2][:_DIGITS]
    return BoardKey(protocol, tier, own, _name(listed), f"{slug}__{digits}" if digits else slug)


def _name(listed: Sequence[Entry]) -> str:
    """Return the name that the latest record gives the data."""
    return _title(max(listed, key=lambda entry: (entry.record.created, entry.link)).record)


def _title(record: Record) -> str:
    return plain(record.identity.dataset.title or record.identity.dataset.name)
