"""Exported features: an archive for each clip and a manifest, in a folder that others can read without this suite."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tta_bench.data.datasets.layout import Sample
from tta_bench.data.datasets.open import dataset_root, limited, open_dataset
from tta_bench.data.features.encoded import EncodedClips, Kind, WindowRule
from tta_bench.data.media.file_hashes import content_digests
from tta_bench.errors import UserError, shorten
from tta_bench.experiments.probe import FrozenExperiment
from tta_bench.protocols.base.readable import check_readable
from tta_bench.protocols.probe.encoder import Encoder
from tta_bench.protocols.probe.encoding import encode_all, release_stores, require_room
from tta_bench.utils.files import atomic_file, sha256_of, write_atomic
from tta_bench.utils.keyed_random import canonical_json
from tta_bench.utils.paths import cache_folder
from tta_bench.utils.progress import Bar

MANIFEST = "manifest.json"
"""The list of an export's clips, with everything that their features depend on."""


def archive(folder: Path, id: str) -> Path:
    """Return the file of a clip's features."""
    return folder / f"{id.replace(':', '_')}.npz"


def write_clip(folder: Path, id: str, features: Mapping[Kind, NDArray[np.float16]]) -> None:
    """Write a clip's features, an array ``(W, ...)`` of each kind, whole or not at all."""
    with atomic_file(archive(folder, id)) as file:
        np.savez(file, allow_pickle=False, **{str(kind): values for kind, values in features.items()})


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of an export; an empty one where there is none yet.

    Raises:
        UserError: It is no such file.
    """
    path = folder / MANIFEST
    if not path.exists():
        return {"identity": None, "clips": {}}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {"identity": content["identity"], "clips": dict(content["clips"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is no manifest of features: {error}.") from None


def write_manifest(
    folder: Path,
    identity: Mapping[str, Any],
    contents: Mapping[str, str],
    broken: Mapping[str, str],
    kinds: Sequence[Kind],
) -> None:
    """Write the manifest of an export.

    Args:
        folder: The export.
        identity: Everything that the features depend on.
        contents: Digest of each clip's video, by id.
        broken: The decoder's reason for each clip that has no features.
        kinds: Kinds of features in each archive.
    """
    clips = {
        id: {
            "video_sha256": content,
            "kinds": sorted(kinds),
            "file": archive(folder, id).relative_to(folder).as_posix(),
            "sha256": sha256_of(archive(folder, id)),
        }
        for id, content in sorted(contents.items())
    }
    text = json.dumps({"identity": identity, "clips": clips, "broken": broken}, indent=1, sort_keys=True)
    write_atomic(folder / MANIFEST, f"{text}\n".encode())


def export(
    experiment: FrozenExperiment, encoder: Encoder, kinds: Sequence[Kind], work_dir: Path, into: Path
) -> tuple[int, dict[str, str]]:
    """Encode every video of a dataset and write an export; return the number of videos, and the unreadable ones.

    Args:
        experiment: Says dataset, limit and windows.
        encoder: The backbone.
        kinds: Kinds of features.
        work_dir: Folder that remembers which videos can be decoded.
        into: Folder of the export.

    Raises:
        UserError: The folder holds another export, no video can be read, or the disk has no room.
    """
    rule = WindowRule(experiment.clip, experiment.encode.windows)
    identity = encoder.identity(rule)
    there = read_manifest(into)["identity"]
    if there is not None and canonical_json(there) != canonical_json(identity):
        raise UserError(
            f"{into} holds features of another backbone, other weights or windows.", "Choose another folder."
        )
    card, workers = experiment.dataset, encoder.machine.workers
    root = dataset_root(card, experiment.root)
    videos = limited(open_dataset(card, root).videos(), experiment.limit)
    manifest = check_readable(videos, card.name, root, work_dir, workers)
    samples = [Sample(clip.id, clip.path, 0, clip.id) for clip in videos if clip.id not in manifest.broken]
    if not samples:
        raise UserError(f"none of the {len(videos):,} videos can be read.")
    size = encoder.size()
    if "tokens" in kinds:
        encoder.require_tokens(size)
    encoded = encode_all(encoder, rule, samples, manifest.frames, kinds, experiment.features.keep)
    into.mkdir(parents=True, exist_ok=True)
    require_room(size, len(samples), rule.windows, kinds, into)
    contents = content_digests([sample.path for sample in samples], cache_folder() / "features" / "contents.json")
    known = read_manifest(into)["clips"]
    with Bar("export", len(samples), "clips") as bar:
        for sample in samples:
            if not _is_written(into, sample.id, contents[sample.path], known, kinds):
                write_clip(into, sample.id, {kind: encoded.clips.read(kind, sample.id) for kind in kinds})
            bar.advance()
    broken = {clip.id: manifest.broken[clip.id] for clip in videos if clip.id in manifest.broken}
    write_manifest(into, identity, {sample.id: contents[sample.path] for sample in samples}, broken, kinds)
    release_stores(encoder, rule, not experiment.features.keep)
    return len(samples), broken


def _is_written(folder: Path, id: str, content: str, known: Mapping[str, Any], kinds: Sequence[Kind]) -> bool:
    """Return True if a finished export has this clip, of this content and with these kinds of features."""
    entry = known.get(id)
    if entry is None or entry["video_sha256"] != content or not set(kinds) <= set(entry["kinds"]):
        return False
    path = archive(folder, id)
    return path.is_file() and sha256_of(path) == entry["sha256"]


def read_exported(
    folder: Path, encoder: Encoder, rule: WindowRule, samples: Sequence[Sample], kinds: Sequence[Kind]
) -> EncodedClips:
    """Return the exported features of samples.

    Raises:
        UserError: They are of another backbone, of other weights or windows, or some are not there.
    """
    manifest = read_manifest(folder)
    wanted = encoder.identity(rule)
    if manifest["identity"] is None:
        raise UserError(
            f"{folder} holds no {MANIFEST} of features.", "Make it with `tta-bench features ... --into DIR`."
        )
    if canonical_json(manifest["identity"]) != canonical_json(wanted):
        other = [name for name in wanted if manifest["identity"].get(name) != wanted[name]]
        raise UserError(f"{folder} holds features of something else: {', '.join(other) or 'other settings'} differ.")
    absent = [sample.id for sample in samples if sample.id not in manifest["clips"]]
    if absent:
        raise UserError(f"{folder} lacks the features of {len(absent):,} of {len(samples):,} clips: {shorten(absent)}.")
    found = EncodedClips({kind: {sample.id: archive(folder, sample.id) for sample in samples} for kind in kinds})
    found.read(kinds[0], samples[0].id)  # an export without this kind is refused now
    return found
