"""Attested manifests as files: what somebody's copy of a dataset is, and the copy that most of them share.

Boards read these, so that nothing here needs a decoder.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, ValidationError

import tta_bench
from tta_bench.cards.kinds import OfficialPart
from tta_bench.cards.validation import Strict, explain
from tta_bench.errors import UserError
from tta_bench.utils.files import write_atomic
from tta_bench.utils.keyed_random import canonical_json

LARGEST = 256 * 2**20
"""Largest file that is read, in bytes."""

FOLDER = "manifests"
"""Folder of the attested manifests among the boards."""

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class AttestedClip(Strict):
    """One clip of a copy."""

    sha256: Digest
    """Digest of its bytes; of a folder of frames, of its images in order."""
    frames: int = Field(default=0, ge=0)
    """Frames that it decodes to; 0 where it has no pictures or cannot be read."""
    width: int = Field(default=0, ge=0)
    height: int = Field(default=0, ge=0)
    fingerprint: str = Field(default="", pattern="^([0-9a-f]{16})*$")
    """Perceptual hash of 8 frames."""


class AttestedManifest(Strict):
    """A copy of a dataset, as somebody has it."""

    format: Literal["tta-bench manifest 1"] = "tta-bench manifest 1"
    dataset: str = Field(pattern="^[A-Za-z0-9][A-Za-z0-9_./+:@-]*$", max_length=160)
    """Name of the dataset's card."""
    parts: dict[int, dict[str, OfficialPart]]
    """Clips, and digest of their ids and labels, by split and part."""
    contents: dict[int, Digest]
    """Digest of the bytes of all clips of a split, as records have it."""
    clips: dict[str, AttestedClip] = Field(default_factory=dict)
    """The clips by id; empty where only digests are told."""

    def text(self) -> str:
        """Return the canonical JSON of the copy, a line that ends."""
        return f"{canonical_json(self.model_dump(mode='json', exclude_defaults=False))}\n"


class Copy(NamedTuple):
    """The copy of a split that most attested manifests share."""

    contents_sha256: str
    """Digest of its bytes."""
    manifests: int
    """Manifests that share it."""
    of: int
    """Manifests of that split in all."""


def write_attested(manifest: AttestedManifest, file: Path) -> None:
    """Write a manifest whole or not at all."""
    write_atomic(file, manifest.text().encode())


def read_attested(file: Path) -> AttestedManifest:
    """Return a manifest from its file.

    Raises:
        UserError: The file cannot be read, is too large, or is no manifest; says why.
    """
    try:
        if file.stat().st_size > LARGEST:
            raise UserError(f"{file} has {file.stat().st_size:,} bytes, and a manifest has {LARGEST:,} at most.")
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is no JSON: {error}.", "`tta-bench data attest` writes a manifest.") from error
    try:
        return AttestedManifest.model_validate(content)
    except ValidationError as error:
        lines = explain(error).splitlines()
        raise UserError(f"{file} is no manifest: {lines[0][:300]}.", "`tta-bench data attest` writes one.") from None


def majority_copy(manifests: Iterable[AttestedManifest], dataset: str, split: int) -> Copy | None:
    """Return the copy of a split that most attested manifests share; None where none is, or two are shared by as many.

    No first submitter defines what the data are: one manifest alone is a majority of one, which `Copy.of` tells.

    Args:
        manifests: The attested manifests.
        dataset: Name of the dataset's card.
        split: Number of the split.
    """
    copies = [m.contents[split] for m in manifests if m.dataset == dataset and split in m.contents]
    most = Counter(copies).most_common(2)
    if not most or (len(most) > 1 and most[0][1] == most[1][1]):
        return None
    return Copy(most[0][0], most[0][1], len(copies))


def is_attested(contents_sha256: str, dataset: str, split: int) -> bool:
    """Return True if an attested manifest that the suite has is of a copy with these bytes."""
    known = (manifest for manifest in read_all(attested_folder()) if manifest.dataset == dataset)
    return any(manifest.contents.get(split) == contents_sha256 for manifest in known)


def attested_folder() -> Path:
    """Return the folder of the attested manifests, in the package or its checkout."""
    package = Path(tta_bench.__file__).parent
    shipped = package / "_leaderboards"
    return (shipped if shipped.is_dir() else package.parent / "leaderboards") / FOLDER


def read_all(folder: Path) -> list[AttestedManifest]:
    """Return the attested manifests in a folder, sorted by file name; none where there is no such folder.

    Raises:
        UserError: A file is no manifest.
    """
    return [read_attested(file) for file in sorted(folder.glob("*.json"))]
