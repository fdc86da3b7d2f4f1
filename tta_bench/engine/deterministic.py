"""Operations on a GPU that add in a fixed order, so that equal runs give equal bits.

PyTorch, "Reproducibility": https://docs.pytorch.org/docs/stable/notes/randomness.html
"""

from __future__ import annotations

import os

import torch

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
"""Variable by which cuBLAS is told to use one workspace a stream, without which its products vary."""


def fix_order(wanted: bool, device: torch.device) -> bool:
    """Take deterministic operations for this process from now on, or the usual ones again.

    Of the backends of attention two stay: flash, whose backward pass has a deterministic form, and the plain one. The
    memory-efficient one and cuDNN's add in an order that varies.

    A CPU adds in a fixed order in any case, and nothing is changed there.

    Args:
        wanted: True for deterministic operations.
        device: The device that is computed on.

    Returns:
        True if deterministic operations are taken.
    """
    taken = wanted and device.type == "cuda"
    if not taken and not torch.are_deterministic_algorithms_enabled():
        return False
    if taken:
        os.environ.setdefault(WORKSPACE, ":4096:8")
        torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(taken)
    torch.backends.cuda.enable_mem_efficient_sdp(not taken)
    torch.backends.cuda.enable_cudnn_sdp(not taken)
    return taken
