"""Cache of the embedded samples, and the table of their generators."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from tta_bench.data.synthetic.hmdb51 import generate_hmdb51_sample
from tta_bench.data.synthetic.hume_reaction import generate_reaction_sample, read_reaction_settings
from tta_bench.data.synthetic.tiktok_actions import generate_tiktok_actions_sample
from tta_bench.data.synthetic.ucf101 import generate_ucf101_sample, read_settings
from tta_bench.utils.files import sweep, temporary_path
from tta_bench.utils.keyed_random import digest


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
    processes may generate at once.

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
    if root.is_dir():
        return root
    cache.mkdir(parents=True, exist_ok=True)
    sweep(cache)
    scratch = temporary_path(root)
    scratch.mkdir()
    try:
        made = generator.write(scratch / root.name, sample)
        try:
            made.rename(root)
        except OSError:
            if not root.is_dir():  # else another process was first, with the same bytes
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return root
