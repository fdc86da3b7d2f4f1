"""Processes of one training for tests: forked, joined by gloo over a port of this machine."""

from __future__ import annotations

import multiprocessing
import os
import pickle  # noqa: TID251 - between a test and its processes
import socket
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch

from tta_bench.engine.world import current, join


def in_processes(size: int, work: Callable[..., Any], *args: object, patience: float = 60) -> list[Any]:
    """Return what a function gives in each of some processes that have joined each other, within ``patience`` s."""
    context = multiprocessing.get_context("fork")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = []
    for rank in range(size):
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, rank, size, port, work, args))
        process.start()
        theirs.close()  # so that the end of a process is the end of its pipe
        started.append((process, ours))
    results = []
    for _, ours in started:
        assert ours.poll(patience), "a process does not answer"
        results.append(pickle.loads(ours.recv_bytes()))
    for process, _ in started:
        process.join(30)
    wrong = [text for said, text in results if said == "raised"]
    assert not wrong, "\n".join(wrong)
    return [value for _, value in results]


def _serve(pipe: Connection, rank: int, size: int, port: int, work: Callable[..., Any], args: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    here = {"RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": rank, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in here.items()})
    try:
        join()
        result = "gave", work(*args)
        current().leave()
    except BaseException:
        result = "raised", traceback.format_exc()
    pipe.send_bytes(pickle.dumps(result))  # tensors as they are, where the pipe itself would share their memory
    os._exit(0)
