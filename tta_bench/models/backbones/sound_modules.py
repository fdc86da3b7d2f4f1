"""Networks of PyTorch as audio backbones: frozen, in evaluation mode, shown one sound at a time."""

from __future__ import annotations

import multiprocessing

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tta_bench.errors import UserError
from tta_bench.models.measure import describe_output

LAYOUT = "features (1, D), or a sequence (1, T, D)"


class SoundModule:
    """A network ``float (B, S) -> (B, D) or (B, T, D)`` as a function of one sound; it is not trained.

    Args:
        module: The network, which takes mono sounds of 16 kHz.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module.eval().requires_grad_(False)

    def __call__(self, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a sound's features, ``float32 (D,)`` or ``(T, D)``.

        Raises:
            UserError: The network gives something else.
        """
        if multiprocessing.parent_process() is not None:
            torch.set_num_threads(1)  # a forked process must not wait for threads of its parent
        with torch.inference_mode():
            output = self.module(torch.from_numpy(signal.copy())[None])
        name = type(self.module).__name__
        if not isinstance(output, Tensor):
            raise UserError(f"the audio network {name} gives {describe_output(output)}.", f"Expected {LAYOUT}.")
        if output.ndim not in (2, 3) or len(output) != 1:
            raise UserError(
                f"the audio network {name} gives {tuple(output.shape)} for a batch of one sound.", f"Expected {LAYOUT}."
            )
        return np.asarray(output[0].float().cpu().numpy(), np.float32)
