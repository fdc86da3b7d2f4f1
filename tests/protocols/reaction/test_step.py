from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tta_bench.cards.kinds import BackboneCard, joined
from tta_bench.engine.device import Machine, ResolvedPrecision
from tta_bench.engine.training import train
from tta_bench.experiments.reaction import ReactionSettings, ResolvedFaceClip
from tta_bench.models.checkpoints.read import read_checkpoint
from tta_bench.protocols.reaction.clips import ReactionClips, ReadyReaction, reaction_loader
from tta_bench.protocols.reaction.model import ReactionNet, Statistics, build_reaction_net
from tta_bench.protocols.reaction.step import (
    ReactionStep,
    ReactionStepSettings,
    encoder_groups,
    reaction_test,
    reaction_training,
)

SOUND = Statistics(np.zeros(5, np.float32), np.ones(5, np.float32))
PARTS = (
    BackboneCard(
        name="net", summary="", component="VideoMAEV2", modality="video", frames=2, size=16, recipe="vit",
        arguments={"width": 16, "depth": 1, "heads": 2, "mlp_width": 16},
    ),
    BackboneCard(name="sound", summary="", component="Sound", modality="audio", recipe="audio"),
)  # fmt: skip
CLIP = ResolvedFaceClip(frames=2, size=16, sampling="uniform", cropper="none")
RECIPE = ReactionSettings(batch=6, steps=8, lr=1e-2, width=8, heads=2, layers=1, dropout=0.3, modality_dropout=0.5)


@pytest.fixture
def clips(tmp_path: Path) -> ReactionClips:
    rng = np.random.default_rng(0)
    ready = []
    for number in range(12):
        targets = tuple(rng.random(3).astype(np.float32).tolist())
        faces, sound = tmp_path / f"{number}.faces.npy", tmp_path / f"{number}.sound.npy"
        np.save(faces, np.full((2, 16, 16, 3), [255 * value for value in targets], np.uint8))
        np.save(sound, np.concatenate([targets, [0, 0]]).astype(np.float32))
        ready.append(
            ReadyReaction(f"{number}", None if number == 3 else faces, (None if number == 5 else sound,), targets)
        )
    return ReactionClips(ready, 2, 16, (5,), 3, flip=0.5, seed=0)


def step(
    recipe: ReactionSettings = RECIPE, micro_batch: int = 6, precision: ResolvedPrecision = "fp32"
) -> ReactionStep:
    card = joined(PARTS)
    net = build_reaction_net(card, CLIP, recipe, [None, SOUND], [0.5] * 3, seed=0)
    machine = Machine(torch.device("cpu"), precision)
    return ReactionStep(
        net, ReactionStepSettings(train=recipe, seed=0, micro_batch=micro_batch, machine=machine), PARTS
    )


def run(folder: Path, clips: ReactionClips, recipe: ReactionSettings, resume: object = None) -> dict[str, torch.Tensor]:
    folder.mkdir(exist_ok=True)
    training = reaction_training(step(recipe), clips)
    train(training, folder, {"format": "tta-bench"}, resume)  # type: ignore[arg-type]
    model: dict[str, torch.Tensor] = read_checkpoint(folder / "checkpoint.pt")["model"]
    return model


def test_how_the_batch_is_cut_changes_neither_what_is_hidden_nor_the_gradient(clips: ReactionClips) -> None:
    recipe = RECIPE.model_copy(update={"dropout": 0.0})
    (batch,) = list(reaction_loader(clips, 12, 0, False))
    found = []
    for micro_batch in (12, 5, 2):
        model = step(recipe, micro_batch)
        optimizer = reaction_training(model, clips).optimizer
        optimizer.set_rate(recipe.lr)
        result = model.train_step(batch, optimizer)
        found.append((result["loss"], model.net.head.weight.detach().clone()))
    for loss, weight in found[1:]:
        assert loss == pytest.approx(found[0][0], rel=1e-5)
        torch.testing.assert_close(weight, found[0][1], rtol=1e-4, atol=1e-5)


def test_a_stopped_and_continued_training_equals_an_uninterrupted_one(tmp_path: Path, clips: ReactionClips) -> None:
    whole = run(tmp_path / "whole", clips, RECIPE)
    stopped = tmp_path / "stopped"
    stopped.mkdir()
    kept = []

    class Stop(Exception):
        pass

    model = step()
    training = reaction_training(model, clips)
    original = model.train_parts

    def until_five(clips, parts, count, optimizer, world):  # type: ignore[no-untyped-def]
        if model.step == 5:
            kept.append({"step": 5, "model": model.net.state_dict(), "optimizer": optimizer.state_dict()})
            raise Stop
        return original(clips, parts, count, optimizer, world)

    model.train_parts = until_five  # type: ignore[method-assign]
    with pytest.raises(Stop):
        train(training, stopped, {}, None)
    continued = run(stopped, clips, RECIPE, kept[0])
    assert whole.keys() == continued.keys()
    assert all(torch.equal(whole[name], continued[name]) for name in whole)


def test_training_learns_from_either_modality(tmp_path: Path, clips: ReactionClips) -> None:
    recipe = RECIPE.model_copy(update={"steps": 150, "dropout": 0.0, "temporal": "mean", "encoder_lr": 0.3})
    model = step(recipe)
    train(reaction_training(model, clips), tmp_path, {}, None)
    report = reaction_test(model, reaction_loader(clips, 5, 0, False))
    targets = np.array([clip.targets for clip in clips.clips])
    assert report.outputs.shape == (12, 3)
    assert report.timing.clips == 12
    assert np.corrcoef(report.outputs.ravel(), targets.ravel())[0, 1] > 0.8


def test_a_clips_output_does_not_depend_on_its_neighbours(clips: ReactionClips) -> None:
    model = step()
    one, many = (reaction_test(model, reaction_loader(clips, batch, 0, False)).outputs for batch in (1, 12))
    np.testing.assert_allclose(one, many, rtol=1e-5, atol=1e-6)


def test_the_encoder_learns_at_its_own_rate_and_a_frozen_one_not_at_all() -> None:
    net = step().net
    groups = encoder_groups(net, 0.05, 0.1)
    encoder = sum(p.numel() for p in net.paths[0].encoder.parameters())
    assert sum(p.numel() for g in groups for p in g["params"] if g["lr_scale"] == 0.1) == encoder
    assert sum(p.numel() for g in groups for p in g["params"]) == sum(p.numel() for p in net.parameters())
    assert {g["weight_decay"] for g in groups if any(p is net.head.bias for p in g["params"])} == {0.0}
    frozen: ReactionNet = step(RECIPE.model_copy(update={"encoder_lr": 0.0})).net
    assert all(group["name"].startswith("head") for group in encoder_groups(frozen, 0.05, 0.0))


def test_multiply_adds_are_those_of_one_clip(clips: ReactionClips) -> None:
    (batch,) = list(reaction_loader(ReactionClips(clips.clips[:1], 2, 16, (5,), 3), 1, 0, False))
    gmacs = step().gmacs(batch) * 1e9
    tubelet = 1 * 3 * 2 * 16 * 16 * 16
    assert tubelet < gmacs < 20 * tubelet


@pytest.mark.parametrize("temporal", ["mean", "gru", "transformer"])
def test_bfloat16_trains_and_tests_like_float32(clips: ReactionClips, temporal: str) -> None:
    recipe = RECIPE.model_copy(update={"temporal": temporal, "dropout": 0.0, "modality_dropout": 0.3})
    (batch,) = list(reaction_loader(clips, 12, 0, False))
    found = []
    for precision in ("fp32", "bf16"):
        model = step(recipe, 12, precision)  # type: ignore[arg-type]
        optimizer = reaction_training(model, clips).optimizer
        optimizer.set_rate(recipe.lr)
        loss = model.train_step(batch, optimizer)["loss"]
        found.append((loss, model.outputs(batch)))
    assert found[1][0] == pytest.approx(found[0][0], rel=0.05)
    torch.testing.assert_close(found[1][1], found[0][1], atol=0.03, rtol=0)
