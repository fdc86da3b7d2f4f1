from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.engine.processes import in_processes
from tta_bench.engine.summing import GradientSum, Partial, fold, most_held, nodes_of, push
from tta_bench.engine.world import ALONE, World, current


def tree(leaves: list[Tensor]) -> Tensor:
    """Return the sum of leaves by halves: the left one of the largest power of two below their number."""
    if len(leaves) == 1:
        return leaves[0].clone()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return tree(leaves[:half]) + tree(leaves[half:])


@given(st.integers(1, 70), st.integers(1, 9), st.integers(0, 99))
@settings(deadline=None)
def test_any_number_of_processes_adds_in_one_tree(parts: int, size: int, seed: int) -> None:
    leaves = list(torch.rand(parts, 16, generator=torch.Generator().manual_seed(seed)).mul(1e3))
    shares = World(0, min(size, parts)).shares(parts)
    assert [part for share in shares for part in share] == list(range(parts))
    assert {len(share) for share in shares} <= {parts // len(shares), -(-parts // len(shares))}
    whole: list[Partial[Tensor]] = []
    for share in shares:
        own: list[Partial[Tensor]] = []
        for part in share:
            push(own, Partial(0, part, leaves[part].clone()), Tensor.add_)
        assert [(node.level, node.place) for node in own] == [(node.level, node.place) for node in nodes_of(share)]
        for node in own:
            push(whole, node, Tensor.add_)
    assert torch.equal(fold(whole, Tensor.add_), tree(leaves))


@given(st.integers(0, 5).map(lambda level: 2**level), st.integers(0, 4))
@settings(deadline=None)
def test_powers_of_two_leave_one_node_for_a_process(size: int, level: int) -> None:
    shares = World(0, size).shares(size * 2**level)
    assert all(len(nodes_of(share)) == 1 for share in shares)


def gradients(parts: int, world: World) -> list[Tensor | None]:
    """Return the summed gradients of parameters, some of which have none in some parts."""
    parameters = [torch.nn.Parameter(torch.zeros(size)) for size in ((3, 5), (7,), (1,), (4,))]
    shares = world.shares(parts)
    sums = GradientSum(parameters, shares[world.rank])
    for part in shares[world.rank]:
        random = torch.Generator().manual_seed(part)
        for number, parameter in enumerate(parameters[:3]):
            if number != 1 or part % 3 == 1:
                parameter.grad = torch.randn(parameter.shape, generator=random)
        if part == 0:
            parameters[2].grad = torch.full((1,), -0.0)
        sums.add()
    used = [any(column) for column in zip(*world.gather(sums.used()), strict=True)]
    sums.finish(world, shares, used)
    return [parameter.grad for parameter in parameters]


def joined_gradients(parts: int) -> list[Tensor | None]:
    return gradients(parts, current())


def test_processes_sum_gradients_to_the_bits_of_one() -> None:
    for parts in (3, 4, 6):
        alone = gradients(parts, ALONE)
        assert alone[3] is None
        for size in (2, 3):
            for summed in in_processes(size, joined_gradients, parts):
                assert summed[3] is None
                for one, other in zip(alone[:3], summed[:3], strict=True):
                    assert one is not None
                    assert other is not None
                    assert torch.equal(one.view(torch.int32), other.view(torch.int32))


def test_half_gradients_are_summed_in_single_precision() -> None:
    parameter = torch.nn.Parameter(torch.zeros(1, dtype=torch.bfloat16))
    sums = GradientSum([parameter], range(4))
    for value in (256.0, 1.0, 1.0, 0.0):  # 256 + 1 is 256 in bfloat16
        parameter.grad = torch.full((1,), value, dtype=torch.bfloat16)
        sums.add()
    sums.finish(ALONE, [range(4)], [True])
    assert parameter.grad is not None
    assert float(parameter.grad) == 258.0


@given(st.integers(0, 200))
def test_the_most_that_is_held_is_what_the_stack_grows_to(parts: int) -> None:
    stack: list[Partial[int]] = []
    most = 0
    for part in range(parts):
        most = max(most, len(stack) + 1)
        push(stack, Partial(0, part, 1), lambda left, right: left + right)
    assert most_held(parts) == most


def test_sixty_four_parts_hold_seven_gradients() -> None:
    assert [most_held(parts) for parts in (0, 1, 2, 8, 64)] == [0, 1, 2, 4, 7]
