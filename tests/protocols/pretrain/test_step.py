from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.engine.waits import NOWHERE, unread
from tta_bench.data.datasets.corpus import Clip
from tta_bench.engine.device import Machine, ResolvedPrecision
from tta_bench.engine.step import Diverged
from tta_bench.engine.timing import Timing
from tta_bench.engine.training import train
from tta_bench.errors import UserError
from tta_bench.experiments.base import ResolvedClip
from tta_bench.experiments.pretrain import DecoderSettings, MaskSettings, PretrainSettings
from tta_bench.models.backbones.videomae import VideoMAEV2
from tta_bench.models.checkpoints.read import read_checkpoint
from tta_bench.protocols.pretrain.clips import PretrainClips, PretrainItem
from tta_bench.protocols.pretrain.model import MaskedAutoencoder
from tta_bench.protocols.pretrain.picture import HIDDEN_GREY, picture, restore, write_picture
from tta_bench.protocols.pretrain.step import PretrainStep, PretrainStepSettings, pretraining

RECIPE = PretrainSettings(
    batch=4,
    views=2,
    steps=6,
    lr=0.3,
    mask=MaskSettings(encoder=0.75, decoder=0.5),
    decoder=DecoderSettings(width=16, depth=1, heads=2),
)


def step(
    recipe: PretrainSettings = RECIPE, micro_batch: int = 8, seed: int = 1, precision: ResolvedPrecision = "fp32"
) -> PretrainStep:
    torch.manual_seed(0)
    backbone = VideoMAEV2(size=32, frames=8, patch=8, width=24, depth=2, heads=2, mlp_width=96)
    decoder, grid = recipe.decoder, backbone.token_grid(8, 32, 32)
    autoencoder = MaskedAutoencoder(backbone, grid, decoder.width, decoder.depth, decoder.heads)
    machine = Machine(torch.device("cpu"), precision)
    settings = PretrainStepSettings(train=recipe, seed=seed, micro_batch=micro_batch, machine=machine)
    return PretrainStep(autoencoder, settings, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))


class MovingSquares(PretrainClips):
    """A corpus without files: a square at a place that depends on the key; an item of the second epoch may fail."""

    def __init__(self, videos: int = 8, fails: bool = False) -> None:
        clip = ResolvedClip(span=8, frames=8, stride=1, size=32)
        super().__init__([Clip(str(index), Path()) for index in range(videos)], {}, clip, RECIPE, 0)
        self.fails = fails

    def __getitem__(self, key: tuple[int, int]) -> PretrainItem:
        epoch, index = key
        if self.fails and epoch == 1:
            raise KeyboardInterrupt
        views = np.zeros((RECIPE.views, 8, 32, 32, 3), np.uint8)
        for view in range(RECIPE.views):
            for time in range(8):
                x = (3 * index + 5 * epoch + 7 * view + 2 * time) % 20
                views[view, time, x : x + 12, 4 : 4 + x + 8] = 40 * (1 + index % 5)
        return {"clips": torch.from_numpy(views)}


def batch(videos: int = 4) -> PretrainItem:
    corpus = MovingSquares(videos)
    return {"clips": torch.stack([corpus[0, index]["clips"] for index in range(videos)])}


def one_step(model: PretrainStep, number: int = 0) -> float:
    model.step = number
    training = pretraining(model, MovingSquares())
    training.optimizer.set_rate(training.rates[0])
    return model.train_step(batch(), training.optimizer)["loss"]


def run(folder: Path, resume: Path | None = None, fails: bool = False) -> Timing:
    folder.mkdir(exist_ok=True)
    training = pretraining(step(), MovingSquares(fails=fails))
    checkpoint = read_checkpoint(resume) if resume else None
    return train(training, folder, {"run": "mine"}, checkpoint, checkpoint_minutes=1e-9)


def test_the_result_does_not_depend_on_how_the_batch_is_cut() -> None:
    losses, weights = [], []
    for micro_batch in (8, 4, 2):
        model = step(micro_batch=micro_batch)
        losses.append(one_step(model, 3))
        weights.append(model.autoencoder.decoder.head.weight.detach().clone())
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-5)
    for other in weights[1:]:
        torch.testing.assert_close(other, weights[0], rtol=1e-4, atol=1e-6)


def test_masks_are_keyed_by_seed_and_step() -> None:
    first = step().draw_masks(8)
    assert all((a == b).all() for a, b in zip(first, step().draw_masks(8), strict=True))
    assert (step(seed=2).draw_masks(8).visible != first.visible).any()
    later = step()
    later.step = 1
    assert (later.draw_masks(8).visible != first.visible).any()
    assert one_step(step(), 3) == one_step(step(), 3) != one_step(step(), 4)


def test_raw_pixels_can_be_the_target() -> None:
    raw = one_step(step(RECIPE.model_copy(update={"normalize": False})))
    assert raw != one_step(step())


def test_bfloat16_gives_about_the_same_loss() -> None:
    half = one_step(step(precision="bf16"))
    assert half != (full := one_step(step()))
    assert half == pytest.approx(full, rel=0.02)


def test_a_loss_that_is_not_finite_stops_the_step() -> None:
    model = step()
    model.autoencoder.mask_token.data.fill_(float("nan"))
    with pytest.raises(Diverged, match="the loss is nan at step 7"):
        one_step(model, 7)


def test_a_mask_that_does_not_fit_is_refused() -> None:
    with pytest.raises(UserError, match=r"int\(0.01 x 4 x 4\) = 0 of 16 places"):
        one_step(step(RECIPE.model_copy(update={"mask": MaskSettings(encoder=0.01)})))


def test_training_lowers_the_loss_and_leaves_a_checkpoint_that_says_what_it_is(tmp_path: Path) -> None:
    timing = run(tmp_path)
    losses = [json.loads(line)["loss"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert (timing.clips, len(losses)) == (6 * 4 * 2, 6)
    assert min(losses[3:]) < 0.95 * losses[0]
    kept = read_checkpoint(tmp_path / "checkpoint.pt")
    assert (kept["run"], kept["step"], kept["optimizer"]) == ("mine", 6, None)
    assert set(kept["model"]) == set(step().autoencoder.state_dict())


def test_an_interrupted_training_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", fails=True)
    broken_off = read_checkpoint(tmp_path / "cut" / "checkpoint.pt")
    assert broken_off["step"] == 2
    assert run(tmp_path / "cut", resume=tmp_path / "cut" / "checkpoint.pt").clips == 4 * 4 * 2
    whole, cut = (read_checkpoint(tmp_path / name / "checkpoint.pt")["model"] for name in ("whole", "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    lines = [(tmp_path / name / "metrics.jsonl").read_text() for name in ("whole", "cut")]
    assert lines[0] == lines[1]
    assert run(tmp_path / "cut", resume=tmp_path / "cut" / "checkpoint.pt") == Timing()


def test_a_picture_shows_original_masked_and_restored_frames(tmp_path: Path) -> None:
    clips = batch()["clips"][:2, 0]
    found = restore(step(), clips)
    hidden = (found.masked == HIDDEN_GREY).all(-1)
    assert (found.original == clips.numpy()).all()
    assert hidden.mean() == 0.75
    for shown in (found.masked, found.restored):
        assert (shown[~hidden] == found.original[~hidden]).all()
    assert (found.restored[hidden] != HIDDEN_GREY).any()
    image = picture(found)
    assert image.shape == (2 * 3 * (96 + 4), 72 + 8 * (96 + 4), 3)
    write_picture(found, tmp_path / "restored.png")
    read = cv2.imread(str(tmp_path / "restored.png"))[..., ::-1]
    assert (read == image).all()


@pytest.mark.parametrize("micro_batch", [2, 8])
def test_nothing_waits_for_the_device_before_a_steps_figures_are_read(
    micro_batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = step(micro_batch=micro_batch).to(NOWHERE.device)
    model.settings = dataclasses.replace(model.settings, machine=NOWHERE)
    optimizer = pretraining(model, MovingSquares()).optimizer
    with unread(monkeypatch) as waits:
        model.train_step(model.on_the_way(batch()), optimizer)
        waits.clear()  # tables are made in the first step
        model.train_step(model.on_the_way(batch()), optimizer)
    assert waits == []
