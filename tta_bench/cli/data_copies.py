"""``tta-bench data attest`` and ``data compare``: a copy of a dataset in a file, and two copies side by side."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tta_bench.cli.options import load_plugins, plugin_option, work_dir_option
from tta_bench.utils.printable import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tta_bench.data.datasets.official import Pair
    from tta_bench.data.media.attested_files import AttestedClip

SHOWN = 20
"""Largest number of clips that are printed of each kind; ``--json`` prints all."""


@click.command("attest")
@click.argument("dataset")
@click.argument("words", nargs=-1, metavar="data.root=DIR")
@click.option("--into", type=click.Path(dir_okay=False, path_type=Path), help="File to write [DATASET.manifest].")
@click.option("--digests-only", is_flag=True, help="Leave the clips out: counts and digests of the splits are told.")
@work_dir_option
@plugin_option
def attest(
    dataset: str,
    words: tuple[str, ...],
    into: Path | None,
    digests_only: bool,
    work_dir: Path,
    plugins: tuple[Path, ...],
) -> None:
    """State what your copy of a dataset is, in a small file.

    It has no paths, and can be sent or committed. It holds, for each split and part, the count of clips and the digest
    of their ids and labels; for each split, the digest of the clips' bytes; and for each clip the sha256, frames, size
    and fingerprint. Every clip is decoded once.

    \b
    tta-bench data attest ucf101 data.root=/data/ucf101
    tta-bench data attest hume_reaction data.root=/data/hume --digests-only
    """
    from tta_bench.cards.catalog import dataset_card
    from tta_bench.cli.data import located
    from tta_bench.data.datasets.official import compare_split
    from tta_bench.data.media.attested import attested
    from tta_bench.data.media.attested_files import FOLDER, write_attested

    load_plugins(plugins)
    layout, root, workers = located(dataset, words)
    splits, lost = listed_pairs(layout), lost_clips(layout)
    manifest = attested(dataset, splits, attested_clips(layout, dataset, root, work_dir, workers))
    shown = manifest.model_copy(update={"clips": {}}) if digests_only else manifest
    file = into or Path(f"{dataset.replace('/', '-')}.manifest")
    write_attested(shown, file)
    card = dataset_card(dataset)
    for split, parts in splits.items():
        for part in compare_split(card, split, parts, lost.get(split, {}), several_places(layout, split)):
            known = "official" if part.agrees and part.sha256_expected else "not compared with a digest"
            click.echo(f"split {split}, {part}: {known if part.agrees else 'not as the card states'}")
            click.echo(f"  {part.part}: {{clips: {part.found}, sha256: {part.sha256}}}")
        click.echo(f"  contents {manifest.contents[split]}")
    click.echo(f"{file}: {counted(len(manifest.clips), 'clip')}, {'digests only' if digests_only else 'each told'}.")
    place = f"leaderboards/{FOLDER}/{dataset.replace('/', '-')}-YOURNAME.json"
    click.echo(
        f"To count towards the boards' copy, propose it as {place}{'' if digests_only else ', with --digests-only'}."
    )


@click.command("compare")
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print every clip as one JSON document.")
def compare(first: Path, second: Path, as_json: bool) -> None:
    """Say of each clip of two copies if it is the same.

    It has the same bytes, the same pictures, or is another; the exit code is 1 where any is another or in one copy
    only. The same pictures are those whose fingerprints differ in few bits, whatever they are encoded with.

    \b
    tta-bench data compare mine.manifest theirs.manifest
    """
    from tabulate import tabulate

    from tta_bench.data.media.attested import compare_copies
    from tta_bench.data.media.attested_files import read_attested
    from tta_bench.errors import CheckFailed, UserError
    from tta_bench.protocols.base.standing import printable

    one, other = read_attested(first), read_attested(second)
    if one.dataset != other.dataset:
        raise UserError(f"{first} is of {one.dataset}, and {second} of {other.dataset}.", "Copies of one are compared.")
    if not (one.clips and other.clips):
        told = first if not one.clips else second
        raise UserError(f"{told} has digests only, so its clips cannot be compared.", "Leave out --digests-only.")
    found = compare_copies(one, other)
    count = Counter(found.values())
    wrong = [id for id, likeness in found.items() if likeness not in ("same bytes", "same pictures")]
    if as_json:
        click.echo(json.dumps({"dataset": one.dataset, "counts": dict(count), "clips": found}, indent=2))
    else:
        click.echo(tabulate(sorted(count.items()), headers=["clips of the two copies", "number"], tablefmt="github"))
        for kind in ("same pictures", "other", "only in the first", "only in the second"):
            ids = [id for id, likeness in found.items() if likeness == kind]
            for id in ids[:SHOWN]:
                click.echo(f"  {kind}: {printable(id)}")
            if len(ids) > SHOWN:
                click.echo(f"  {kind}: and {len(ids) - SHOWN:,} more")
    if wrong:
        are = "is" if len(wrong) == 1 else "are"
        raise CheckFailed(f"{len(wrong):,} of {counted(len(found), 'clip')} {are} not the same in the two copies.")


def listed_pairs(layout: Any) -> dict[int, dict[str, list[Pair]]]:
    """Return the (id, label) pairs of every split and part of a copy: of the entries that have a file."""
    from tta_bench.data.datasets.corpus import Corpus
    from tta_bench.data.datasets.hume_reaction import HumeReaction
    from tta_bench.data.datasets.official import class_pairs, corpus_pairs, reaction_pairs

    if isinstance(layout, Corpus):
        return {1: {"train": corpus_pairs(clip for clip in layout.listing if clip.path.exists())}}
    if isinstance(layout, HumeReaction):
        return {1: {part: reaction_pairs(layout.part(part) if layout.ids(part) else ()) for part in layout.parts}}
    splits = {number: layout.split(number) for number in layout.splits}
    return {
        number: {part: class_pairs(split.there(part), layout.classes) for part in ("train", "test")}
        for number, split in splits.items()
    }


def lost_clips(layout: Any) -> dict[int, dict[str, list[str]]]:
    """Return the ids of listed clips without a file, by split and part."""
    from tta_bench.data.datasets.corpus import Corpus
    from tta_bench.data.datasets.hume_reaction import HumeReaction

    if isinstance(layout, Corpus):
        return {1: {"train": [clip.id for clip in layout.clips() if not clip.path.exists()]}}
    if isinstance(layout, HumeReaction):
        found = {part: {clip.id for clip in layout.part(part)} for part in layout.parts if layout.ids(part)}
        return {1: {part: [id for id in layout.ids(part) if id not in ids] for part, ids in found.items()}}
    splits = {number: layout.split(number) for number in layout.splits}
    return {
        number: {part: [sample.id for sample in samples] for part, samples in split.lost.items()}
        for number, split in splits.items()
    }


def several_places(layout: Any, split: int) -> Mapping[str, Mapping[str, str]]:
    """Return words on the clips of a split that are found at several places with different bytes, by part and id."""
    if hasattr(layout, "splits"):
        found: Mapping[str, Mapping[str, str]] = layout.split(split).several
        return found
    return getattr(layout, "several", {})


def attested_clips(layout: Any, dataset: str, root: Path, work_dir: Path, workers: int) -> dict[str, AttestedClip]:
    """Return every clip of a dataset after decoding it (remembered in the work folder)."""
    from tta_bench.data.datasets.corpus import Clip
    from tta_bench.data.datasets.hume_reaction import HumeReaction
    from tta_bench.data.media.attested_files import AttestedClip
    from tta_bench.data.media.file_hashes import reaction_contents
    from tta_bench.data.media.manifest import check_clips, manifest_file
    from tta_bench.utils.paths import cache_folder

    if isinstance(layout, HumeReaction):
        reactions = [clip for part in layout.parts if layout.ids(part) for clip in layout.part(part)]
        contents = reaction_contents(reactions, cache_folder() / "features" / "contents.json")
        seen = [Clip(clip.id, clip.video) for clip in reactions if clip.video is not None]
        manifest = check_clips(seen, manifest_file(work_dir, dataset, root), workers)
    else:
        manifest = check_clips(layout.videos(), manifest_file(work_dir, dataset, root), workers)
        contents = manifest.contents
    looks = {id: look._asdict() | {"frames": manifest.frames[id]} for id, look in manifest.looks.items()}
    return {id: AttestedClip(sha256=sha256, **looks.get(id, {})) for id, sha256 in contents.items()}
