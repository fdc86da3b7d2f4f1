"""Rules of the contract for the start of a training: seeded initial weights, and a gradient that reaches them."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from tta_bench.contract.rules import Broken
from tta_bench.contract.subject import Subject
from tta_bench.registry import BACKBONES


def training(subject: Subject) -> str:
    """In training mode the output keeps its shape, and a gradient reaches the backbone's parameters through it."""
    module = subject.build(0).train()
    features = module(subject.clips[:2].clone())
    if not isinstance(features, Tensor):
        raise Broken(f"a {type(features).__name__} in training mode")
    if features.shape[1:] != subject.features.shape[1:]:
        raise Broken(f"{tuple(features.shape[1:])} in training mode, {tuple(subject.features.shape[1:])} in evaluation")
    if not features.requires_grad:
        raise Broken("no gradient: the output is detached, or made under torch.no_grad(), so nothing would be trained")
    loss: Tensor = features.float().square().mean()
    loss.backward()  # type: ignore[no-untyped-call]
    reached = sum(parameter.grad is not None for parameter in module.parameters())
    if not reached:
        raise Broken("no gradient reaches any parameter, so nothing would be trained")
    return f"reached {reached} parameter tensors"


def seeded_start(subject: Subject) -> str:
    """Initial weights follow from the seed alone, and another seed gives others."""
    if getattr(BACKBONES.get(subject.card.component), "func", None) is copy.deepcopy:
        return "a module with the weights that it has, given from Python"
    first = _parameters(subject.build(0))
    with _others_draws():
        again = _parameters(subject.build(0))
    if changed := _different(first, again):
        raise Broken(
            f"seed 0 gave other weights the second time ({changed}): they are drawn from NumPy, Python or the clock",
            "Draw from PyTorch's own generator, which the suite seeds.",
        )
    if first and not _different(first, _parameters(subject.build(1))):
        raise Broken(
            "seeds 0 and 1 give the same weights: they are read from a file, or drawn with a seed of the code's own",
            "Draw from PyTorch's own generator, which the suite seeds; give weights of a file by weights=FILE.",
        )
    return "the same twice for one seed, others for another"


START_RULES: tuple[Callable[[Subject], str], ...] = (training, seeded_start)
"""Rules that a run tries too."""


@contextmanager
def _others_draws() -> Iterator[None]:
    """Move NumPy's and Python's global generators on, and put them back at the end."""
    python, numpy = random.getstate(), np.random.get_state()
    random.random()  # noqa: S311
    np.random.random()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def _parameters(module: nn.Module) -> dict[str, Tensor]:
    return dict(module.named_parameters())


def _different(first: dict[str, Tensor], second: dict[str, Tensor]) -> str:
    """Return the name of the first parameter that differs, or nothing."""
    for name, parameter in first.items():
        if name not in second or not torch.equal(parameter.detach(), second[name].detach()):
            return name
    return ""
