"""Hume-Reaction: clips of people who watch a video, with self-reported intensities of seven emotions.

Published forms are read: the one file of ABAW5's challenge (Kollias et al., arXiv 2303.01498), the two files of MuSe
2022 (Christ et al., arXiv 2207.05691), and the file for each part of later challenges. Reading them opens no clip.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tta_bench.data.datasets.corpus import Clip
from tta_bench.data.datasets.find_clips import is_clip, names_in, same_name
from tta_bench.data.datasets.listed_ids import SOUND_SUFFIXES, near_ids, without_suffix
from tta_bench.data.datasets.places import search
from tta_bench.data.datasets.reaction_tables import id_column, part_column, part_lists, require_intensities
from tta_bench.data.media.decode import VIDEO_SUFFIXES
from tta_bench.errors import UserError, shorten, unknown
from tta_bench.registry import DATASETS
from tta_bench.utils.keyed_random import digest
from tta_bench.utils.tables import Table, bare, read_ids, read_numbers, read_table

EMOTIONS = ("Adoration", "Amusement", "Anxiety", "Disgust", "Empathic-Pain", "Fear", "Surprise")
"""The seven emotions in the order of the challenges' files."""

PARTS: Mapping[str, Sequence[str]] = {"train": ("Train",), "val": ("Val", "devel"), "test": ("Test",)}
"""Names of the parts in the published files; case is ignored."""

HUME_TREE = """Expected either, as ABAW5 has it:
  {root}
  ├── data_info.csv       File_ID, Split, the emotions
  └── train, val, test
      ├── mp4             <id>.mp4
      └── wav             <id>.wav
or, as MuSe 2022 has it:
  {root}
  ├── labels.csv          File_ID, the emotions
  ├── partition.csv       id, partition
  └── feats               <features>/<id>.csv
or, as later challenges have it:
  {root}
  ├── train_split.csv     Filename, the emotions; the same in valid_split.csv, and Filename alone in test_split.csv
  └── raw                 <id>.mp4"""


@dataclass(frozen=True, slots=True)
class ListedReaction:
    """One clip of a reaction.

    Args:
        id: Its id, without brackets.
        video: The video file or folder of ready crops, where there is one.
        audio: The sound file, or the video that has the sound.
        targets: The intensities from 0 to 1, in the dataset's order; None where they are not published.
        group: The subject, where the dataset says it.
    """

    id: str
    video: Path | None
    audio: Path | None
    targets: tuple[float, ...] | None
    group: str | None


@dataclass(frozen=True, slots=True)
class _Row:
    """A clip's entry in the tables."""

    part: str
    targets: tuple[float, ...] | None
    group: str | None


@DATASETS.register_module()
class HumeReaction:
    """Hume-Reaction in a published form, or another dataset of intensities in one of these forms.

    Columns are found by name, ids are read with or without square brackets, and rows may come in any order. Ready crops
    in ``frames/<id>`` stand before the video. Only a part that is asked for needs its clips.

    Args:
        root: The folder that holds ``data_info.csv``, or ``labels.csv`` and ``partition.csv``, or ``train_split.csv``
            and ``valid_split.csv``.
        targets: Names of the columns of intensities, which give the order of `ListedReaction.targets`.
        id_style: Form of an id in a file for the challenge, with ``{id}`` in its place.
        parts: Names of train, val and test in the files.
        subject: Name of the column that tells the subject, which need not be there.
        optional: Other columns that may be there.

    Raises:
        UserError: Files are missing or wrong; gives counts and examples.
    """

    def __init__(
        self,
        root: Path,
        targets: Sequence[str] = EMOTIONS,
        id_style: str = "[{id}]",
        parts: Mapping[str, Sequence[str]] = PARTS,
        subject: str = "Subject",
        optional: Sequence[str] = ("Age", "Country"),
    ) -> None:
        nested = root / "c2_muse_reaction"
        self.root = nested if nested.is_dir() and not (root / "data_info.csv").is_file() else root
        self.targets = tuple(targets)
        self.id_style, self.parts, self._subject, self._optional = id_style, parts, subject, tuple(optional)
        self.several: dict[str, dict[str, str]] = {}  # words on clips at several places, of the parts that were found
        if (self.root / "data_info.csv").is_file():
            self._rows = self._read_abaw5(read_table(self.root / "data_info.csv"))
        elif (self.root / "labels.csv").is_file() and (self.root / "partition.csv").is_file():
            labels, partition = (read_table(self.root / name) for name in ("labels.csv", "partition.csv"))
            self._rows = self._read_muse(labels, partition)
        elif lists := part_lists(self.root, parts):
            self._rows = self._read_lists(lists)
        else:
            present = shorten(names_in(root)) or "nothing" if root.is_dir() else "no such folder"
            raise UserError(f"there is no Hume-Reaction in {root} (found: {present}).", HUME_TREE.format(root=root))

    def ids(self, part: str) -> tuple[str, ...]:
        """Return the sorted ids of train, val or test."""
        if part not in self.parts:
            raise unknown("part", part, self.parts)
        return tuple(sorted(id for id, row in self._rows.items() if row.part == part))

    def listed(self, part: str) -> list[ListedReaction]:
        """Return the clips of train, val or test from the tables alone, sorted by id, without their files."""
        rows = {id: self._rows[id] for id in self.ids(part)}
        return [ListedReaction(id, None, None, row.targets, row.group) for id, row in rows.items()]

    def part(self, part: str) -> list[ListedReaction]:
        """Return the clips of train, val or test that have a file, sorted by id.

        Raises:
            UserError: There is no such part, it has no clips, or none of them has a file, or ids that were read as
                numbers have none.
        """
        ids = self.ids(part)
        if not ids:
            raise UserError(
                f"{self.root} lists no clips of the part {part}, known there as {' or '.join(self.parts[part])}."
            )
        videos, sounds, ready = self._media(part, ids)
        lost = [id for id in ids if id not in (videos or sounds) and id not in ready]
        suffix = ".mp4" if videos or not sounds else ".wav"
        if lost and (videos or sounds or not (ready or (self.root / "feats").is_dir())):
            near = near_ids(lost, self._stems(part))
            if near or len(lost) == len(ids):
                raise UserError(
                    f"{len(lost):,} of {len(ids):,} clips of the part {part} have no file below {self.root}: "
                    f"{shorten([id + suffix for id in lost])}.{near}",
                    HUME_TREE.format(root=self.root),
                )
            ids = tuple(id for id in ids if id not in set(lost))
        videos = videos | ready
        return [
            ListedReaction(id, videos.get(id), sounds.get(id), self._rows[id].targets, self._rows[id].group)
            for id in ids
        ]

    def videos(self) -> list[Clip]:
        """Return the video of every clip of the parts that are there, or its sound where it has none."""
        listed = [clip for part in self.parts if self.ids(part) for clip in self.part(part)]
        files = [(clip.id, clip.video or clip.audio) for clip in listed]
        return [Clip(id, path) for id, path in files if path is not None]

    def identity(self) -> str:
        """Return a sha256 over the targets' names and each clip's id, part, intensities and subject."""
        rows = [[id, row.part, row.targets, row.group] for id, row in sorted(self._rows.items())]
        return digest([self.targets, rows])

    def written_id(self, id: str) -> str:
        """Return an id as a file for the challenge writes it."""
        return self.id_style.replace("{id}", id)

    def features(self, name: str, ids: Iterable[str]) -> dict[str, Path | None]:
        """Return each clip's file in the folder ``feats/<name>`` of ready features, CSV or NPY; None where it has none.

        Raises:
            UserError: There is no such folder, or it has a file for none of the clips.
        """
        base = self.root / "feats"
        folder = base / name
        if not folder.is_dir():
            raise unknown(f"folder of features in {base}", name, names_in(base))
        files = _by_stem([folder], frozenset((".csv", ".npy")))
        features = {id: files.get(id) for id in ids}
        if not any(features.values()):
            wanted, there = shorten([f"{id}.csv" for id in features], 3), shorten(names_in(folder), 3) or "nothing"
            raise UserError(
                f"{folder} has a file for none of {len(features):,} clips.", f"Wanted: {wanted}. There: {there}."
            )
        return features

    def _read_abaw5(self, table: Table) -> dict[str, _Row]:
        """Return the entry of each id in ``data_info.csv``."""
        column = require_intensities(table, self.targets, (*self._optional, self._subject), ["Split"])
        ids = read_ids(table, column)
        parts = self._part_names(table.column("Split"), ids, table.file)
        targets = read_numbers(table, ids, self.targets, (id for id in ids if parts[id] == "test"))
        groups = self._groups(table, ids)
        return {id: _Row(parts[id], targets[id], groups[id]) for id in ids}

    def _read_muse(self, labels: Table, partition: Table) -> dict[str, _Row]:
        """Return the entry of each id in ``labels.csv`` and ``partition.csv``; test clips may be in the second only."""
        labelled = read_ids(labels, require_intensities(labels, self.targets, (*self._optional, self._subject)))
        ids = read_ids(partition, id_column(partition, labelled))
        words = [name for part in self.parts for name in (part, *self.parts[part])]
        parts = self._part_names(partition.column(part_column(partition, words)), ids, partition.file)
        if strange := [id for id in labelled if id not in parts]:
            raise UserError(f"{partition.file} lacks {len(strange):,} ids of {labels.file.name}: {shorten(strange)}.")
        known = set(labelled)
        if missing := [id for id in ids if id not in known and parts[id] != "test"]:
            raise UserError(f"{labels.file} lacks {len(missing):,} ids of {partition.file.name}: {shorten(missing)}.")
        targets = read_numbers(labels, labelled, self.targets, (id for id in labelled if parts[id] == "test"))
        told = self._groups(labels, labelled) if labels.find(self._subject) else {}
        groups = self._groups(partition, ids) | told
        return {id: _Row(parts[id], targets.get(id), groups[id]) for id in ids}

    def _read_lists(self, lists: Mapping[str, Path]) -> dict[str, _Row]:
        """Return the entry of each id in the list of each part; that of test may have ids alone."""
        rows: dict[str, _Row] = {}
        for part, file in lists.items():
            table = read_table(file)
            bare_ids = part == "test" and not any(map(table.find, self.targets))
            column = require_intensities(table, () if bare_ids else self.targets, (*self._optional, self._subject))
            ids = read_ids(table, column)
            known = set(map(without_suffix, rows))
            if again := [id for id in ids if without_suffix(id) in known]:
                raise UserError(f"{file} has {len(again):,} ids that are in another part's list: {shorten(again)}.")
            free = ids if part == "test" else ()
            targets = {} if bare_ids else read_numbers(table, ids, self.targets, free)
            groups = self._groups(table, ids)
            rows |= {id: _Row(part, targets.get(id), groups[id]) for id in ids}
        return rows

    def _part_names(self, texts: Sequence[str], ids: Sequence[str], file: Path) -> dict[str, str]:
        """Return train, val or test for each id; raises UserError for another word."""
        part_of = {name.casefold(): part for part in self.parts for name in (part, *self.parts[part])}
        if strange := Counter(text for text in texts if text.casefold() not in part_of):
            named = [f"'{text}' in {times:,} rows (first {ids[texts.index(text)]})" for text, times in strange.items()]
            raise UserError(f"{file} has unknown parts: {shorten(named)}.", f"Known: {', '.join(part_of)}.")
        return {id: part_of[text.casefold()] for id, text in zip(ids, texts, strict=True)}

    def _groups(self, table: Table, ids: Sequence[str]) -> dict[str, str | None]:
        """Return the subject of each id, where the table has that column; raises UserError for gaps in it."""
        if table.find(self._subject) is None:
            return dict.fromkeys(ids)
        groups = dict(zip(ids, map(bare, table.column(self._subject)), strict=True))
        if empty := [id for id, group in groups.items() if not group]:
            raise UserError(f"{table.file} tells no {self._subject} for {len(empty):,} clips: {shorten(empty)}.")
        return {**groups}

    def _media(self, part: str, ids: Sequence[str]) -> tuple[dict[str, Path], dict[str, Path], dict[str, Path]]:
        """Return videos, sounds and folders of ready crops by id, first from where the published folders have them."""
        homes = self._homes(part)
        crops = {name: self.root / "frames" / name for name in names_in(self.root / "frames")}
        ready = {name: folder for name, folder in crops.items() if is_clip(folder)}  # not an empty one, of no face
        videos = _by_stem([home / "mp4" for home in homes], VIDEO_SUFFIXES)
        sounds = _by_stem([self.root / "audio", *(home / "wav" for home in homes)], SOUND_SUFFIXES)
        for id in ids:  # an id may have a suffix
            for found in (videos, sounds, ready):
                if id not in found and without_suffix(id) in found:
                    found[id] = found[without_suffix(id)]
        lost = {same_name(without_suffix(id)): id for id in ids if id not in videos and id not in ready}
        homes_of = [home.name for home in homes]
        places = search(self.root, dict.fromkeys(lost, ("mp4", "raw", *homes_of)))
        videos |= {lost[stem]: path for stem, path in places.paths.items()}
        self.several[part] = {lost[stem]: words for stem, words in places.others.items()}
        return videos, {id: path for id, path in videos.items() if path.is_file()} | sounds, ready

    def _homes(self, part: str) -> list[Path]:
        """Return the folders in which the published forms have a part's files."""
        names = {name.casefold() for name in (part, *self.parts[part])}
        bases = (self.root, self.root / "raw")
        return [base / name for base in bases for name in names_in(base) if name.casefold() in names]

    def _stems(self, part: str) -> set[str]:
        """Return the names without suffix of all files that are there for a part."""
        folders = [self.root / "raw", *(home / kind for home in self._homes(part) for kind in ("mp4", "wav"))]
        return {Path(name).stem for folder in folders for name in names_in(folder)}


def _by_stem(folders: Sequence[Path], suffixes: frozenset[str]) -> dict[str, Path]:
    """Return the files with one of these suffixes in some folders, by their names without suffix."""
    paths = [folder / name for folder in folders for name in names_in(folder)]
    return {path.stem: path for path in paths if path.suffix.lower() in suffixes}
