"""Where the time of a training step of ViT-B goes, as a table in Markdown.

python -m benchmarks.profile_step [fine-tune | pre-train]     TTA_BENCH_CLIPS clips in a step (1, 4)

PyTorch's profiler tells each operation's own time. It counts for the part of the step that the operation or the closest
one around it belongs to: a norm's or a product's by its name, all others by the function of the suite that called them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from typing import Any
from unittest import mock

import torch
from torch.profiler import ProfilerActivity, profile, record_function

from benchmarks import steps, test_pretrain_step
from tta_bench.engine import step as engine_step
from tta_bench.engine.optimizer import Optimizer
from tta_bench.engine.summing import GradientSum
from tta_bench.protocols.fine_tune import step as fine_tune_step
from tta_bench.protocols.pretrain import step as pretrain_step

PRODUCTS, ATTENTION, NORMS, GELU = "matrix products, with their biases", "attention", "norms", "GELU"
PIXELS, LOSS, SUM, NORM = (
    "pixels: choosing, normalising, erasing, mixing",
    "loss",
    "sum of gradients",
    "gradient's norm",
)
OPTIMIZER, REST = "optimizer", "the rest: residuals, stochastic depth, layout, autograd"

BY_NAME = {
    **dict.fromkeys(("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm"), PRODUCTS),
    **dict.fromkeys(("aten::mkldnn_convolution", "aten::convolution_backward"), PRODUCTS),
    "aten::_scaled_dot_product_flash_attention_for_cpu": ATTENTION,
    "aten::_scaled_dot_product_flash_attention_for_cpu_backward": ATTENTION,
    **dict.fromkeys(("aten::native_layer_norm", "aten::native_layer_norm_backward"), NORMS),
    **dict.fromkeys(("aten::gelu", "aten::gelu_backward"), GELU),
}
BY_FUNCTION: tuple[tuple[Any, str, str], ...] = (
    *((fine_tune_step, name, PIXELS) for name in ("chosen", "normalize", "erase", "mix_clips")),
    *((pretrain_step, name, PIXELS) for name in ("chosen", "cut_tubelets", "normalize_last", "normalized_targets")),
    (fine_tune_step, "mix_targets", LOSS),
    (fine_tune_step.F, "cross_entropy", LOSS),
    (pretrain_step, "squared_errors", LOSS),
    (GradientSum, "add", SUM),
    (GradientSum, "finish", SUM),
    (engine_step, "checked", NORM),
    (Optimizer, "step", OPTIMIZER),
)


@contextmanager
def named_parts() -> Iterator[None]:
    """Let the profiler see the suite's functions that parts of a step are told by."""
    with ExitStack() as stack:
        for owner, name, part in BY_FUNCTION:
            stack.enter_context(mock.patch.object(owner, name, _seen(getattr(owner, name), part)))
        yield


def times(step: Callable[[], object]) -> dict[str, float]:
    """Return the milliseconds of each part of a step, in the order of the table."""
    spent = dict.fromkeys((PRODUCTS, ATTENTION, NORMS, GELU, PIXELS, LOSS, SUM, NORM, OPTIMIZER, REST), 0.0)
    step()  # tables, and the optimizer's state
    with named_parts(), profile(activities=[ProfilerActivity.CPU]) as found:
        step()
    for event in found.events() or ():
        spent[_part(event)] += event.self_cpu_time_total / 1000
    return spent


def as_markdown(columns: Mapping[str, Mapping[str, float]]) -> str:
    """Return a table with a column for each step: the shares of its parts, and its whole time."""
    rows = [["part of the step", *columns], ["---", *("---:" for _ in columns)]]
    for part in next(iter(columns.values())):
        rows.append([part, *(f"{100 * spent[part] / sum(spent.values()):.1f} %" for spent in columns.values())])
    rows.append(["in all", *(f"{sum(spent.values()) / 1000:.1f} s" for spent in columns.values())])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _seen(function: Callable[..., object], part: str) -> Callable[..., object]:
    @wraps(function)
    def run(*arguments: object, **named: object) -> object:
        with record_function(part):
            return function(*arguments, **named)

    return run


def _part(event: Any) -> str:
    """Return the part of a step that an operation belongs to."""
    while event is not None:
        part = BY_NAME.get(event.name, event.name)
        if part in (PRODUCTS, ATTENTION, NORMS, GELU, PIXELS, LOSS, SUM, NORM, OPTIMIZER):
            return str(part)
        event = event.cpu_parent
    return REST


def main(kinds: list[str]) -> None:
    """Print the table of the wanted steps, of both if none is named."""
    columns = {}
    if "pre-train" not in kinds:
        columns[f"fine-tuning, {steps.CLIPS} clips"] = times(partial(steps.ours(), "fp32"))
    if "fine-tune" not in kinds:
        clips = torch.randint(0, 256, (test_pretrain_step.CLIPS, 16, 224, 224, 3), dtype=torch.uint8)
        columns[f"pre-training, {len(clips)} clips"] = times(partial(test_pretrain_step.our_step(clips), "fp32"))
    print(f"{torch.get_num_threads()} threads, float32\n")
    print(as_markdown(columns))


if __name__ == "__main__":
    main(sys.argv[1:])
