"""The processes of one training: joined from a launcher's environment; alone, each operation gives back what it got.

With one process nothing of torch.distributed is touched. Objects and flags travel by gloo, gradients of a GPU by NCCL.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

from tta_bench.errors import BenchError, RunFailed, UserError

Value = TypeVar("Value")
SILENCE = timedelta(minutes=10)
"""Longest time that a process waits for the others in one operation."""
PATIENCE = timedelta(days=14)
"""Longest time that processes wait for what the first one prepares."""
LEAVE_SECONDS = 60.0
"""Time for which a process that is done waits for the others, so that none is stopped for another's end."""
ROLL_CALL_SECONDS = 10.0
"""Time within which processes that wait in vain for another have all noticed it."""
POLL_SECONDS = 0.02
NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""Variables of the environment in which a launcher such as torchrun says which process this is."""
_numbers = itertools.count()


class PeerLost(RunFailed):
    """Another process of the training that is gone or silent; no operation of several is possible any more."""

    asked = 0
    """Signal that had asked this process for a stop before the loss was seen; 0 for none."""


class PeerFailed(RunFailed):
    """Another process of the training that failed in its part of a step; all processes know of it."""


@dataclass(frozen=True)
class World:
    """The processes of one training, and the number of this one."""

    rank: int = 0
    """Number of this process; 0 writes, and speaks to the user."""
    size: int = 1
    """Number of processes."""
    local_rank: int = 0
    """Number of this process among those of its machine, which is its GPU's."""
    local_size: int = 1
    """Number of processes on this machine."""

    @property
    def is_first(self) -> bool:
        """True in the process that writes; always with one process."""
        return self.rank == 0

    def shares(self, count: int) -> list[range]:
        """Return the share of each process in things that are numbered from 0: neighbours, as equally as can be."""
        cuts = [rank * count // self.size for rank in range(self.size + 1)]
        return [range(*cut) for cut in itertools.pairwise(cuts)]

    def from_first(self, make: Callable[[], Value]) -> Value:
        """Let the first process make something, and return it on all; the others wait, however long it takes.

        Raises:
            BenchError: Whatever the first process raises.
        """
        if self.size == 1:
            return make()
        name = f"from_first/{next(_numbers)}"
        made: list[Value] = []
        error: BenchError | None = None
        if self.is_first:
            try:
                made.append(make())
            except BenchError as failure:
                error = failure
            _store().set(name, "made")
        else:
            _wait_for(name)
        told = self.gather((error, made))[0]
        if error is not None or (error := told[0]) is not None:
            raise error
        return told[1][0]

    def meet(self) -> None:
        """Wait until all processes are here, however long it takes; between them is no operation that could time out.

        Raises:
            PeerLost: The first process has ended, or another one does not come.
        """
        if self.size == 1:
            return
        name = f"meet/{next(_numbers)}"
        if _store().add(name, 1) == self.size:
            _store().set(f"{name}/all", "here")
        _wait_for(f"{name}/all")

    def gather(self, value: Value) -> list[Value]:
        """Return the value of every process, in their order."""
        if self.size == 1:
            return [value]
        values: list[Value | None] = [None] * self.size
        with lost_peers():
            torch.distributed.all_gather_object(values, value)
        return cast(list[Value], values)

    def most(self, value: int) -> int:
        """Return the largest of the values of all processes."""
        return max(self.gather(value))

    def exchange(self, sent: Tensor, lengths: Sequence[int]) -> Tensor:
        """Send slice k of a tensor to process k, and return what the processes sent to this one, one after the other.

        Args:
            sent: The tensor, cut into equal slices; of no elements where nothing is sent.
            lengths: Elements that each process sends to this one.
        """
        received = sent.new_empty(sum(lengths))
        with lost_peers():
            torch.distributed.all_to_all_single(received, sent, list(lengths), [len(sent) // self.size] * self.size)
        return received

    def collect(self, part: Tensor) -> Tensor:
        """Return the tensors of all processes, which are of one length, one after the other."""
        whole = part.new_empty(len(part) * self.size)
        with lost_peers():
            torch.distributed.all_gather_into_tensor(whole, part)
        return whole

    def agree(self, failure: Exception | None) -> None:
        """Go on if no process has failed; so none waits for one that will not come.

        Raises:
            Exception: The failure of this process.
            PeerFailed: That of another; says which.
        """
        failures = [failure]
        if self.size > 1:
            failures = self.gather(failure if failure is None else RunFailed(f"{type(failure).__name__}: {failure}"))
        if failure is not None:
            raise failure
        for rank, other in enumerate(failures):
            if other is not None:
                raise PeerFailed(f"rank {rank} failed: {other}")

    def leave(self) -> None:
        """Wait for the others for a while, and end the group."""
        if self.size == 1:
            return
        name = f"leave/{next(_numbers)}"
        with suppress(Exception):  # whoever is gone already needs no goodbye
            _store().add(name, 1)
            deadline = time.monotonic() + LEAVE_SECONDS
            while _store().add(name, 0) < self.size and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)
        torch.distributed.destroy_process_group()
        _joined.clear()


ALONE = World()
_joined: list[World] = []


def current() -> World:
    """Return the processes that this one has joined; itself alone if none."""
    return _joined[0] if _joined else ALONE


def launched(environment: Mapping[str, str] = os.environ) -> int:
    """Return the number of processes that a launcher says it has started of this run; 1 without a launcher.

    Raises:
        UserError: It does not say which of them this is.
    """
    text = environment.get("WORLD_SIZE", "").strip() or "1"
    missing = [name for name in NAMES if not environment.get(name, "").strip()]
    if text != "1" and (missing or not text.isdigit()):
        raise UserError(
            f"a launcher started {text} processes of this run (WORLD_SIZE), and there is no {', '.join(missing)}.",
            "Use torchrun, or say runtime.devices=N without it; --shard i/n shares several experiments.",
        )
    return int(text)


def join(environment: Mapping[str, str] = os.environ) -> World:
    """Join the other processes that a launcher started, and return them; a second call returns the same."""
    if _joined or launched(environment) == 1:
        return current()
    rank, size, local_rank = (int(environment[name]) for name in NAMES[:3])
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(local_rank % torch.cuda.device_count())
    torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=SILENCE)
    _joined.append(World(rank, size, local_rank, int(environment.get("LOCAL_WORLD_SIZE", size))))
    return current()


@contextmanager
def lost_peers() -> Iterator[None]:
    """Turn the failure of an operation of several processes into `PeerLost`.

    Raises:
        PeerLost: torch.distributed failed.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        silent = "imed out" in str(error) or "imeout" in str(error)
        ranks = _absent(ROLL_CALL_SECONDS if silent else 0.0)
        named = " and ".join(f"rank {rank}" for rank in ranks) if silent and ranks else "another process"
        said = f"did not answer for {SILENCE.total_seconds() / 60:.0f} min" if silent else "has ended"
        raise PeerLost(f"{named} of this training {said}.", "The same command goes on from here.") from error


def _absent(seconds: float) -> list[int]:
    """Say in the store that this process waits in vain, and return those that do not say so within some seconds.

    The first process, with which the store ends, stays until the others have had their answer.
    """
    world, deadline = current(), time.monotonic() + seconds
    with suppress(Exception):  # without the store nobody is named
        _store().set(f"waits/{world.rank}", "in vain")
        while len(absent := _without("waits", world)) > 1 and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        _store().set(f"knows/{world.rank}", "who is absent")
        while world.is_first and _without("knows", world) != absent and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        return absent
    return []


def _without(word: str, world: World) -> list[int]:
    """Return the processes that have not set a word of theirs in the store."""
    return [rank for rank in range(world.size) if not _store().check([f"{word}/{rank}"])]


def _store() -> Any:
    return torch.distributed.distributed_c10d._get_default_store()


def _wait_for(name: str) -> None:
    """Wait until the first process has set a name, looking now and then, so that signals are heard meanwhile."""
    deadline = time.monotonic() + PATIENCE.total_seconds()
    while time.monotonic() < deadline:
        try:
            if _store().check([name]):
                return
        except RuntimeError as error:
            raise PeerLost("the first process of this training has ended.") from error
        time.sleep(POLL_SECONDS)
    raise PeerLost("the first process of this training is silent.", "The same command goes on from here.")
