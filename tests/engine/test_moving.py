from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tta_bench.engine.moving import Ahead, chosen, on_the_way, sent

CPU, META = torch.device("cpu"), torch.device("meta")


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 6).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.integers(0, n - 1), min_size=1))))
def test_chosen_entries_are_those_of_indexing(case: tuple[int, list[int]]) -> None:
    count, places = case
    batch = torch.arange(count * 6, dtype=torch.uint8).reshape(count, 2, 3)
    assert torch.equal(chosen(batch, torch.tensor(places), CPU), batch[places])


def test_a_whole_batch_in_order_is_not_copied_and_any_other_is() -> None:
    batch = torch.arange(6).reshape(3, 2)
    assert chosen(batch, torch.arange(3), CPU).data_ptr() == batch.data_ptr()
    for places in ([0, 1], [2, 1, 0], [0, 1, 1]):
        assert chosen(batch, torch.tensor(places), CPU).data_ptr() != batch.data_ptr()
    assert on_the_way(batch, CPU) is batch
    assert sent(batch, CPU) is batch


@pytest.mark.parametrize("places", [[0, 1, 2], [2, 0, 1], [1]])
def test_entries_come_to_another_device_in_the_shape_that_was_asked_for(places: list[int]) -> None:
    there = chosen(torch.zeros(3, 4, dtype=torch.uint8), torch.tensor(places), META)
    assert (there.device, there.shape, there.dtype) == (META, (len(places), 4), torch.uint8)


def test_the_next_item_is_prepared_when_it_is_looked_for_and_only_once() -> None:
    seen: list[int] = []

    def prepare(item: int) -> int:
        seen.append(item)
        return 10 * item

    items = Ahead(iter([1, 2, 3]), prepare)
    assert next(items) == 10
    assert seen == [1]
    items.look()
    items.look()
    assert seen == [1, 2]
    assert list(items) == [20, 30]


def test_a_failure_is_kept_until_its_item_is_asked_for() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    ahead = Ahead(items(), lambda item: item)
    assert next(ahead) == 1
    ahead.look()
    with pytest.raises(OSError, match="the disk is gone"):
        next(ahead)
    with pytest.raises(StopIteration):
        next(ahead)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_gpu_is_sent_page_locked_memory_and_the_same_numbers() -> None:
    device = torch.device("cuda")
    batch = torch.randint(0, 256, (5, 3, 7), dtype=torch.uint8).pin_memory()
    for places in (torch.arange(5), torch.tensor([4, 0, 3, 1, 2]), torch.tensor([3, 1])):
        torch.cuda.set_sync_debug_mode("error")
        try:
            there = chosen(on_the_way(batch, device), places, device)
            picked = chosen(batch, places, device)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        assert torch.equal(there.cpu(), batch[places])
        assert torch.equal(picked.cpu(), batch[places])
