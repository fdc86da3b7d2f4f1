"""Features that pass: those of runs that keep none, deleted when the last run that uses them ends, and no others.

A store's index says which features were made by such runs only; a file in its folder says which processes use it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from tta_bench.data.features.store import FeatureStore, feature_file
from tta_bench.utils.files import locked, sweep, temporary_path
from tta_bench.utils.processes import process_tag

_USE = "use"


def hold(folder: Path) -> None:
    """Let no other process delete what passes through a store, until this one releases it or ends.

    Args:
        folder: Folder of the store, which is made if need be; the one above it is where processes take turns.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.parent):
        folder.mkdir(exist_ok=True)
        if not any(folder.glob(f".{_USE}.{process_tag()}.*")):
            temporary_path(folder / _USE).touch()


def keep(store: FeatureStore, contents: Iterable[str]) -> None:
    """Keep features from now on that a run which keeps none has made, for one that keeps its own relies on them."""
    for content in contents:
        if content in store and store.passes(content):
            store.keep(content)


def release(folder: Path, delete: bool) -> None:
    """Use a store no more, and delete what passes through it, unless another process uses it still.

    Args:
        folder: Folder of the store; one that is not there has nothing.
        delete: Delete, or leave that to a run that keeps no features.
    """
    if not folder.is_dir():
        return
    gone = None
    with locked(folder.parent):
        for own in folder.glob(f".{_USE}.{process_tag()}.*"):
            own.unlink(missing_ok=True)
        sweep(folder)
        if delete and not any(folder.glob(f".{_USE}.*.tmp")):
            gone = _without_passing(folder)
    if gone is not None:
        shutil.rmtree(gone, ignore_errors=True)


def _without_passing(folder: Path) -> Path | None:
    """Delete what passes through a store; where nothing else is in it, move it aside and return where."""
    store = FeatureStore(folder)
    passing = [content for content in store if store.passes(content)]
    if passing and len(passing) < len(store):
        for content in passing:
            feature_file(folder, content).unlink(missing_ok=True)
    elif passing or not len(store):
        return folder.replace(temporary_path(folder.parent))
    return None
