"""The clips of a run that can be read: each is decoded once, and broken ones are named before anything is spent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tta_bench.data.media.manifest import ClipLike, Manifest, check_clips, manifest_file
from tta_bench.errors import UserError, shorten
from tta_bench.experiments.base import Experiment
from tta_bench.utils.keyed_random import digest
from tta_bench.utils.progress import console


def check_readable(clips: Sequence[ClipLike], dataset: str, root: Path, work_dir: Path, workers: int) -> Manifest:
    """Decode every clip once, and keep frame counts and errors in the work folder.

    Args:
        clips: The clips.
        dataset: Name of their dataset.
        root: Folder of their dataset.
        work_dir: Folder for the results.
        workers: Clips decoded at a time; 0 counts as 1.
    """
    manifest = check_clips(clips, manifest_file(work_dir, dataset, root), max(1, workers))
    if manifest.doubtful:
        named = shorten([f"{name} ({doubt})" for name, doubt in manifest.doubtful.items()], 3)
        console.print(
            f"{len(manifest.doubtful):,} of the {len(clips):,} clips may be damaged and are used up to there: {named} "
            "(`tta-bench data verify` lists them)",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )
    return manifest


def exclude_broken(
    clips: Sequence[ClipLike], manifest: Manifest, kind: str, *, allowed: float = 1.0, rule: str = "", hint: str = ""
) -> dict[str, str]:
    """Return the clips to be left out, by id, each with the decoder's reason; print their number and first names.

    Args:
        clips: The clips.
        manifest: Frame counts and errors of these clips, and perhaps of others.
        kind: The word for them, such as ``training clips``.
        allowed: Largest share of clips that may be broken.
        rule: Words on that limit, for the error.
        hint: The way out, for the error.

    Raises:
        UserError: More clips are broken than allowed; counts and names them.
    """
    broken = {clip.id: manifest.broken[clip.id] for clip in clips if clip.id in manifest.broken}
    if not broken:
        return broken
    named = shorten([f"{name} ({reason})" for name, reason in broken.items()])
    counted = f"{len(broken):,} of the {len(clips):,} {kind} cannot be read ({len(broken) / len(clips):.1%})"
    if len(broken) > allowed * len(clips):
        raise UserError(f"{counted}{rule}: {named}.", hint)
    console.print(f"{counted}; left out: {named}", style="yellow", markup=False)
    return broken


def generated(experiment: Experiment) -> bool:
    """Return True if the data are an embedded sample, whose generator is their identity."""
    return experiment.dataset.generator is not None


def generated_identity(experiment: Experiment) -> str | None:
    """Return the digest of an embedded sample's generator; None for real data, or where a limit leaves clips out."""
    card = experiment.dataset
    if card.generator is None or experiment.limit is not None:
        return None
    return digest([card.component, card.generator])
