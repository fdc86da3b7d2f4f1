from __future__ import annotations

import os
import signal
import time
from datetime import timedelta
from typing import Any

import pytest
import torch

from tests.engine.processes import in_processes
from tta_bench.engine import world as world_module
from tta_bench.engine.world import ALONE, PeerFailed, PeerLost, World, current, join, launched
from tta_bench.errors import BenchError, UserError


def test_one_process_is_itself_and_leaves_torch_distributed_alone() -> None:
    assert join({}) == join({"WORLD_SIZE": "1"}) == current() == ALONE
    assert ALONE.from_first(lambda: 3) == 3
    assert (ALONE.gather(4), ALONE.most(5), ALONE.is_first) == ([4], 5, True)
    with pytest.raises(ValueError, match="mine"):
        ALONE.agree(ValueError("mine"))
    ALONE.agree(None)
    ALONE.leave()
    assert not torch.distributed.is_initialized()


@pytest.mark.parametrize("told", [{"WORLD_SIZE": "2"}, {"WORLD_SIZE": "nonsense", "RANK": "0"}])
def test_processes_that_do_not_know_their_number_are_refused(told: dict[str, str]) -> None:
    with pytest.raises(UserError, match="processes of this run"):
        launched(told)


def test_things_are_shared_by_neighbours() -> None:
    assert [[*share] for share in World(1, 3).shares(7)] == [[0, 1], [2, 3], [4, 5, 6]]


def share_everything() -> dict[str, Any]:
    world = current()

    def fail() -> None:
        raise UserError("no data.", "Get some.")

    told: dict[str, Any] = {"first": world.from_first(lambda: world.rank + 10), "all": world.gather(world.rank)}
    told["most"] = world.most(7 - world.rank)
    try:
        world.from_first(fail)
    except UserError as error:
        told["error"] = str(error)
    try:
        world.agree(UserError("too large") if world.rank == 1 else None)
    except BenchError as error:
        told["disagreed"] = type(error), str(error)
    sent = torch.arange(4.0) + 10 * world.rank
    told["exchanged"] = world.exchange(sent, [2, 2]).tolist()
    told["half"] = world.exchange(sent if world.rank else sent[:0], [0, 2]).tolist()
    if world.rank:
        time.sleep(0.2)  # the first waits for it
    arrived = time.monotonic()
    world.meet()
    told["met"] = arrived, time.monotonic()
    told["collected"] = world.collect(torch.full((1,), float(world.rank))).tolist()
    return told


def test_processes_tell_each_other_and_fail_together() -> None:
    first, second = in_processes(2, share_everything)
    for told in (first, second):
        assert (told["first"], told["all"], told["most"]) == (10, [0, 1], 7)
        assert told["error"] == "no data.\nGet some."
        assert told["collected"] == [0.0, 1.0]
    assert first["met"][1] >= second["met"][0]
    assert first["disagreed"] == (PeerFailed, "rank 1 failed: UserError: too large")
    assert second["disagreed"] == (UserError, "too large")
    assert (first["exchanged"], second["exchanged"]) == ([0, 1, 10, 11], [2, 3, 12, 13])
    assert (first["half"], second["half"]) == ([10, 11], [12, 13])


def lose_the_second() -> str:
    world = current()
    world_module.LEAVE_SECONDS = 0.0  # the second one will not come
    world.most(0)
    if world.rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.2)
    with pytest.raises(PeerLost, match="another process of this training has ended") as error:
        world.most(0)
    return str(error.value.hint)


def test_a_process_that_is_killed_is_a_loss_and_no_wait() -> None:
    begun = time.monotonic()
    with pytest.raises(EOFError):
        in_processes(2, lose_the_second)
    assert time.monotonic() - begun < 30


def wait_for_the_second() -> str:
    world = current()
    world_module.LEAVE_SECONDS = 0.0  # the first one has given up
    world.most(0)
    if world.rank == 1:
        time.sleep(4)
        return ""
    with pytest.raises(PeerLost, match=r"^rank 1 of this training did not answer for \d+ min\.") as error:
        world.most(0)
    return str(error.value.hint)


def test_a_process_that_is_silent_is_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world_module, "SILENCE", timedelta(seconds=1))
    for size in (2, 3):
        told = in_processes(size, wait_for_the_second)
        assert [*told[:1], *told[2:]] == ["The same command goes on from here."] * (size - 1)
