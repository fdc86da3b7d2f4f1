"""The training loop: a number of steps from any step on, for MMEngine's Runner."""

from __future__ import annotations

import time
from typing import Any

from mmengine.runner import BaseLoop, Runner
from torch.utils.data import DataLoader


class StepLoop(BaseLoop):  # type: ignore[misc]
    """Train from step ``first`` to step ``last``.

    MMEngine's own loops restart an interrupted epoch, or fetch and drop what was consumed; here the loader's sampler
    starts where training stopped, because batches are keyed by step.

    Args:
        runner: The runner.
        dataloader: Yields the batches of the steps that are left.
        first: First step.
        last: Step to stop before.
        per_epoch: Steps in an epoch.
    """

    def __init__(self, runner: Runner, dataloader: DataLoader[Any], first: int, last: int, per_epoch: int) -> None:
        super().__init__(runner, dataloader)
        self.step, self.last, self.per_epoch = first, last, per_epoch
        self.seconds_waiting = 0.0
        self.stop_training = False

    @property
    def iter(self) -> int:
        """The number of steps done (MMEngine's name for it)."""
        return self.step

    @property
    def epoch(self) -> int:
        """The epoch of the next step."""
        return self.step // self.per_epoch

    @property
    def max_iters(self) -> int:
        """The step that training stops before."""
        return self.last

    @property
    def max_epochs(self) -> int:
        """The number of epochs begun when training ends."""
        return -(-self.last // self.per_epoch)

    def run(self) -> Any:
        """Do the steps that are left, with the runner's hooks around each."""
        self.runner.call_hook("before_train")
        self.runner.model.train()
        batches = iter(self.dataloader)
        while self.step < self.last and not self.stop_training:
            asked = time.perf_counter()
            batch = next(batches)
            self.seconds_waiting += time.perf_counter() - asked
            self.runner.call_hook("before_train_iter", batch_idx=self.step, data_batch=batch)
            result = self.runner.model.train_step(batch, self.runner.optim_wrapper)
            self.step += 1
            self.runner.call_hook("after_train_iter", batch_idx=self.step - 1, data_batch=batch, outputs=result)
        self.runner.call_hook("after_train")
        return self.runner.model
