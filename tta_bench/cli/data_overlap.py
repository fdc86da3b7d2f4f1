"""``tta-bench data overlap``: near-duplicate clips between two corpora, or within one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tta_bench.cli.documents import echo_json, json_option
from tta_bench.cli.options import load_plugins, plugin_option
from tta_bench.utils.printable import counted

if TYPE_CHECKING:
    from tta_bench.data.overlap.find import Overlap

LISTED = 20
"""Largest number of pairs that are printed; ``--json`` and ``--into`` give all."""


@click.command("overlap")
@click.argument("first")
@click.argument("arguments", nargs=-1, metavar="[SECOND] [KEY=VALUE...]")
@click.option("--split", type=click.IntRange(1), help="Compare the test list of this split of FIRST with its training.")
@click.option("--into", type=click.Path(dir_okay=False, path_type=Path), help="File for all pairs, as JSON.")
@plugin_option
@json_option("Print all pairs as one JSON document.")
def overlap(
    first: str,
    arguments: tuple[str, ...],
    split: int | None,
    into: Path | None,
    plugins: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Look for near-duplicates in two corpora, or within one.

    A corpus is a dataset's name, a folder of videos, or a list of them. Copies are found whatever they are encoded
    with, scaled, cropped at their borders by some 8 %, or begun some seconds later; mirrored ones are told apart.
    Pictures that show nothing, and sound, are not compared. A file that --into writes to overlaps/ among the boards
    makes them say how many test clips the pre-training data hold, and top-1 without these. `run` takes the file as
    data.overlap=FILE, and writes the number into its record.

    \b
    Two corpora, training list and test list, and within one folder:
    tta-bench data overlap /data/my_videos ucf101 data.roots.ucf101=/data/ucf101
    tta-bench data overlap ucf101 --split 1 data.root=/data/ucf101
    tta-bench data overlap /data/my_videos
    """
    from tta_bench.data.overlap.find import find_overlap
    from tta_bench.errors import UserError
    from tta_bench.records.overlap import list_digest

    load_plugins(plugins)
    words = tuple(word for word in arguments if "=" in word and not Path(word).exists())
    names = [word for word in arguments if word not in words]
    if len(names) > 1 or (names and split is not None):
        raise UserError("overlap is of one corpus or two, and --split of one.", "`tta-bench data overlap --help`.")
    one, workers = _videos(first, words, split, "train")
    other = _videos(first, words, split, "test")[0] if split else _videos(names[0], words)[0] if names else None
    found = find_overlap(one, other, workers)
    document = _document(found, first, names[0] if names else first) | {
        "lists_sha256": [list_digest(side) for side in (one, one if other is None else other)]
    }
    if into is not None:
        from tta_bench.utils.files import write_atomic

        write_atomic(into, (json.dumps(document, indent=2) + "\n").encode())
    if as_json:
        echo_json(document)
    else:
        click.echo("\n".join(_lines(found, other is None)))


def _videos(name: str, words: tuple[str, ...], split: int | None = None, part: str = "") -> tuple[dict[str, Path], int]:
    """Return the files of a corpus, or of a part of one of its splits, by their names; and the number of workers."""
    from tta_bench.cli.data import located

    dataset, given = name, [word.replace(f"data.roots.{name}=", "data.root=", 1) for word in words]
    given = [word for word in given if not word.startswith("data.roots.")]
    if Path(name).expanduser().exists():
        dataset = "videos"
        given = [f"data.root={name}", *(word for word in given if not word.startswith("data.root="))]
    layout, _, workers = located(dataset, tuple(given))
    if split is None:
        return {clip.id: clip.path for clip in layout.videos()}, workers
    return {sample.id: sample.path for sample in getattr(layout.split(split), part)}, workers


def _document(found: Overlap, first: str, second: str) -> dict[str, Any]:
    """Return an overlap as plain data; folders are named by their last part, so that no path of a machine is in."""
    names = [Path(name).name if Path(name).exists() else name for name in (first, second)]
    return {
        "corpora": names,
        "clips": list(found.clips),
        "pictures": list(found.pictures),
        "looked_at_closely": found.candidates,
        "overlapping": found.overlapping,
        "pairs": [pair._asdict() for pair in found.pairs],
        "not_decoded": sorted(found.broken),
        "seconds": found.seconds,
    }


def _lines(found: Overlap, within: bool) -> list[str]:
    from tta_bench.boards.escape import plain

    first, second = found.clips
    of = f"{counted(first, 'clip')} with each other" if within else f"{first:,} and {counted(second, 'clip')}"
    straight = [pair for pair in found.pairs if not pair.mirrored]
    turned = [pair for pair in found.pairs if pair.mirrored]
    lines = [f"{of}: {counted(len(straight), 'pair')} of near-duplicates, and {len(turned):,} mirrored"]
    if not within:
        lines.append(f"clips of the second that are in the first: {len(found.overlapping):,}")
    for pair in [*straight, *turned][:LISTED]:
        remark = ", mirrored" if pair.mirrored else ""
        lines.append(f"  {plain(pair.a)} = {plain(pair.b)} {pair.shift:+.2f} s{remark}, {pair.pictures} pictures agree")
    if len(found.pairs) > LISTED:
        lines.append(f"  and {len(found.pairs) - LISTED:,} more: --json lists all")
    if found.broken:
        lines.append(f"not looked at, for they cannot be decoded: {len(found.broken):,}")
    return lines
