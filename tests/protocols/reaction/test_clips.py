from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.data.clips import as_sent
from tta_bench.data.loading import train_loader
from tta_bench.data.step_order import StepBatches
from tta_bench.protocols.reaction.clips import ReactionClips, ReadyReaction, column_statistics, reaction_loader

TARGETS = (0.1, 0.2, 1.0)


def save(path: Path, array: np.ndarray) -> Path:
    np.save(path, array)
    return path


@pytest.fixture
def clips(tmp_path: Path) -> ReactionClips:
    rng = np.random.default_rng(0)
    ready = [
        ReadyReaction(
            f"clip{number}",
            save(tmp_path / f"faces{number}.npy", rng.integers(0, 256, (frames, 4, 4, 3), np.uint8))
            if frames
            else None,
            (
                save(tmp_path / f"whole{number}.npy", rng.random(5, np.float32)),
                save(tmp_path / f"rows{number}.npy", rng.random((rows, 2), np.float32)) if rows else None,
            ),
            TARGETS if number else None,
        )
        for number, (frames, rows) in enumerate([(3, 4), (0, 2), (1, 0)])
    ]
    return ReactionClips(ready, 3, 4, (5, 2), 3, flip=0.5, seed=0)


def test_a_batch_says_what_is_a_clips_own_and_repeats_its_last_frame(clips: ReactionClips) -> None:
    (batch,) = list(reaction_loader(clips, 8, workers=0, pin=False))
    assert batch["frames"].tolist() == [3, 0, 1]
    assert [rows.tolist() for rows in batch["rows"]] == [[1, 1, 1], [4, 2, 0]]
    assert batch["faces"].shape == (3, 3, 4, 4, 3)
    assert [features.shape for features in batch["features"]] == [(3, 1, 5), (3, 4, 2)]
    assert torch.equal(batch["faces"][2, 0], batch["faces"][2, 2])
    assert not batch["faces"][1].any()
    assert batch["targets"][0].isnan().all()
    assert batch["targets"][1].tolist() == pytest.approx(TARGETS)


def test_an_item_is_mirrored_by_a_draw_of_its_own(clips: ReactionClips) -> None:
    plain = np.load(clips.clips[0].faces)
    seen = [clips[epoch, 0]["faces"].numpy() for epoch in range(40)]
    mirrored = [np.array_equal(faces, plain[:, :, ::-1]) for faces in seen]
    assert all(flipped or np.array_equal(faces, plain) for flipped, faces in zip(mirrored, seen, strict=True))
    assert 8 < sum(mirrored) < 32
    assert all(np.array_equal(clips[epoch, 0]["faces"], seen[epoch]) for epoch in (7, 0, 7))


def test_batches_do_not_depend_on_the_number_of_workers(clips: ReactionClips) -> None:
    def batches(workers: int) -> list[torch.Tensor]:
        return [batch["faces"] for batch in train_loader(clips, StepBatches(3, 2, 0, 4, 0), workers, pin=False)]

    assert all(torch.equal(one, two) for one, two in zip(batches(0), batches(2), strict=True))


@settings(max_examples=40, deadline=None)
@given(st.lists(arrays(np.float32, st.tuples(st.integers(0, 4), st.just(3)), elements=st.floats(-1e3, 1e3, width=32))))
def test_statistics_are_those_of_all_rows_together(columns: list[np.ndarray]) -> None:
    rows = np.concatenate([np.zeros((0, 3)), *columns])
    if not len(rows):
        with pytest.raises(ValueError, match="no rows"):
            column_statistics(columns)
        return
    mean, std = column_statistics(columns)
    np.testing.assert_allclose(mean, rows.mean(0), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(std, rows.std(0), rtol=1e-4, atol=1e-3)


def test_a_large_offset_loses_no_spread() -> None:
    rows = (1e6 + np.arange(100)).astype(np.float32)[:, None]
    assert column_statistics([rows[:50], rows[50:]])[1][0] == pytest.approx(rows.astype(float).std(), rel=1e-6)


def test_all_that_a_loader_is_given_can_be_pickled(clips: ReactionClips) -> None:
    """Start methods that do not fork, as those of Windows and macOS, pickle it."""
    loader = reaction_loader(clips, 2, workers=1, pin=False)
    dataset, collate, _ = as_sent((loader.dataset, loader.collate_fn, loader.worker_init_fn))
    assert torch.equal(collate([dataset[1, 0]])["faces"], clips.collate([clips[1, 0]])["faces"])
