"""Masks, model, loss and recipe of pre-training against what the official VideoMAE V2 code computes."""

from __future__ import annotations

import runpy
from math import prod
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.conformance.figures import official_figures
from tta_bench.engine.optimizer import decay_groups
from tta_bench.engine.schedule import learning_rate
from tta_bench.models.backbones.videomae import VideoMAEV2
from tta_bench.protocols.pretrain.masking import draw_masks, running_cell_maps, tube_mask
from tta_bench.protocols.pretrain.model import MaskedAutoencoder, cut_tubelets, normalized_targets, squared_errors, take

TOLERANCE = 1e-5  # the two agree to 7e-7
HERE = Path(__file__).parent
GIVEN = SimpleNamespace(**runpy.run_path(str(HERE / "make_pretrain_figures.py")))


@pytest.fixture(scope="module")
def official():
    return official_figures("pretraining")


def build(case) -> MaskedAutoencoder:
    names = ("size", "frames", "patch", "width", "depth", "heads", "mlp_width")
    backbone = VideoMAEV2(**{name: case[name] for name in names})
    grid = backbone.token_grid(case["frames"], case["size"], case["size"])
    return MaskedAutoencoder(backbone, grid, case["d_width"], case["d_depth"], case["d_heads"])


@pytest.fixture(scope="module")
def steps(official):
    """One of our steps for each case, on the official masks."""
    return {label: our_step(official, label) for label in GIVEN.RATIOS}


def our_step(official, label):
    case = GIVEN.case_of(label)
    model = build(case)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(GIVEN.fill(name, tuple(parameter.shape)))
    hidden, skipped = (official[f"{label}/{kind}"].reshape(case["clips"], -1) for kind in ("hidden", "skipped"))
    visible, decoded = (
        torch.from_numpy(np.nonzero(flags)[1].reshape(case["clips"], -1)) for flags in (~hidden, ~skipped)
    )
    counted = take(torch.from_numpy(hidden), decoded)
    tubelets = cut_tubelets(torch.from_numpy(GIVEN.make_clips(case)), 2, case["patch"])
    seen = (take(tubelets, visible).float() / 255 - torch.tensor(GIVEN.MEAN)) / torch.tensor(GIVEN.STD)
    targets = normalized_targets(take(tubelets, decoded).float() / 255)
    output = model(seen, visible, decoded)
    loss = squared_errors(output, targets)[counted].mean()
    loss.backward()
    part = (slice(None), GIVEN.TOKENS, GIVEN.VALUES)
    return SimpleNamespace(
        loss=loss.item(),
        targets=targets[part].numpy(),
        output=output[part].detach().numpy(),
        **GIVEN.gradients_of(model),
    )


def distance(ours, theirs) -> float:
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))


@pytest.mark.parametrize("label", GIVEN.RATIOS)
def test_targets_outputs_and_loss_equal_the_official_ones(official, steps, label):
    for name in ("targets", "output"):
        assert distance(getattr(steps[label], name), official[f"{label}/{name}"]) < TOLERANCE, name
    assert steps[label].loss == pytest.approx(float(official[f"{label}/loss"]), rel=TOLERANCE)


@pytest.mark.parametrize("label", GIVEN.RATIOS)
def test_every_gradient_equals_the_official_one(official, steps, label):
    ours = steps[label]
    assert ours.names.tolist() == official[f"{label}/names"].tolist()
    np.testing.assert_allclose(ours.norms, official[f"{label}/norms"], rtol=TOLERANCE)
    np.testing.assert_allclose(ours.cosines, official[f"{label}/cosines"], rtol=0, atol=TOLERANCE)


def test_the_figures_depend_on_every_parameter(official):
    for label in GIVEN.RATIOS:
        assert official[f"{label}/norms"].min() > 1e-7, label


def test_vit_b_has_the_official_names_shapes_and_number_of_parameters(official):
    with torch.device("meta"):
        model = MaskedAutoencoder(VideoMAEV2(), (8, 14, 14))
    ours = {name: str(tuple(tensor.shape)) for name, tensor in model.state_dict().items()}
    assert ours == dict(zip(official["state_names"].tolist(), official["state_shapes"].tolist(), strict=True))
    parameters = sum(parameter.numel() for parameter in model.parameters())
    assert parameters == int(official["parameters"]) == 94_210_944


def test_weight_decay_is_left_out_where_the_official_code_leaves_it_out(official):
    with torch.device("meta"):
        model = MaskedAutoencoder(VideoMAEV2(), (8, 14, 14))
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = decay_groups(model, 0.05)
    undecayed = [names[id(p)] for group in groups if group["weight_decay"] == 0 for p in group["params"]]
    assert sorted(undecayed) == official["undecayed"].tolist()
    assert {group["lr_scale"] for group in groups} == {1.0}


def test_first_weights_are_drawn_as_the_official_ones_are(official):
    torch.manual_seed(1)
    named = sorted(MaskedAutoencoder(VideoMAEV2(), (8, 14, 14)).named_parameters())
    limits = np.array([p.detach().abs().max().item() for _, p in named])
    deviations = np.array([p.detach().std(correction=0).item() for _, p in named])
    sizes = np.array([p.numel() for _, p in named])
    np.testing.assert_allclose(limits, official["first_limits"], rtol=0.05)
    large = sizes > 10_000
    np.testing.assert_allclose(deviations[large], official["first_deviations"][large], rtol=0.03)


def test_learning_rate_of_every_step(official):
    s = GIVEN.SCHEDULE
    steps, warmup = s["epochs"] * s["per_epoch"], s["warmup"] * s["per_epoch"]
    ours = [learning_rate(step, s["lr"], s["min_lr"], warmup, steps) for step in range(steps)]
    assert ours[0] == 0
    np.testing.assert_allclose(ours, official["lr"], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("index", range(len(GIVEN.TUBES)))
def test_tubes_hide_as_many_tokens_as_the_official_ones(official, index):
    grid, ratio = GIVEN.TUBES[index]
    drawn = tube_mask(grid, ratio, np.random.default_rng(index)).reshape(grid)
    least, most, difference = official[f"tube{index}"]
    assert drawn.sum() == least == most
    assert np.ptp(drawn.astype(int), 0).max() == difference == 0


@pytest.mark.parametrize("index", range(len(GIVEN.CELLS)))
def test_the_four_maps_of_running_cells_equal_the_official_ones(official, index):
    grid, ratio = GIVEN.CELLS[index]
    ours = np.packbits(running_cell_maps(grid, ratio), axis=1)
    np.testing.assert_array_equal(ours, official[f"cells{index}"])


def test_vit_b_sees_160_tokens_decodes_784_and_counts_704_of_them(official):
    hidden, skipped = (official[f"base/{kind}"].reshape(1, -1) for kind in ("hidden", "skipped"))
    theirs = [(~hidden).sum(), (~skipped).sum(), (hidden & ~skipped).sum()]
    masks = draw_masks((8, 14, 14), 0.9, 0.5, 20, np.random.default_rng(0))
    for ours in zip(*(part.shape[1:] * 20 for part in masks[:2]), masks.counted.sum(1), strict=True):
        assert list(ours) == theirs == [160, 784, 704]
    assert prod((8, 14, 14)) == hidden.size
