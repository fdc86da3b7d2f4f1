"""The plan of a run as text: lines that every protocol which trains prints in the same words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tta_bench.engine.device import resolve_device
from tta_bench.engine.memory import SHARED_MEMORY, free_shared_memory
from tta_bench.engine.schedule import Plan
from tta_bench.experiments.common import RuntimeSettings
from tta_bench.metrics.paired import ALIKE, SHARES, design_effect, detectable_difference, group_size
from tta_bench.protocols.base.preflight import Estimate
from tta_bench.utils.faults import MORE_SHARED_MEMORY

WIDTH = 10
"""Characters of a line's name, spaces included."""
WAITS = 0.2
"""Share of the time that a device may wait for data without a word in the plan."""
FIXED_ORDER = (
    "fixed on the GPU: equal runs give equal bits, and steps are slower (python .ci/check_gpu.py measures by how much)"
)
MORE_WORKERS = "More cores help, with runtime.workers=N."
FASTER_DISK = "Say data.cache=DIR on a faster disk, or try `tta-bench data prepare --size 256`."
PREPARE = "Try `tta-bench data prepare --size 256`."


def plan_text(lines: Mapping[str, str]) -> str:
    """Return the named lines below each other, their texts aligned."""
    return "\n".join(f"{name:{WIDTH}}{text}" for name, text in lines.items())


def training_line(plan: Plan, batch: str, at_once: str, device: str) -> str:
    """Return the line on the optimisation steps.

    Args:
        plan: Number of steps, and of those in an epoch.
        batch: Contents of one step's batch, such as ``16 videos x 2 views``.
        at_once: Micro-batch, such as ``8 clips``.
        device: Name of the device.
    """
    epochs = plan.total / plan.per_epoch
    return f"{plan.total:,} steps ({epochs:.1f} epochs) of {batch}, {at_once} at once on {device}"


def detectable_line(groups: Sequence[str]) -> str:
    """Return the line on the difference of two models that the test list can show, with its groups' design effect."""
    size, n = group_size(np.array(groups)), len(groups)
    low, high = (100 * detectable_difference(n, SHARES[0], effect=design_effect(size, alike)) for alike in ALIKE)
    if size == n:
        return "no difference can be shown: all test clips are of one group"
    return (
        f"{low:.1f} to {high:.1f} points between two models that disagree on {SHARES[0]:.0%} of the clips (power .8; "
        f"{len(set(groups)):,} groups); the luck of training comes on top"
    )


def disk_line(estimate: Estimate) -> str:
    """Return the line on a checkpoint's size and the free disk space."""
    return f"{estimate.checkpoint_bytes / 1e9:.2g} GB for a checkpoint, {estimate.free_bytes / 1e9:,.0f} GB free"


def time_line(estimate: Estimate, training_clips: int, tested: tuple[int, str] | None = None) -> str:
    """Return the line on the estimated time, an upper bound: the first step is the slowest.

    Args:
        estimate: Measured times of the preflight.
        training_clips: Clips in all steps, augmented views counted.
        tested: Number of tested samples and the word for one, where the run tests.
    """
    minutes = f"{training_clips * estimate.seconds_per_training_clip / 60:,.1f} min"
    if tested is None:
        return f"at most {minutes}, by the first step; later ones are quicker"
    samples, word = tested
    testing = f"{samples * estimate.seconds_per_test_video / 60:,.1f} min of testing"
    return f"at most {minutes} of training and {testing}, by the first step and {word}; later ones are quicker"


def order_line(runtime: RuntimeSettings) -> dict[str, str]:
    """Return the named line on ``runtime.deterministic``, and its cost; empty where it was not asked for.

    Raises:
        UserError: The device is not here.
    """
    if not runtime.deterministic:
        return {}
    if resolve_device(runtime.device).type == "cpu":
        return {"order": "runtime.deterministic=true changes nothing on a CPU, which adds in a fixed order in any case"}
    return {"order": FIXED_ORDER}


def waiting_line(estimate: Estimate, way_out: str = MORE_WORKERS) -> dict[str, str]:
    """Return the named line on the device's waiting for data; empty where that is at most a fifth of the time.

    Args:
        estimate: Measured times of the preflight, of one process each.
        way_out: What the user may do about it.
    """
    loading = estimate.loading
    if loading is None or min(loading.load_seconds, loading.step_seconds) <= 0:
        return {}
    workers, load, step = loading[:3]
    delivered, taken = max(1, workers) / load, 1 / step
    share = max(0.0, 1 - delivered / taken) if workers else load / (load + step)
    disk = loading.disk
    if disk is not None and disk.files_per_second < min(delivered, (1 - WAITS) * taken):
        found = f"{disk.bytes_per_second / 1e6:,.1f} MB/s, {disk.files_per_second:,.1f} videos/s"
        waits = f"it will wait {1 - disk.files_per_second / taken:.0%} of the time in the first epoch"
        later = "and later too if memory does not hold the videos"
        return {
            "waiting": f"the disk reads {found}, and the device takes {taken:,.1f}: {waits}, {later}. {FASTER_DISK}"
        }
    if share <= WAITS:
        return {}
    who = f"{workers} worker{'s' * (workers > 1)}" if workers else "the main process"
    rates = f"deliver{'s' * (workers < 2)} {delivered:,.1f} videos/s, the device takes {taken:,.1f}"
    return {"waiting": f"{who} {rates}: it will wait {share:.0%} of the time. {way_out}"}


def shared_memory_line(estimate: Estimate) -> dict[str, str]:
    """Return the named line on shared memory that does not hold what loader processes have ready; empty where it does.

    Args:
        estimate: Measured sizes of the preflight.
    """
    loading, free = estimate.loading, free_shared_memory()
    if loading is None or free is None or loading.shared_bytes <= free:
        return {}
    held = (
        f"{loading.workers} loader process{'es' * (loading.workers > 1)} may hold {loading.shared_bytes / 1e6:,.0f} MB"
    )
    return {"memory": f"{held} in {SHARED_MEMORY}, where {free / 1e6:,.0f} MB are free. {MORE_SHARED_MEMORY}"}
