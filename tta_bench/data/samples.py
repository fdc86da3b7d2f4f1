"""Where the embedded samples are kept, and which function makes which."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tta_bench.data.hmdb51_sample import generate_hmdb51_sample
from tta_bench.data.sample_videos import SampleSettings, generate_ucf101_sample, read_settings
from tta_bench.data.tiktok_actions_sample import generate_tiktok_actions_sample
from tta_bench.keys import digest

GENERATORS: dict[str, Callable[[Path, SampleSettings], Path]] = {
    "UCF101": generate_ucf101_sample,
    "HMDB51": generate_hmdb51_sample,
    "TikTokActions": generate_tiktok_actions_sample,
}
"""What writes a sample into a new folder, by the component that reads its layout."""


def sample_root(cache: Path, name: str, component: str, settings: Mapping[str, Any]) -> Path:
    """Return the folder with a dataset's sample, generating it into the cache if it is not there.

    The folder is renamed into place when it is complete, so what is broken off leaves nothing that looks whole, and two
    processes may ask at once.

    Args:
        cache: Folder of all samples.
        name: The dataset's name.
        component: Name in the DATASETS registry of the layout that is wanted.
        settings: Fields of `SampleSettings`; the rest have their defaults.

    Raises:
        UserError: No sample can be made from these settings.
    """
    sample = read_settings(settings)
    root = cache / f"{name}-{digest(asdict(sample))[:12]}"
    if root.is_dir():
        return root
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=f".{name}-") as scratch:
        made = GENERATORS[component](Path(scratch) / root.name, sample)
        try:
            made.rename(root)
        except OSError:
            if not root.is_dir():  # else another process was first, with the same bytes
                raise
    return root
