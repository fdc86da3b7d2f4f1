from __future__ import annotations

from random import Random

import torch
from hypothesis import given
from hypothesis import strategies as st

from tta_bench.data.step_order import StepBatches, StepParts, parts_of_step


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 30), st.integers(0, 5))
def test_every_epoch_is_a_permutation_cut_into_whole_batches(count: int, batch: int, steps: int, seed: int) -> None:
    batch = min(batch, count)
    per_epoch = count // batch
    found = list(StepBatches(count, batch, 0, steps, seed))
    assert len(found) == steps
    for epoch in range(steps // per_epoch):
        rows = [row for chosen in found[epoch * per_epoch : (epoch + 1) * per_epoch] for row in chosen]
        assert {number for number, _ in rows} == {epoch}
        assert len({index for _, index in rows}) == per_epoch * batch
    assert found[steps // 2 :] == list(StepBatches(count, batch, steps // 2, steps, seed))


@given(st.integers(1, 12), st.integers(1, 4), st.integers(1, 9), st.randoms())
def test_every_clip_of_a_step_is_in_one_part_and_found_there(
    videos: int, views: int, micro_batch: int, random: Random
) -> None:
    order = list(range(videos * views))
    random.shuffle(order)
    parts = parts_of_step(torch.tensor(order), micro_batch, views)
    assert [row for part in parts for row in part.rows.tolist()] == order
    for part in parts:
        assert len(part.videos) <= len(part.rows) <= micro_batch
        clips = [(video, view) for video in part.videos for view in range(views)]
        assert [clips[place] for place in part.places.tolist()] == [divmod(row, views) for row in part.rows.tolist()]


def test_the_parts_of_steps_hold_the_videos_of_whole_batches() -> None:
    steps = StepBatches(3, 2, 0, 3, seed=0)
    parts = [part.videos for part in parts_of_step(torch.tensor([0, 3, 1, 2]), 2, 2)]
    keys = list(StepParts(steps, parts))
    assert len(keys) == len(StepParts(steps, parts)) == 6
    assert [sorted(keys[k]) for k in (0, 1, 2)] == [sorted(list(steps)[step]) for step in (0, 0, 1)]
