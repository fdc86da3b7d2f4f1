"""Every step of the fine-tuning recipe against what the official VideoMAE code (V1) computes on the same inputs."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from tests.conformance.figures import official_figures
from tta_bench.data.transforms import augment, rand_augment, sampling
from tta_bench.engine.device import Machine
from tta_bench.engine.optimizer import parameter_groups
from tta_bench.engine.schedule import learning_rate, scaled
from tta_bench.experiments.fine_tune import TrainSettings
from tta_bench.models.backbones.videomae import VideoMAEV2
from tta_bench.models.classifier import Classifier
from tta_bench.protocols.fine_tune import mixup
from tta_bench.protocols.fine_tune.testing import multi_view_test

HERE = Path(__file__).parent
GIVEN = SimpleNamespace(**runpy.run_path(str(HERE / "recipe_inputs.py")))


@pytest.fixture(scope="module")
def official():
    return official_figures("finetune_recipe")


@pytest.mark.parametrize("name", GIVEN.SCHEDULES)
def test_learning_rate_of_every_step(official, name):
    s = GIVEN.SCHEDULES[name]
    steps, warmup = s["epochs"] * s["per_epoch"], s["warmup"] * s["per_epoch"]
    base, minimum = scaled(s["lr"], s["batch"]), scaled(s["min_lr"], s["batch"])
    ours = [learning_rate(step, base, minimum, warmup, steps) for step in range(steps)]
    np.testing.assert_allclose(ours, official[f"lr_{name}"], rtol=1e-6)


def test_layer_decay_and_weight_decay_of_every_parameter_of_vit_b(official):
    with torch.device("meta"):
        model = Classifier(VideoMAEV2(), 768, 101)
    groups, source = parameter_groups(model, 0.05, 0.7)
    names = {id(parameter): name.removeprefix("backbone.") for name, parameter in model.named_parameters()}
    ours = {names[id(p)]: (g["lr_scale"], g["weight_decay"]) for g in groups for p in g["params"]}
    figures = (official[key].tolist() for key in ("layer_names", "layer_scales", "layer_weight_decays"))
    assert source == "layer_groups"
    assert ours == {name: (scale, decay) for name, scale, decay in zip(*figures, strict=True)}


@pytest.mark.parametrize("name", GIVEN.SAMPLINGS)
def test_frame_indices_of_test_clips(official, name):
    ours = np.stack([sampling.test_indices(length, *GIVEN.SAMPLINGS[name]) for length in GIVEN.LENGTHS])
    np.testing.assert_array_equal(ours, official[f"test_indices_{name}"])


@pytest.mark.parametrize("name", GIVEN.SAMPLINGS)
def test_frame_indices_of_training_clips_with_the_same_random_start(official, name):
    frames, stride, _ = GIVEN.SAMPLINGS[name]
    ours = [sampling.train_indices(length, frames, stride, GIVEN.Draws(length)) for length in GIVEN.LENGTHS]
    np.testing.assert_array_equal(ours, official[f"train_indices_{name}"])


def test_short_side_and_three_crops(official):
    shapes = [sampling.resized_shape(*shape, GIVEN.SIZE) for shape in GIVEN.FRAME_SHAPES]
    np.testing.assert_array_equal(shapes, official["resized_shapes"])
    offsets = [sampling.crop_offsets(*shape, GIVEN.SIZE, GIVEN.CROPS) for shape in shapes]
    np.testing.assert_array_equal(offsets, official["crop_offsets"])


def test_pixels_of_test_views(official):
    v = GIVEN.VIEWS
    video = GIVEN.pixels(v["length"], *v["shape"], 3)
    indices = sampling.test_indices(v["length"], v["frames"], v["stride"], v["segments"])
    views = sampling.test_views(video[indices], v["size"], v["crops"])
    difference = np.abs(views.astype(int) - official["test_views"])
    assert difference.max() <= 1  # OpenCV's bilinear arithmetic may change from version to version


def test_operations_of_rand_augment(official):
    names = rand_augment.NAMES
    image = GIVEN.pixels(*GIVEN.IMAGE_SHAPE, 3)[None]
    for row, name in enumerate(names):
        rule = rand_augment.STRENGTHS[name]
        signed, strength = rule or (False, lambda level: 0.0)
        offset = 1 if name in ("Color", "Contrast", "Brightness", "Sharpness") else 0
        for column, sign in enumerate((1, -1 if signed else 1)):
            ours = [offset + sign * strength(level) for level in GIVEN.LEVELS]
            np.testing.assert_array_equal(ours, official["operation_strengths"][row, :, column], err_msg=name)
            for k, level in enumerate(GIVEN.IMAGE_LEVELS):
                operation = rand_augment.Operation(name, sign * strength(level))
                changed = rand_augment.apply_operation(image, operation)[0].astype(int)
                difference = np.abs(changed - official["operation_images"][row, k, column])
                assert difference.max() <= 1, operation
                assert (difference > 0).mean() < 0.02, operation


def test_operations_drawn_by_rand_augment(official):
    policy = rand_augment.parse_policy(GIVEN.POLICY)
    for row, seed in enumerate(GIVEN.SEEDS):
        drawn = rand_augment.draw_operations(policy, GIVEN.Draws(seed))
        expected = official["drawn_operations"][row]
        assert [operation.name for operation in drawn] == [rand_augment.NAMES[k] for k in expected if k >= 0]
        offsets = [operation.name in ("Color", "Contrast", "Brightness", "Sharpness") for operation in drawn]
        strengths = [operation.strength + offset for operation, offset in zip(drawn, offsets, strict=True)]
        np.testing.assert_allclose(strengths, official["drawn_strengths"][row, : len(drawn)], rtol=1e-12)


def test_windows_of_random_resized_crop(official):
    for row, shape in enumerate(GIVEN.CROP_SHAPES):
        ours = [augment.draw_crop(*shape, (0.08, 1.0), (0.75, 1.3333), GIVEN.Draws(seed)) for seed in GIVEN.SEEDS]
        np.testing.assert_array_equal(ours, official["crop_windows"][row])


def test_windows_of_random_erasing(official):
    ours = [augment.draw_erased(GIVEN.SIZE, GIVEN.Draws(seed)) for seed in GIVEN.SEEDS]
    np.testing.assert_array_equal(ours, official["erased_windows"])


def test_mixed_clips_and_targets(official):
    settings = TrainSettings(batch=6, lr=1.0, mixup=0.8, cutmix=1.0)
    order = mixup.pair_order(len(GIVEN.MIX_LABELS))
    kinds = set()
    for row, seed in enumerate(GIVEN.MIX_SEEDS):
        mix = mixup.mixing_plan(len(order), GIVEN.MIX_SHAPE[-2:], settings, GIVEN.Draws(seed))
        x = mixup.mix_clips(torch.from_numpy(GIVEN.pixels(*GIVEN.MIX_SHAPE)).float()[order], mix)
        labels = torch.tensor(GIVEN.MIX_LABELS)[order]
        targets = mixup.mix_targets(labels, GIVEN.MIX_CLASSES, GIVEN.MIX_SMOOTHING, mix)
        np.testing.assert_allclose(x, official["mixed_clips"][row][order], rtol=1e-6, atol=1e-5)
        np.testing.assert_allclose(targets, official["mixed_targets"][row][order], rtol=1e-6, atol=1e-7)
        kinds.add(mix.kind)
    assert kinds == {"mixup", "cutmix"}


def test_boxes_of_cutmix(official):
    for row, seed in enumerate(GIVEN.SEEDS):
        draws = GIVEN.Draws(seed)
        rows, columns = GIVEN.MIX_SIZE
        mix = mixup.cutmix(draws.random(), draws.integers(rows), draws.integers(columns), GIVEN.MIX_SIZE)
        top, left, height, width = mix.box
        assert [top, top + height, left, left + width] == official["cutmix_boxes"][row].tolist()
        assert mix.lam == pytest.approx(official["cutmix_lams"][row], rel=1e-12)


class Spoken(nn.Module):
    """A classifier whose scores are written in the pixels."""

    def forward(self, clip):
        return (clip[:, 0, 0, 0] * 255).round() / 16 - 8


def test_merged_multi_view_scores(official):
    logits = GIVEN.scores(*GIVEN.SCORES)
    videos, views, classes = GIVEN.SCORES
    pixels = np.broadcast_to(((logits + 8) * 16)[:, :, None, None, :, None], (videos, views, 1, 1, classes, 3))
    items = [{"clips": torch.from_numpy(clip.astype(np.uint8)), "index": index} for index, clip in enumerate(pixels)]
    loader = DataLoader(items, batch_size=4)
    machine = Machine(torch.device("cpu"), "fp32")
    report = multi_view_test(Spoken(), loader, (0, 0, 0), (1, 1, 1), machine, micro_batch=7)
    np.testing.assert_allclose(report.scores, official["merged_scores"], rtol=1e-6)
