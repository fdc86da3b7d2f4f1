from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from timm.data.mixup import mixup_target

from tta_bench.data.transforms.augment import Box
from tta_bench.errors import UserError
from tta_bench.experiments.fine_tune import TrainSettings
from tta_bench.protocols.fine_tune import mixup
from tta_bench.protocols.fine_tune.mixup import Mix
from tta_bench.utils.keyed_random import generator

SIZE = (24, 32)
BOTH = TrainSettings(batch=2, lr=1.0, mixup=0.8, cutmix=1.0)
MIXES = [Mix("mixup", 0.3, Box(0, 0, 0, 0)), Mix("cutmix", 0.7, Box(1, 2, 4, 6)), mixup.UNMIXED]


def clips(count: int) -> torch.Tensor:
    return torch.randn(count, 3, 2, 8, 10, generator=torch.Generator().manual_seed(count))


def plans(settings: TrainSettings, count: int = 1500) -> list[Mix]:
    return [mixup.mixing_plan(8, SIZE, settings, generator("plan", step)) for step in range(count)]


@given(st.integers(1, 200))
def test_partners_are_neighbours(batch):
    order = mixup.pair_order(batch)
    assert sorted(order.tolist()) == list(range(batch))
    pairs = order[: batch // 2 * 2].reshape(-1, 2)
    assert (pairs.sum(1) == batch - 1).all()


@pytest.mark.parametrize("mix", MIXES)
@pytest.mark.parametrize("cut", [2, 4, 6, 12])
def test_a_batch_cut_at_even_places_is_mixed_as_a_whole_one_is(mix, cut):
    x, labels = clips(12), torch.arange(12) % 5
    order = mixup.pair_order(12)
    flipped = x.flip(0)
    whole = x.clone()
    if mix.kind == "mixup":
        whole = x * mix.lam + flipped * (1 - mix.lam)
    elif mix.kind == "cutmix":
        box = mix.box
        rows, columns = slice(box.top, box.top + box.height), slice(box.left, box.left + box.width)
        whole[..., rows, columns] = flipped[..., rows, columns]
    targets = mixup_target(labels, 5, mix.lam, 0.1).float()
    for rows in order.split(cut):
        torch.testing.assert_close(mixup.mix_clips(x[rows], mix), whole[rows])
        torch.testing.assert_close(mixup.mix_targets(labels[rows], 5, 0.1, mix), targets[rows])


@given(st.floats(0, 1), st.floats(0, 0.9), st.lists(st.integers(0, 6), min_size=1, max_size=5))
def test_targets_are_distributions(lam, smoothing, half):
    labels = torch.tensor(half + half[::-1])
    targets = mixup.mix_targets(labels, 7, smoothing, Mix("mixup", lam, Box(0, 0, 0, 0)))
    torch.testing.assert_close(targets.sum(1), torch.ones(len(labels)))
    assert (targets >= 0).all()


def test_unmixed_targets_give_the_loss_of_label_smoothing():
    logits, labels = torch.randn(5, 7), torch.tensor([0, 6, 3, 3, 1])
    soft = F.cross_entropy(logits, mixup.mix_targets(labels, 7, 0.1, mixup.UNMIXED))
    torch.testing.assert_close(soft, F.cross_entropy(logits, labels, label_smoothing=0.1))


def test_mixup_and_cutmix_take_turns_and_lambda_is_what_is_kept():
    drawn = plans(BOTH)
    cut = [mix for mix in drawn if mix.kind == "cutmix"]
    assert len(cut) / len(drawn) == pytest.approx(0.5, abs=0.04)
    assert len(cut) + sum(mix.kind == "mixup" for mix in drawn) == len(drawn)
    for mix in cut:
        box = mix.box
        assert 0 <= box.top <= box.top + box.height <= SIZE[0]
        assert 0 <= box.left <= box.left + box.width <= SIZE[1]
        assert mix.lam == pytest.approx(1 - box.height * box.width / (SIZE[0] * SIZE[1]))
    lams = np.array([mix.lam for mix in drawn if mix.kind == "mixup"])
    assert lams.mean() == pytest.approx(0.5, abs=0.04)
    assert lams.var() == pytest.approx(1 / (4 * (2 * 0.8 + 1)), abs=0.015)  # of a beta distribution


def test_one_of_both_can_be_had_alone():
    assert {mix.kind for mix in plans(BOTH.model_copy(update={"cutmix": 0.0}), 50)} == {"mixup"}
    assert {mix.kind for mix in plans(BOTH.model_copy(update={"mixup": 0.0}), 50)} == {"cutmix"}
    neither = BOTH.model_copy(update={"mixup": 0.0, "cutmix": 0.0})
    assert mixup.mixing_plan(3, SIZE, neither, generator(0)) == mixup.UNMIXED


def test_clips_without_a_partner_are_refused():
    with pytest.raises(UserError, match="a step has 7"):
        mixup.mixing_plan(7, SIZE, BOTH, generator(0))
    with pytest.raises(UserError, match="a micro-batch has 3"):
        mixup.mix_clips(clips(3), MIXES[0])
    torch.testing.assert_close(mixup.mix_clips(clips(3), mixup.UNMIXED), clips(3))


def test_a_box_cut_off_by_the_border_weighs_what_is_left():
    assert mixup.cutmix(0.75, 4, 5, (8, 10)) == Mix("cutmix", 0.8, Box(2, 3, 4, 4))
    corner = mixup.cutmix(0.75, 0, 0, (8, 10))
    assert corner == Mix("cutmix", pytest.approx(0.95), Box(0, 0, 2, 2))


@pytest.mark.parametrize(("lam", "size"), [(1.0, (224, 224)), (0.999, (16, 16)), (0.9999, (112, 64))])
def test_a_cutmix_box_may_be_empty(lam: float, size: tuple[int, int]) -> None:
    """One step in some 25,000 of the published recipe draws one."""
    mix = mixup.cutmix(lam, 5, 5, size)
    clips = torch.rand(4, 3, 2, *size)
    assert mix.lam == 1
    assert torch.equal(mixup.mix_clips(clips.clone(), mix), clips)
