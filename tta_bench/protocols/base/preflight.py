"""Preflight: one small training step, one checkpoint and one test, so that what would fail in hours fails now."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tta_bench.data.loading import train_loader
from tta_bench.data.media.disk_rate import Rate, cold_rate
from tta_bench.data.step_order import StepBatches
from tta_bench.engine.device import LEAST_MICRO_BATCH, MICRO_BATCH, OutOfMemory, memory_advice, smaller_micro_batch
from tta_bench.engine.memory import give_back, nothing_left
from tta_bench.engine.training import Training
from tta_bench.engine.world import ALONE, World
from tta_bench.errors import UserError
from tta_bench.models.checkpoints.read import read_outline
from tta_bench.protocols.base.room import loaders_bytes, measured, require_fit, require_fixed
from tta_bench.utils.files import temporary_path
from tta_bench.utils.progress import console


class Loading(NamedTuple):
    """Time that videos take to be loaded, beside that of the step."""

    workers: int
    """Loader processes."""
    load_seconds: float
    """Time that one process takes to load a video and augment its clips."""
    step_seconds: float
    """Time that a step takes for the clips of a video."""
    shared_bytes: int = 0
    """Bytes of the items that loader processes hold ready in shared memory."""
    disk: Rate | None = None
    """Rate at which the disk gives videos that are not in memory; None where it was not measured."""


@dataclass(frozen=True)
class Estimate:
    """Cost of one small step, one test and one checkpoint, for the plan."""

    seconds_per_training_clip: float
    seconds_per_test_video: float
    checkpoint_bytes: int
    free_bytes: int
    loading: Loading | None = None
    """Time to load; None where it was not measured."""


class Fitted(NamedTuple):
    """An estimate, and the micro-batch that fitted into memory."""

    estimate: Estimate
    micro_batch: int


def require_busy(clips: int, micro_batch: int, processes: int, key: str = MICRO_BATCH) -> None:
    """Refuse more processes than a step has parts for.

    Args:
        clips: Clips of a step.
        micro_batch: Clips of a part.
        processes: Number of processes.
        key: The key that gives the clips of a part; only ``runtime.micro_batch`` is advised, since another is locked.

    Raises:
        UserError: Some would have nothing to do; says which micro-batch keeps all busy.
    """
    parts = -(-clips // micro_batch)
    if parts >= processes:
        return
    least = clips // processes // 2 * 2
    ways = [f"{key}={least}"] * (least > 0 and key == MICRO_BATCH) + [f"runtime.devices={parts}"]
    raise UserError(
        f"a step of {clips} clips in micro-batches of {micro_batch} keeps {parts} "
        f"process{'' if parts == 1 else 'es'} busy, and there are {processes}.",
        f"Say {' or '.join(ways)}.",
    )


def fit_micro_batch(trial: Callable[[int], Estimate], micro_batch: int, shrinks: bool, world: World = ALONE) -> Fitted:
    """Try everything once with a micro-batch; one that does not fit into memory is halved until it does, everywhere.

    Args:
        trial: Tries everything once with a micro-batch, on a model that is thrown away.
        micro_batch: Clips on the device at once.
        shrinks: Whether the micro-batch may be halved.
        world: The processes, each of which tries by itself.

    Raises:
        BenchError: Whatever the trial raises, here or in another process.
    """
    while True:
        failure, estimate = None, None
        try:
            with memory_advice(micro_batch):
                estimate = nothing_left(partial(trial, micro_batch))
        except Exception as error:
            failure = error
            if isinstance(error, OutOfMemory):  # frames of it, and of the error before it, hold what did not fit
                error.__traceback__ = error.__context__ = None
        smaller = smaller_micro_batch(micro_batch)
        if world.most(isinstance(failure, OutOfMemory)) and shrinks and smaller < micro_batch:
            console.print(f"{micro_batch} clips at once do not fit into memory: {smaller} are tried", style="dim")
            micro_batch = smaller
            give_back()
            continue
        world.agree(failure)
        assert estimate is not None
        give_back()  # of the trial, whose memory a training would take beside it
        return Fitted(estimate, micro_batch)


def try_once(training: Training, smoke_test: Callable[[], None], folder: Path) -> Estimate:
    """Do one small step of learning rate 0, write a checkpoint and read it back, and test one clip.

    Args:
        training: The training, of a model that is thrown away afterwards.
        smoke_test: Tests one clip.
        folder: Folder for checkpoints; made if it is not there.

    Raises:
        UserError: The disk is too full for a checkpoint.
        BenchError: Whatever the step or the test raises.
    """
    folder.mkdir(parents=True, exist_ok=True)
    loading = _try_step(training)
    step_seconds = loading.step_seconds / training.views / training.world.size
    size = _try_checkpoint(training, folder) if training.world.is_first else 0
    begun = time.perf_counter()
    smoke_test()
    test_seconds = time.perf_counter() - begun
    return Estimate(step_seconds, test_seconds, size, shutil.disk_usage(folder).free, loading)


def _try_step(training: Training) -> Loading:
    """Do a step of learning rate 0 on one micro-batch and return what a video of it takes."""
    settings = training.step.settings
    training.optimizer.set_rate(0.0)
    require_fixed(training)
    training.step.train()
    if settings.micro_batch > LEAST_MICRO_BATCH:
        pair = next(iter(train_loader(training.clips, _order(training, LEAST_MICRO_BATCH), 0, pin=False)))
        require_fit(training, measured(training, pair), loaders_bytes(pair, training))
        del pair
    order = _order(training, settings.micro_batch)
    videos = order.batch
    training.clips[next(iter(order))[0]]  # the first one pays for what is set up once
    begun = time.perf_counter()
    batch = next(iter(train_loader(training.clips, order, 0, pin=False)))
    load_seconds = (time.perf_counter() - begun) / videos
    shared = loaders_bytes(batch, training)
    begun = time.perf_counter()
    training.step.train_step(batch, training.optimizer)
    step_seconds = (time.perf_counter() - begun) / videos
    return Loading(settings.machine.workers, load_seconds, step_seconds, shared, _disk_rate(training, order))


def _disk_rate(training: Training, order: StepBatches) -> Rate | None:
    """Return the rate at which the disk gives the videos of a batch; None for clips that come from no video."""
    source = getattr(training.clips, "source", None)
    return None if source is None else cold_rate([source(index) for _, index in next(iter(order))])


def _order(training: Training, clips: int) -> StepBatches:
    """Return the order that gives one batch of so many clips, or a few more: whole videos, and pairs of clips."""
    videos = max(1, clips // training.views)
    videos = min(training.batch, videos + videos * training.views % 2)  # mixing needs pairs of clips
    return StepBatches(len(training.clips), videos, 0, 1, training.step.settings.seed)


def _try_checkpoint(training: Training, folder: Path) -> int:
    """Write a checkpoint, read it back, and return its size in bytes.

    Raises:
        UserError: There is no room for it. While one is replaced there are two.
    """
    model = sum(tensor.nbytes for tensor in training.model.state_dict().values())
    needed = 2 * (model + training.optimizer.state_bytes())
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"{free / 1e6:,.1f} MB are free where checkpoints go, and {needed / 1e6:,.1f} MB are needed.",
            "Make room, or choose another --work-dir.",
        )
    path = temporary_path(folder / "preflight.pt")  # other processes may try the same
    try:
        training.save(path, 0, {})
        read_outline(path)  # without the values, which would be held twice
        return path.stat().st_size
    finally:
        path.unlink(missing_ok=True)
