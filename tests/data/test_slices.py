from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.data import DataLoader

from tests.data.clips import write_video
from tests.engine.line import line_step, line_training
from tta_bench.config.resolve import resolve
from tta_bench.data import loading, slices
from tta_bench.data.datasets.corpus import Clip
from tta_bench.data.step_order import StepBatches, parts_of_step
from tta_bench.engine.device import Machine
from tta_bench.engine.training import train
from tta_bench.experiments.base import ResolvedClip
from tta_bench.experiments.pretrain import PretrainExperiment
from tta_bench.models.checkpoints.read import read_checkpoint
from tta_bench.protocols.pretrain.clips import PretrainClips


class Numbers:
    """Videos that are their own numbers, as tensors, or in a mapping."""

    def __init__(self, named: bool) -> None:
        self.named = named

    def __len__(self) -> int:
        return 12

    def __getitem__(self, key: tuple[int, int]) -> Any:
        row = torch.tensor([key[0], key[1]])
        return {"clips": row.repeat(3, 1), "label": row[1]} if self.named else row


class Padded(Numbers):
    """Videos that stack themselves."""

    def collate(self, items: list[Tensor]) -> Tensor:
        """Return the items as a batch."""
        return torch.stack(items)


def loader(clips: Numbers, workers: int, size: int, micro_batch: int = 5) -> Any:
    parts = parts_of_step(torch.arange(10), micro_batch, 1)
    return slices.part_loader(clips, StepBatches(12, 10, 0, 3, 0), parts, workers, False, size)


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("micro_batch", [4, 10])
def test_parts_that_come_in_slices_are_those_that_come_whole(named: bool, micro_batch: int) -> None:
    whole = list(loader(Numbers(named), 0, 0, micro_batch))
    cut = loader(Numbers(named), 2, slices.SLICE_BYTES // 3, micro_batch)
    assert isinstance(cut, slices.JoinedSlices)
    found = list(cut)
    assert len(found) == len(whole) == 3 * -(-10 // micro_batch)
    for one, other in zip(whole, found, strict=True):
        if isinstance(one, dict):
            assert one.keys() == other.keys()
            assert all(torch.equal(one[name], other[name]) for name in one)
        else:
            assert torch.equal(one, other)


def test_videos_that_stack_themselves_stay_whole() -> None:
    assert isinstance(loader(Padded(named=False), 2, slices.SLICE_BYTES // 3), DataLoader)
    assert isinstance(loader(Numbers(named=False), 2, 1), DataLoader)


@given(st.integers(1, 300), st.integers(1, 300))
def test_slices_are_as_few_and_as_equal_as_can_be(videos: int, most: int) -> None:
    found = slices.cut(range(videos), most)
    assert [video for piece in found for video in piece] == list(range(videos))
    assert len(found) == -(-videos // most)
    assert max(map(len, found)) <= min(most, min(map(len, found)) + 1)


@given(st.integers(1, 64), st.integers(1, 6 * 10**7))
def test_every_worker_may_have_an_item_ready(workers: int, size: int) -> None:
    item = slices.videos_at_once(workers, size) * size
    assert item <= slices.SLICE_BYTES
    assert loading.in_flight(workers, item)[0] == workers


@pytest.mark.parametrize("micro_batch", [6, 8])
def test_losses_and_weights_are_the_same_with_slices(
    micro_batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(torch.device("cpu"), "fp32", workers=1)
    left: list[dict[str, Tensor]] = []
    for name, most in (("whole", slices.SLICE_BYTES), ("cut", 3 * 8)):  # a point takes 8 bytes
        monkeypatch.setattr(slices, "SLICE_BYTES", most)
        training = line_training(line_step(micro_batch, machine, batch=8, steps=4))
        assert isinstance(training.loader(StepBatches(8, 8, 0, 4, 3)), DataLoader) == (name == "whole")
        train(training, tmp_path / name, {}, None)
        left.append(dict(read_checkpoint(tmp_path / name / "checkpoint.pt")["model"]))
    assert all(torch.equal(left[0][name], left[1][name]) for name in left[0])
    assert (tmp_path / "whole/metrics.jsonl").read_bytes() == (tmp_path / "cut/metrics.jsonl").read_bytes()


@pytest.mark.filterwarnings("ignore:This DataLoader")
@pytest.mark.parametrize("workers", [1, 4, 16])
def test_a_global_batch_of_pretraining_in_one_part_is_in_flight_within_the_bound(tmp_path: Path, workers: int) -> None:
    """The published recipe, 1,024 videos of 4 views, on copies of one video: 9.87 GB in one part."""
    (experiment,) = resolve(["protocol=tta_pretrain", "train.batch=1024", "train.views=4"])
    assert isinstance(experiment, PretrainExperiment)
    video = write_video(tmp_path / "clip.mp4", frames=40)
    copies = [Clip(str(number), video) for number in range(1024)]
    extent = ResolvedClip(span=64, frames=16, stride=4, size=224)
    clips = PretrainClips(copies, {clip.id: 40 for clip in copies}, extent, experiment.train, 0)
    size = loading.bytes_of(clips[0, 0])
    parts = parts_of_step(torch.arange(4096), 4096, 4)
    assert len(parts) == 1
    assert len(parts[0].videos) * size == pytest.approx(9.87e9, rel=0.01)
    joined = slices.part_loader(clips, StepBatches(1024, 1024, 0, 9, 0), parts, workers, False, size)
    assert isinstance(joined, slices.JoinedSlices)
    assert isinstance(joined.loader, DataLoader)
    assert joined.loader.batch_sampler is not None
    item = size * max(len(keys) for keys in joined.loader.batch_sampler)
    flight = item * joined.loader.num_workers * (joined.loader.prefetch_factor or 0)
    print(f"{workers} workers: {item / 1e6:.0f} MB an item, {flight / 1e9:.2f} GB in flight")  # shown with pytest -s
    assert joined.loader.num_workers == workers
    assert item <= 5e8
    assert flight <= 4e9
