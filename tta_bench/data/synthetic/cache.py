"""Cache of the embedded samples, and the table of their generators."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from tta_bench.data.synthetic.hmdb51 import generate_hmdb51_sample
from tta_bench.data.synthetic.hume_reaction import generate_reaction_sample, read_reaction_settings
from tta_bench.data.synthetic.tiktok_actions import generate_tiktok_actions_sample
from tta_bench.data.synthetic.ucf101 import generate_ucf101_sample, read_settings
from tta_bench.errors import shorten
from tta_bench.utils.files import sha256_of, sweep, temporary_path
from tta_bench.utils.keyed_random import digest
from tta_bench.utils.progress import console

DIGESTS = ".digests.json"
"""File in a sample's folder that has the sha256 of each of its other files, written when it was made."""


class Generator(NamedTuple):
    """Generator of a sample: ``read`` makes its settings of plain values, ``write`` fills a new folder."""

    read: Callable[[Mapping[str, Any]], Any]
    write: Callable[[Path, Any], Path]


GENERATORS = {
    "UCF101": Generator(read_settings, generate_ucf101_sample),
    "HMDB51": Generator(read_settings, generate_hmdb51_sample),
    "HumeReaction": Generator(read_reaction_settings, generate_reaction_sample),
    "TikTokActions": Generator(read_settings, generate_tiktok_actions_sample),
}
"""Generators of samples, by the component that reads the layout."""


def sample_root(cache: Path, name: str, component: str, settings: Mapping[str, Any]) -> Path:
    """Return the folder of a dataset's sample, which is generated into the cache if it is not there.

    The folder is renamed into place when it is complete, so an interruption leaves nothing that looks whole, and two
    processes may generate at once. One whose files are not those that were made is named, and made again.

    Args:
        cache: Folder of all samples.
        name: The dataset's name.
        component: Name in the DATASETS registry of the layout that is wanted.
        settings: Fields of the generator's settings; the rest have their defaults.

    Raises:
        UserError: No sample can be made from these settings.
    """
    generator = GENERATORS[component]
    sample = generator.read(settings)
    root = cache / f"{name}-{digest(asdict(sample))[:12]}"
    changed = changed_files(root) if root.is_dir() else []
    if root.is_dir() and not changed:
        return root
    if changed:
        console.print(
            f"the sample in {root} is not as it was made, and is made again ({len(changed):,} files differ: "
            f"{shorten(changed)})",
            style="yellow",
            markup=False,
        )
    cache.mkdir(parents=True, exist_ok=True)
    sweep(cache)
    scratch = temporary_path(root)
    scratch.mkdir()
    try:
        made = generator.write(scratch / root.name, sample)
        (made / DIGESTS).write_text(json.dumps(file_digests(made), indent=0), encoding="utf-8")
        if changed:
            with suppress(FileNotFoundError):  # another process has put it aside
                root.rename(scratch / "changed")
        try:
            made.rename(root)
        except OSError:
            if not root.is_dir():  # else another process was first, with the same bytes
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return root


def file_digests(root: Path) -> dict[str, str]:
    """Return the sha256 of every file of a sample, by its path below the root."""
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and path != root / DIGESTS]
    return {path.relative_to(root).as_posix(): sha256_of(path) for path in files}


def changed_files(root: Path) -> list[str]:
    """Return the files of a sample that were changed, deleted or added since it was made, by their paths below it.

    Where nothing tells how the sample was made, the file that would tell it is the one that is named.
    """
    try:
        made = json.loads((root / DIGESTS).read_text(encoding="utf-8"))
        known = {str(name): str(sha256) for name, sha256 in made.items()}
    except (OSError, ValueError, AttributeError):
        return [DIGESTS]
    found = file_digests(root)
    return sorted(name for name in known.keys() | found.keys() if known.get(name) != found.get(name))
