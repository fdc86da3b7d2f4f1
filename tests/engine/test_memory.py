from __future__ import annotations

import platform
import subprocess
import sys
import time
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tta_bench.engine import memory
from tta_bench.engine.memory import (
    StepMemory,
    counting_kept,
    fixed_bytes,
    free_memory,
    nothing_left,
    total_memory,
    within_free,
)

CPU = torch.device("cpu")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="limits are read on Linux")
GIB = 2**30


def machine(root: Path, group: str, files: dict[str, str], total: int = 24 * GIB, free: int = 20 * GIB) -> Path:
    """A folder with the files by which Linux tells its memory."""
    texts = {
        "proc/meminfo": f"MemTotal: {total // 1024} kB\nMemFree: 1 kB\nMemAvailable: {free // 1024} kB\n",
        "proc/self/cgroup": group,
        **{f"sys/fs/cgroup/{name}": text for name, text in files.items()},
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_address_space", list)


@pytest.mark.usefixtures("unlimited")
@pytest.mark.parametrize(
    ("group", "files", "total", "free"),
    [
        ("0::/\n", {}, 24, 20),
        ("0::/\n", {"memory.max": "max\n", "memory.current": "5\n"}, 24, 20),
        ("0::/a/b\n", {"a/b/memory.max": f"{4 * GIB}\n", "a/b/memory.current": f"{GIB}\n"}, 4, 3),
        ("0::/a/b\n", {"a/memory.max": f"{8 * GIB}\n", "a/b/memory.max": "max\n"}, 8, 8),  # one above holds too
        ("0::/of/the/host\n", {"memory.max": f"{2 * GIB}\n", "memory.current": f"{2 * GIB}\n"}, 2, 0),
        (
            "4:cpu,memory:/job\n0::/\n",
            {
                "memory/job/memory.limit_in_bytes": f"{6 * GIB}\n",
                "memory/job/memory.usage_in_bytes": f"{5 * GIB}\n",
                # files are given back when asked for
                "memory/job/memory.stat": f"cache 3\ntotal_active_file {GIB}\ntotal_inactive_file {GIB}\n",
            },
            6,
            3,
        ),
        ("4:memory:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712\n"}, 24, 20),
    ],
)
def test_the_least_limit_counts(tmp_path: Path, group: str, files: dict[str, str], total: int, free: int) -> None:
    root = machine(tmp_path, group, files)
    assert total_memory(CPU, root) == total * GIB
    assert free_memory(CPU, root) == free * GIB


@pytest.mark.usefixtures("unlimited")
def test_a_system_that_says_nothing_is_unknown(tmp_path: Path) -> None:
    assert total_memory(CPU, tmp_path) is None
    assert free_memory(CPU, tmp_path) is None


@LINUX
def test_a_limit_of_the_address_space_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = machine(tmp_path, "0::/\n", {})
    (root / "proc/self/statm").write_text("3 2 1\n")
    monkeypatch.setattr(memory, "_address_space", lambda: [4 * GIB])
    assert total_memory(CPU, root) == 4 * GIB
    assert 4 * GIB - 3 * 2**16 <= free_memory(CPU, root) < 4 * GIB  # type: ignore[operator]


@LINUX
@pytest.mark.parametrize("size", [2**44, 2**50])
def test_more_than_is_free_cannot_be_taken(size: int) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    with within_free(CPU), pytest.raises(RuntimeError, match="allocate memory"):
        torch.empty(size, dtype=torch.uint8)
    assert resource.getrlimit(resource.RLIMIT_AS) == before


@LINUX
def test_a_limit_of_ones_own_is_no_property_of_the_machine() -> None:
    before = total_memory(CPU)
    with within_free(CPU), within_free(CPU):
        assert total_memory(CPU) == before


class Broken(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: torch.Tensor) -> torch.Tensor:
        return values.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        raise MemoryError


@pytest.mark.parametrize("layer", [nn.Softmax(-1), nn.Sigmoid()])  # both keep their own output
def test_what_a_failed_backward_pass_kept_is_freed(layer: nn.Module) -> None:
    def fail() -> weakref.ref[torch.Tensor]:
        values = torch.ones(3, requires_grad=True)
        with counting_kept(layer):
            kept = layer(Broken.apply(layer(values)))
            with pytest.raises(MemoryError):
                kept.sum().backward()
        return weakref.ref(kept)

    assert fail()() is None


@pytest.mark.parametrize("rows", [1, 5])
def test_what_is_kept_for_the_backward_pass_is_counted_once_and_weights_are_not(rows: int) -> None:
    net = nn.Sequential(nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 10))
    clips = torch.zeros(rows, 100)
    with counting_kept(net) as kept:
        net(clips).sum().backward()
    assert kept.bytes == 4 * rows * (100 + 50)  # the input, and the activation that both its neighbours keep


def test_memory_of_a_step_grows_by_the_clip() -> None:
    taken = StepMemory(10, 100)
    assert taken.least(4) == 410
    assert taken.least(4) <= taken.expected(4) < 2 * taken.least(4)
    assert taken.expected(0) == 10


def test_weights_count_with_gradients_only_where_they_are_trained() -> None:
    net, gpu = nn.Linear(3, 2), torch.device("cuda")
    assert fixed_bytes(net, 7, gpu) == 4 * 8 * 3 + 7
    assert fixed_bytes(net, 7, gpu, gradients=4) == 4 * 8 * 5 + 7
    net.weight.requires_grad = False
    assert fixed_bytes(net, 7, gpu) == 4 * 8 + 4 * 2 * 2 + 7
    assert fixed_bytes(net, 0, CPU) > fixed_bytes(net, 0, gpu)


class Held:
    """Something that an operation keeps for its backward pass, and that takes a while to be given back."""

    def __init__(self, freed: list[bool]) -> None:
        self.freed = freed

    def __del__(self) -> None:
        time.sleep(0.1)
        self.freed.append(True)


class Holding(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, held: Held) -> torch.Tensor:
        ctx.held = held
        return x * 1

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return gradient, None


class Failing(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x * 1

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        raise MemoryError("no room")


@pytest.mark.parametrize("waiting", [1, 4])
def test_a_failed_backward_pass_has_given_its_graph_back_when_the_call_is_over(waiting: int) -> None:
    """Else the memory is freed late, or while the interpreter ends, which aborts it."""
    freed: list[bool] = []

    def loss() -> torch.Tensor:
        weight = torch.zeros(1, requires_grad=True)
        total = weight.new_zeros(1)
        for _ in range(waiting):
            total = total + Holding.apply(weight, Held(freed))
        return (total + Failing.apply(weight)).sum()

    try:
        nothing_left(lambda: loss().backward())  # type: ignore[no-untyped-call]
    except MemoryError as error:
        assert str(error) == "no room"  # noqa: PT017 - what pytest.raises gives holds the error's frames
    assert freed == [True] * waiting


@pytest.mark.parametrize("result", [7, "estimate"])
def test_the_result_of_a_call_that_leaves_nothing(result: object) -> None:
    assert nothing_left(lambda: result) == result


FRESH_PAGES = """
import resource, torch
from tta_bench.engine.memory import freed_kept

def fresh_pages():  # those that the system clears for 20 tensors of 16 MB
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    _ = [torch.ones(2**22) for _ in range(20)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

with freed_kept(torch.device("cpu")):
    print(min(fresh_pages() for _ in range(3)))
print(fresh_pages())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another library gives memory back in its own way")
def test_freed_memory_is_kept_in_the_block_and_given_back_after_it():
    done = subprocess.run([sys.executable, "-c", FRESH_PAGES], capture_output=True, text=True, timeout=120, check=True)
    inside, after = map(int, done.stdout.split())
    assert inside < 5_000
    assert after > 60_000
