"""A claim on an experiment while it is at work: others wait, and what killed processes left is removed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tta_bench.engine.world import ALONE, World
from tta_bench.records.claims import Claims
from tta_bench.records.identity import Identity
from tta_bench.records.store import record_name
from tta_bench.utils.files import sweep


@contextmanager
def claimed(
    claims: Claims, work_dir: Path, identity: Identity, name: str, *trainings: Path, world: World = ALONE
) -> Iterator[None]:
    """Claim an experiment while the block runs, and remove what killed processes left; of several the first does.

    Args:
        claims: The claims of this process.
        work_dir: Folder of all runs.
        identity: Identity of the experiment.
        name: Name of the run and of its folder.
        trainings: Files that claim its trainings.
        world: The processes that share it.

    Raises:
        Claimed: Another process does it at this moment.
    """

    def add() -> None:
        sweep_folders(work_dir, work_dir / name)
        for path in (work_dir / "records" / f".{record_name(identity)}.claim", *trainings):
            claims.add(path, f"{name} is being trained")

    try:
        world.from_first(add)
        yield
    finally:
        claims.release()


def sweep_folders(work_dir: Path, folder: Path) -> None:
    """Remove what killed processes left in a work folder and in the folder of the training."""
    folders = ("", "records", "manifests", "leaderboards", "leaderboards/sample")
    sweep(folder, *(work_dir / name for name in folders))
