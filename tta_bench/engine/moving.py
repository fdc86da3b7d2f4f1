"""From a loader's batch to the device: without a copy that is not needed, or one that anything waits for.

A GPU reads page-locked memory by itself, while it computes and while the CPU goes on; from other memory the CPU has to
hand the numbers over. A loader gives page-locked tensors, and choosing some of their entries must not lose that.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import torch
from torch import Tensor

Item = TypeVar("Item")


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on a device: itself if it is there, else a copy that a GPU is sent and that nothing waits for."""
    if device.type == "cuda" and tensor.device.type == "cpu" and not tensor.is_pinned():
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def chosen(batch: Tensor, places: Tensor, device: torch.device) -> Tensor:
    """Return some entries of a batch on a device; where all are wanted as they stand, they are not copied there.

    Args:
        batch: The entries ``(b, ...)``, on the CPU or already on the device.
        places: Numbers of the wanted ones in their order, ``int64 (n,)`` on the CPU.
        device: The device.
    """
    everything = len(places) == len(batch)
    if everything and torch.equal(places, torch.arange(len(batch))):
        return sent(batch, device)
    if batch.device.type == "cpu" and (device.type == "cpu" or not everything):
        locked = device.type == "cuda"
        room = torch.empty(len(places), *batch.shape[1:], dtype=batch.dtype, pin_memory=locked)
        return sent(torch.index_select(batch, 0, places, out=room), device)
    return sent(batch, device).index_select(0, sent(places, device))


def on_the_way(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor that is copied to a GPU beside what that computes, and is there when it is used; else itself."""
    if device.type != "cuda":
        return tensor
    beside, here = _stream(device), torch.cuda.current_stream(device)
    with torch.cuda.stream(beside):
        moved = sent(tensor, device)
    here.wait_stream(beside)
    moved.record_stream(here)
    return moved


class Ahead(Generic[Item]):
    """Items that are prepared as they come, the next one earlier if there is time for it.

    Args:
        items: The items.
        prepare: Prepares one.
    """

    def __init__(self, items: Iterator[Item], prepare: Callable[[Item], Item]) -> None:
        self._items, self._prepare = items, prepare
        self._next: list[Item | Exception] = []

    def __iter__(self) -> Iterator[Item]:
        """Return the items themselves."""
        return self

    def __next__(self) -> Item:
        """Return the next item.

        Raises:
            StopIteration: There is none.
        """
        self.look()
        item = self._next.pop()
        if isinstance(item, Exception):
            raise item
        return item

    def look(self) -> None:
        """Prepare the next item now; a failure is kept until that item is asked for."""
        if self._next:
            return
        try:
            self._next.append(self._prepare(next(self._items)))
        except Exception as error:
            self._next.append(error)


@functools.cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    """Return the queue of the copies to a GPU."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
