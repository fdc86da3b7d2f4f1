"""Exported features: an archive for each clip and a manifest, in a folder that others can read without this suite."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tta_bench.data.datasets.layout import Sample
from tta_bench.data.features.encoded import EncodedClips, Kind, WindowRule
from tta_bench.errors import UserError, shorten
from tta_bench.protocols.probe.encoding import Encoder
from tta_bench.utils.files import atomic_file, sha256_of, write_atomic
from tta_bench.utils.keyed_random import canonical_json

MANIFEST = "manifest.json"
"""The list of an export's clips, with everything that their features depend on."""


def archive(folder: Path, id: str) -> Path:
    """Return the file of a clip's features."""
    return folder / f"{id.replace(':', '_')}.npz"


def write_clip(folder: Path, id: str, features: Mapping[Kind, NDArray[np.float16]]) -> None:
    """Write a clip's features, an array ``(W, ...)`` of each kind, whole or not at all."""
    with atomic_file(archive(folder, id)) as file:
        np.savez(file, allow_pickle=False, **features)


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
    folder: Path, identity: Mapping[str, Any], contents: Mapping[str, str], broken: Mapping[str, str]
) -> None:
    """Write the manifest of an export.

    Args:
        folder: The export.
        identity: Everything that the features depend on.
        contents: Digest of each clip's video, by id.
        broken: The decoder's reason for each clip that has no features.
    """
    clips = {
        id: {
            "video_sha256": content,
            "file": archive(folder, id).relative_to(folder).as_posix(),
            "sha256": sha256_of(archive(folder, id)),
        }
        for id, content in sorted(contents.items())
    }
    text = json.dumps({"identity": identity, "clips": clips, "broken": broken}, indent=1, sort_keys=True)
    write_atomic(folder / MANIFEST, f"{text}\n".encode())


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
