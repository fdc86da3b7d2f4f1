"""Soundness of the values in a checkpoint: a file whose names and shapes fit can still hold another thing than weights.

Whole numbers are the codes of a quantised network, without the scales that make weights of them; the imaginary part of
a complex number would be dropped; and one infinite value makes every score undefined.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from tta_bench.errors import UserError, shorten


def check_values(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], source: str) -> None:
    """Refuse tensors whose values are no weights.

    Args:
        found: The tensors that would be loaded, by name.
        wanted: The network's own, by name; those that are whole numbers there (counters, indices) may be here. One that
            is not listed is a floating-point number.
        source: Name of the file, for messages.

    Raises:
        UserError: Some are complex or whole numbers, or not finite; names them.
    """
    floating = [name for name in found if name not in wanted or wanted[name].is_floating_point()]
    strange = [
        f"{name} ({str(found[name].dtype).removeprefix('torch.')})" for name in floating if _is_no_float(found[name])
    ]
    if strange:
        raise UserError(
            f"{source} has {len(strange):,} tensors that are no floating-point numbers: {shorten(strange, 3)}.",
            "Weights of a quantised network are codes; give the file from before it was quantised.",
        )
    broken = [name for name in floating if not _is_finite(found[name])]
    if broken:
        raise UserError(
            f"{source} has values that are not finite (nan or inf) in {len(broken):,} tensors: {shorten(broken, 3)}.",
            "The training that wrote it had diverged; give an earlier checkpoint.",
        )


def _is_no_float(tensor: Tensor) -> bool:
    return tensor.is_quantized or not tensor.is_floating_point()


def _is_finite(tensor: Tensor) -> bool:
    """Return True if all values are finite; the sum tells at once, and only a doubtful one is looked at in full."""
    return tensor.is_meta or bool(torch.isfinite(tensor.float().sum())) or bool(torch.isfinite(tensor.float()).all())
