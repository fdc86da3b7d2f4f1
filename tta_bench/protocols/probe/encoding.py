"""Encoding with a frozen backbone: the features of every clip, each encoded once, in the cache."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tta_bench.data.datasets.layout import Sample
from tta_bench.data.features import passing
from tta_bench.data.features.encoded import EncodedClips, Kind, WindowRule, encode_clips, missing, stored_clips
from tta_bench.data.features.store import FeatureStore
from tta_bench.data.media.file_hashes import content_digests
from tta_bench.errors import UserError
from tta_bench.protocols.probe.encoder import CLIPS_AT_ONCE, Encoder, EncodingSize
from tta_bench.utils.files import sweep
from tta_bench.utils.keyed_random import digest
from tta_bench.utils.paths import cache_folder
from tta_bench.utils.printable import counted
from tta_bench.utils.progress import console


@dataclass(frozen=True)
class Encoded:
    """Features of clips, and the work that they took."""

    clips: EncodedClips
    made: int
    """Clips that went through the backbone now."""


def encoding_folders(encoder: Encoder, rule: WindowRule, kinds: Sequence[Kind]) -> dict[Kind, Path]:
    """Return the folders of the cache's stores of a backbone's features, of each kind; nothing is made."""
    folder = cache_folder() / "features" / f"encoded-{digest(encoder.identity(rule))[:16]}"
    return {kind: folder / kind for kind in kinds}


def encoding_stores(encoder: Encoder, rule: WindowRule, kinds: Sequence[Kind]) -> dict[Kind, FeatureStore]:
    """Return the cache's stores of a backbone's features, of each kind."""
    identity = encoder.identity(rule)
    folders = encoding_folders(encoder, rule, kinds)
    return {kind: FeatureStore(folder, {**identity, "kind": kind}) for kind, folder in folders.items()}


def require_room(
    size: EncodingSize, todo: int, windows: int, kinds: Sequence[Kind], folder: Path | None = None
) -> None:
    """Check that the disk of a folder, by default the cache's, has room for the features of so many clips.

    Raises:
        UserError: It has not; says what would fit.
    """
    folder = folder or cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    needed = todo * sum(size.bytes(kind, windows) for kind in kinds)
    if needed > free:
        pooled = todo * size.bytes("pooled", windows)
        raise UserError(
            f"the {' and '.join(kinds)} features of {counted(todo, 'clip')} need {needed / 1e9:,.1f} GB of disk, and "
            f"{free / 1e9:,.1f} GB are free.",
            f"The linear and knn protocols need {pooled / 1e9:,.2f} GB. Or set TTA_BENCH_CACHE to a folder on a larger "
            "disk.",
        )


def encode_all(
    encoder: Encoder,
    rule: WindowRule,
    samples: Sequence[Sample],
    lengths: Mapping[str, int],
    kinds: Sequence[Kind],
    kept: bool,
) -> Encoded:
    """Return the features of samples; those that are in the cache are not made again, the others by all processes.

    Each process encodes whole batches of the list, and so the same batches whatever their number.

    The first process holds the stores: no other run deletes them before it releases them with `release_stores`.

    Args:
        encoder: The backbone.
        rule: The windows.
        samples: The clips, all of which can be decoded.
        lengths: Counted frames of each by id.
        kinds: Kinds of features.
        kept: Leave them in the cache for others; else only those that others have left stay.

    Raises:
        UserError: The disk has no room for them.
    """
    world = encoder.machine.world
    contents, todo = world.from_first(partial(_wanted, encoder, rule, samples, kinds, kept))
    share = world.shares(len(todo))[world.rank]
    if share:
        stores = encoding_stores(encoder, rule, kinds)

        def keep(sample: Sample, features: Mapping[Kind, NDArray[np.float16]]) -> None:
            for kind, store in stores.items():
                store.write(contents[sample.path], features[kind], not kept)

        def encode(clips: Tensor) -> dict[Kind, NDArray[np.float16]]:
            return encoder.encode(clips, kinds)

        machine, mine = encoder.machine, todo[share.start : share.stop]
        encode_clips(mine, rule, lengths, encode, keep, machine.workers, machine.pin, "encode")
    world.meet()
    stored, made = encoding_stores(encoder, rule, kinds), sum(map(len, todo))
    reused = len({contents[sample.path] for sample in samples}) - made
    console.print(
        f"encoded by {encoder.card.name}: {counted(made, 'clip')} now, {reused:,} before", style="dim", markup=False
    )
    return Encoded(stored_clips(samples, contents, stored), made)


def _wanted(
    encoder: Encoder, rule: WindowRule, samples: Sequence[Sample], kinds: Sequence[Kind], kept: bool
) -> tuple[dict[Path, str], list[list[Sample]]]:
    """Return the digest of each file, and the batches that are to be encoded, for which there is room on the disk."""
    sweep(cache_folder() / "features")
    contents = content_digests([sample.path for sample in samples], cache_folder() / "features" / "contents.json")
    for folder in encoding_folders(encoder, rule, kinds).values():
        passing.hold(folder)
    stores = encoding_stores(encoder, rule, kinds)
    if kept:
        for store in stores.values():
            passing.keep(store, {contents[sample.path] for sample in samples})
    todo = missing(samples, contents, stores, CLIPS_AT_ONCE[encoder.machine.device.type])
    if todo:
        for store in stores.values():
            sweep(store.folder, deep=True)
        require_room(encoder.size(), sum(map(len, todo)), rule.windows, kinds)
    return contents, todo


def release_stores(encoder: Encoder, rule: WindowRule, delete: bool) -> None:
    """Use the stores of a backbone's features no more, and delete what no run that keeps its features has made.

    Args:
        encoder: The backbone.
        rule: The windows.
        delete: Delete it, if no other process uses it.
    """
    for folder in encoding_folders(encoder, rule, ("tokens", "pooled")).values():
        passing.release(folder, delete)
