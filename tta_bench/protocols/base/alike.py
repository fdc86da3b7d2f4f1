"""A look, before the first step, whether the processes of a training are alike: its identity, packages and weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import nn

from tta_bench.engine.training_state import state_digest
from tta_bench.engine.world import World
from tta_bench.errors import UserError
from tta_bench.records.environment import PACKAGES, installed_version

SAME = "All processes need the same environment."


class Alike(NamedTuple):
    """The state of a process that all others must share."""

    training: str
    """Identity of the training."""
    packages: dict[str, str]
    """Version of each package that numbers may depend on."""
    weights: str
    """Digest of the weights that training starts from."""
    step: int
    """Step that it starts from."""


def require_alike(world: World, training: str, model: nn.Module, checkpoint: Mapping[str, Any] | None) -> None:
    """Compare the processes of a training; alone, nothing is done.

    Args:
        world: The processes.
        training: Identity of the training.
        model: The model as it starts.
        checkpoint: The checkpoint that it goes on from.

    Raises:
        UserError: One differs from the first; says in what.
    """
    if world.size == 1:
        return
    state = model.state_dict() if checkpoint is None else checkpoint
    step = 0 if checkpoint is None else int(checkpoint["step"])
    versions = {name: installed for name in PACKAGES if (installed := installed_version(name))}
    compare(world.gather(Alike(training, versions, state_digest(state), step)))


def compare(told: list[Alike]) -> None:
    """Refuse processes that differ from the first.

    Raises:
        UserError: One does; says in what.
    """
    first = told[0]
    for rank, other in enumerate(told):
        names = sorted(first.packages.keys() | other.packages.keys())
        for name in names:
            theirs, ours = other.packages.get(name, "none"), first.packages.get(name, "none")
            if theirs != ours:
                raise UserError(f"rank {rank} differs from rank 0 in: {name} {theirs} ({ours}).", SAME)
        if other.training != first.training:
            raise UserError(f"rank {rank} differs from rank 0 in the identity of the training.", SAME)
        if (other.weights, other.step) != (first.weights, first.step):
            raise UserError(f"rank {rank} differs from rank 0 in the weights that training starts from.", SAME)
