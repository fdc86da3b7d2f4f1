"""Cache of what was found out about a long video's frames: in memory, and in the cache folder by the file's state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from tta_bench.data.media.decode import decoder_version
from tta_bench.data.media.stat_cache import STAMP, file_stat
from tta_bench.utils.files import atomic_file
from tta_bench.utils.keyed_random import digest
from tta_bench.utils.paths import cache_folder

Arrays = Mapping[str, NDArray[np.int64]]
"""Whole numbers by name."""
REMEMBERED = 8
"""Long videos of which a process has the numbers in memory, at most 16 MB each."""

_remembered: dict[str, Arrays] = {}


def kept_numbers(kind: str, path: Path, length: int, make: Callable[[], Arrays | None]) -> Arrays | None:
    """Return numbers about a video that were made once for this state of its file, decoder and counted frames.

    Args:
        kind: Name of their folder in the cache.
        path: The file.
        length: Counted frames.
        make: Makes them; None where that cannot be done, which is not kept.

    Raises:
        OSError: The file is gone.
        Exception: Whatever ``make`` raises.
    """
    name = digest([str(path.resolve()), *file_stat(path)[:STAMP], decoder_version(), length])
    file = cache_folder() / kind / f"{name}.npz"
    key = f"{kind} {name}"
    found = _remembered.get(key) or _read(file, length)
    if found is None:
        found = make()
        if found is None:
            return None
        with suppress(OSError), atomic_file(file) as target:  # a folder that cannot be written costs time, no more
            np.savez(target, allow_pickle=False, length=np.array(length), **found)
    _remembered[key] = found
    while len(_remembered) > REMEMBERED:
        del _remembered[next(iter(_remembered))]
    return found


def _read(file: Path, length: int) -> Arrays | None:
    """Return the numbers that a file keeps; None where there are none, or none of so many frames."""
    try:
        with np.load(file, allow_pickle=False) as content:
            found = {name: content[name].astype(np.int64) for name in content.files}
    except (OSError, ValueError, EOFError, KeyError, BadZipFile):
        return None
    return found if found.pop("length", None) == length else None
