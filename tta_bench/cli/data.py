"""``tta-bench data``: verify and prepare a dataset's videos, and state what a copy of it is."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tta_bench.cli.data_copies import attest, compare
from tta_bench.cli.data_overlap import overlap
from tta_bench.cli.data_shots import shots
from tta_bench.cli.documents import echo_json, json_option
from tta_bench.cli.options import load_plugins, plugin_option, work_dir_option
from tta_bench.utils.printable import counted

if TYPE_CHECKING:
    from tta_bench.data.datasets.corpus import Clip
    from tta_bench.data.media.verify import VideoProblems

LISTED = 20
"""Largest number of names that are printed for a kind of problem; ``--json`` prints all."""


@click.group("data")
def command() -> None:
    """Verify, prepare, compare and state a dataset's videos."""


command.add_command(attest)
command.add_command(compare)
command.add_command(shots)
command.add_command(overlap)


@command.command("verify")
@click.argument("dataset")
@click.argument("words", nargs=-1, metavar="data.root=DIR")
@click.option(
    "--min-frames", default=16, show_default=True, type=click.IntRange(1), help="Fewer frames than this are too short."
)
@work_dir_option
@plugin_option
@json_option("Print all problems as one JSON document.")
def verify(
    dataset: str, words: tuple[str, ...], min_frames: int, work_dir: Path, plugins: tuple[Path, ...], as_json: bool
) -> None:
    """Decode every video of a dataset, and list bad ones.

    Listed are broken, empty, duplicate (same bytes) and too short ones. Results are cached in the work folder: an
    interrupted check resumes, and `run` reuses it. Exits with 1 where a video has a problem.

    \b
    tta-bench data verify tiktok_actions data.root=/data/tiktok
    tta-bench data verify videos data.root=/data/list.txt --min-frames 64
    """
    from tta_bench.data.media.manifest import manifest_file
    from tta_bench.data.media.verify import check_videos
    from tta_bench.errors import CheckFailed

    load_plugins(plugins)
    videos, root, workers = open_videos(dataset, words)
    base = root.parent if root.is_file() else root
    problems = check_videos(videos, base, manifest_file(work_dir, dataset, root), workers, min_frames)
    if as_json:
        echo_json({"dataset": dataset} | asdict(problems))
    else:
        click.echo(f"{dataset}: {counted(problems.videos, 'video')} in {root}")
        for line in report(problems, min_frames):
            click.echo(line)
    if problems.count:
        has = "has" if problems.count == 1 else "have"
        raise CheckFailed(f"{problems.count:,} of {counted(problems.videos, 'video')} {has} problems.")


@command.command("prepare")
@click.argument("dataset")
@click.argument("words", nargs=-1, metavar="data.root=DIR")
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write to.")
@click.option("--size", type=click.IntRange(16, 4096), help="Write all again with this short side, for fast reading.")
@click.option(
    "--key-frames", type=click.IntRange(1, 1000), default=16, show_default=True, help="With --size: interval."
)
@plugin_option
def prepare(
    dataset: str, words: tuple[str, ...], into: Path, size: int | None, key_frames: int, plugins: tuple[Path, ...]
) -> None:
    """Keep the longest scene of each video, or write all smaller.

    Videos go to another folder. Scenes are found by PySceneDetect (pip install 'tta-bench[scenes]'). A video of one
    scene is copied unchanged; others are re-encoded, without sound. Lists are copied, so that the folder is a data
    root. Videos that are there already are skipped. Exits with 1 where videos could not be read.

    \b
    tta-bench data prepare tiktok_actions data.root=/data/a --into /data/b
    tta-bench data prepare tiktok_actions data.root=/data/b --size 256 --into c

    With --size every video is encoded again, without sound: the short side is at most that, and every 16th frame is a
    key frame, so that a training reads it several times faster. Frames are neither dropped nor added. How it was done
    stands in prepared.json of the new folder. An interrupted command goes on.
    """
    from tta_bench.data.media.reencode import Settings, reencode_videos
    from tta_bench.data.media.scenes import copy_lists, prepare_videos, require_scenedetect
    from tta_bench.errors import CheckFailed
    from tta_bench.utils.printable import ordinal

    if size is None:
        require_scenedetect()
    load_plugins(plugins)
    videos, root, workers = open_videos(dataset, words)
    base = root.parent if root.is_file() else root
    if size is None:
        done = prepare_videos(videos, base, into, workers)
        cut, whole, before = (done.counts[name] for name in ("cut", "whole", "before"))
        said, broken = f"{cut:,} cut to their longest scene, {whole:,} of one scene copied", done.broken
    else:
        written, before, broken = reencode_videos(videos, base, into, Settings(size, key_frames), workers)
        said = f"{written:,} written with a short side of {size} at most, every {ordinal(key_frames)} frame a key frame"
    copy_lists(base, into)
    click.echo(f"{into}: {said}, {before:,} done before")
    if broken:
        for line in listed("left out, unreadable", [f"{name}: {reason}" for name, reason in broken.items()]):
            click.echo(line)
        raise CheckFailed(f"{len(broken):,} of {counted(len(videos), 'video')} could not be read.")


def open_videos(name: str, words: tuple[str, ...]) -> tuple[list[Clip], Path, int]:
    """Return a dataset's videos, its folder or list, and the number of workers; raises UserError as `located` does."""
    layout, root, workers = located(name, words)
    return layout.videos(), root, workers


def located(name: str, words: tuple[str, ...]) -> tuple[Any, Path, int]:
    """Return a dataset's layout, its folder or list, and the number of workers.

    Raises:
        UserError: There is no such dataset, no folder is configured for it, or its layout is wrong.
    """
    from tta_bench.cards.catalog import dataset_card
    from tta_bench.config.overrides import parse
    from tta_bench.config.resolve import data_root
    from tta_bench.data.datasets.open import dataset_root, open_dataset
    from tta_bench.errors import UserError

    card = dataset_card(name)
    given = parse(words, ["data.root", "runtime.workers"])
    if card.generator is not None:
        root = dataset_root(card, None)
    elif (folder := given.get("data.root") or data_root(name, {})) is not None:
        root = Path(folder).expanduser()
    else:
        raise UserError(f"no data root is configured for {name}.", f"Say data.root=DIR. Expected there:\n{card.layout}")
    workers = given.get("runtime.workers", os.cpu_count() or 1)
    if not isinstance(workers, int) or workers < 1:
        raise UserError(f"runtime.workers must be a whole number of at least 1, not {workers!r}.")
    return open_dataset(card, root), root, workers


def report(problems: VideoProblems, least: int) -> list[str]:
    """Return the problems as lines of text."""
    from tta_bench.errors import shorten

    kinds = {
        "broken": [f"{name}: {reason}" for name, reason in problems.broken.items()],
        "empty": problems.empty,
        "the same bytes": [shorten(group) for group in problems.duplicates],
        f"shorter than {least} frames": [f"{name}: {frames}" for name, frames in problems.short.items()],
    }
    remarks = {
        "may be damaged (used up to there)": [f"{name}: {doubt}" for name, doubt in problems.doubtful.items()],
        "other files, by suffix": [f"{suffix or 'none'}: {count:,}" for suffix, count in problems.left_out.items()],
    }
    lines = [line for kind, names in kinds.items() if names for line in listed(kind, names)]
    lines = lines or [f"  all can be decoded, have {least} frames at least, and have no duplicates"]
    return lines + [line for kind, names in remarks.items() if names for line in listed(kind, names)]


def listed(kind: str, names: list[str]) -> list[str]:
    """Return lines with the first names of a kind of problem and the count of the rest."""
    more = [f"    and {len(names) - LISTED:,} more"] if len(names) > LISTED else []
    return [f"  {kind}: {len(names):,}", *(f"    {name}" for name in names[:LISTED]), *more]
