"""Steps on a CUDA device, as one table: deterministic or not, and how fast.

python .ci/check_gpu.py [data.root=DIR ...]     prints one line and ends well where there is no such device

1 and 20 steps of ViT-B twice with deterministic algorithms, and 20 without: equal, or the tensors that are not and how
different they are, and what determinism costs.
Then 20 compiled bfloat16 steps of its fine-tuning and of its pre-training, with clips in memory and with the loader:
clips/s, and the share of the card's own peak, measured by a large product in the same run; and the operations that take
the device longest in a step as it stands. The clips are those of the embedded samples, small videos that are quickly
decoded, unless words of the user's name others.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import chain, cycle, islice, repeat
from pathlib import Path
from typing import Any

import torch
from torch.profiler import profile, supported_activities
from torch.utils.flop_counter import FlopCounterMode

from tta_bench import api
from tta_bench.data.loading import StepBatches
from tta_bench.engine.training import Training, seed_everything

STEPS = 20
WARM_UP = 5
LARGE = 8192
VIT = ("backbone=videomaev2_vit_b", "clip.size=224", "clip.frames=16", "train.steps=100", "precision=bf16")
FINE_TUNING = ("protocol=ucf101_ft", *VIT, "train.batch=32", "train.views=1", "runtime.micro_batch=32")
PRETRAINING = (
    *("protocol=tta_pretrain", *VIT, "train.batch=16", "train.views=2", "runtime.micro_batch=32"),
    *("train.mask.encoder=0.9", "train.mask.decoder=0.5"),
    *("train.decoder.width=384", "train.decoder.depth=4", "train.decoder.heads=6"),
)
KINDS = {"fine-tuning": FINE_TUNING, "pre-training": PRETRAINING}


def training_of(words: Sequence[str], work_dir: Path) -> Training:
    """Return the training of an experiment, as it starts, on its device."""
    (experiment,) = api.experiments(tuple(words), ())
    run: Any = api.start(experiment, work_dir, "missing")
    training: Training = run.training(run.build(run.prepared.micro_batch))
    training.step.train()
    return training


def items_of(training: Training, count: int, loaded: bool) -> Iterator[Any]:
    """Yield the parts of so many steps: as the loader gives them, or the first step's again and again."""
    order = StepBatches(len(training.clips), training.batch, 0, count, training.step.settings.seed)
    if loaded:
        return iter(training.loader(order))
    parts = len(training.own_parts())
    first = [*islice(iter(training.loader(StepBatches(len(training.clips), training.batch, 0, 1, 0))), parts)]
    return cycle(first)


def steps(training: Training, items: Iterator[Any], count: int) -> float:
    """Do optimisation steps and return their seconds."""
    parts, clips, device = training.own_parts(), training.batch * training.views, training.step.settings.machine.device
    wait(device)
    begun = time.perf_counter()
    for number in range(count):
        training.step.step = number
        training.optimizer.set_rate(1e-4)
        given = ((next(items), part.rows, part.places) for part in parts)
        training.step.train_parts(clips, given, len(parts), training.optimizer)
    wait(device)
    return time.perf_counter() - begun


def wait(device: torch.device) -> None:
    """Wait until a device has done what was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def twice(words: Sequence[str], count: int, work_dir: Path) -> tuple[str, float]:
    """Return whether the weights of two equal trainings are, in words, and the clips/s of the second."""
    weights: list[dict[str, torch.Tensor]] = []
    rate = 0.0
    for _ in range(2):
        training = training_of(words, work_dir)
        seed_everything(0)
        seconds = steps(training, items_of(training, count, loaded=False), count)
        rate = count * training.batch * training.views / seconds
        weights.append({name: value.detach().clone() for name, value in training.model.named_parameters()})
    one, other = weights
    apart = {name: float((value - other[name]).abs().max()) for name, value in one.items()}
    names = [name for name, difference in apart.items() if difference]
    said = f"{len(names)} of {len(apart)} tensors up to {max(apart.values()):.1e} apart, from {names[:1]} on"
    return said if names else "equal", rate


def longest(words: Sequence[str], work_dir: Path, count: int = 6) -> str:
    """Return the operations that take a device longest in a step, each with its share of the step."""
    training = training_of(words, work_dir)
    steps(training, items_of(training, WARM_UP, loaded=False), WARM_UP)
    with profile(activities=supported_activities()) as found:
        steps(training, items_of(training, 1, loaded=False), 1)
    on_gpu = training.step.settings.machine.device.type == "cuda"
    spent = {
        each.key: each.self_device_time_total if on_gpu else each.self_cpu_time_total for each in found.key_averages()
    }
    ranked = sorted((name for name in spent if name.startswith("aten::")), key=spent.__getitem__, reverse=True)
    total = sum(spent[name] for name in ranked)
    return ", ".join(f"{name.removeprefix('aten::')} {spent[name] / total:.0%}" for name in ranked[:count])


def measured(words: Sequence[str], count: int, loaded: bool, compiled: bool, work_dir: Path) -> tuple[float, float]:
    """Return the clips/s of a training, and the operations in a second that its products and convolutions are."""
    training = training_of(words, work_dir)
    with FlopCounterMode(display=False) as counter:
        steps(training, items_of(training, 1, loaded=False), 1)
    if compiled:
        training.model.compile(dynamic=False)
    steps(training, items_of(training, WARM_UP, loaded=False), min(count, WARM_UP))
    items = items_of(training, count + 1, loaded)
    items = chain([next(items)], items)  # loader processes start before the clock does
    seconds = steps(training, items, count)
    return count * training.batch * training.views / seconds, count * counter.get_total_flops() / seconds


def peak(device: torch.device, size: int = LARGE) -> float:
    """Return the operations in a second of a large bfloat16 product: the device's own peak, as measured."""
    a = torch.randn(size, size, device=device, dtype=torch.bfloat16)
    for _ in repeat(None, 5):
        a @ a
    wait(device)
    begun = time.perf_counter()
    for _ in repeat(None, 20):
        a @ a
    wait(device)
    return 20 * 2 * size**3 / (time.perf_counter() - begun)


def table(
    kinds: dict[str, tuple[str, ...]], device: torch.device, count: int, compiled: bool, size: int
) -> list[tuple[str, str, str]]:
    """Return the rows of the table: a description, a result, and clips/s.

    Args:
        kinds: Words of each training, by its name.
        device: The device that the words ask for.
        count: Steps that are measured.
        compiled: Whether the model is compiled.
        size: Rows of the matrix whose product is the measure of the peak.
    """
    rows, rates = [], []
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        first = next(iter(kinds))
        for wanted, number in (("true", 1), ("true", count), ("false", count)):
            said, rate = twice((*kinds[first], f"runtime.deterministic={wanted}"), number, here)
            rates.append(rate)
            name = "deterministic" if wanted == "true" else "not deterministic"
            rows.append((f"{first}, {number} steps twice, {name}", said, f"{rate:.1f}"))
        rows.append(("determinism costs", f"{rates[2] / rates[1] - 1:.0%} more time", ""))
        top = peak(device, size)
        for kind, words in kinds.items():
            for loaded in (False, True):
                rate, operations = measured(words, count, loaded, compiled, here)
                name = f"{kind}{', compiled' if compiled else ''}, {'with the loader' if loaded else 'clips in memory'}"
                rows.append((name, f"{operations / top:.0%} of the measured peak", f"{rate:.1f}"))
            rows.append((f"{kind}, longest operations", longest(words, here), ""))
    return [*rows, ("the measured peak of a bfloat16 product", f"{top / 1e12:.1f} TFLOPS", "")]


def main(words: Sequence[str]) -> None:
    """Measure and print the table."""
    if not torch.cuda.is_available():
        print("no CUDA device: nothing was measured.")
        return
    kinds = {name: (*asked, *words) for name, asked in KINDS.items()}
    rows = table(kinds, torch.device("cuda"), STEPS, compiled=True, size=LARGE)
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, ViT-B, bf16, 16 x 224 x 224\n")
    print("| what | result | clips/s |\n|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main(sys.argv[1:])
