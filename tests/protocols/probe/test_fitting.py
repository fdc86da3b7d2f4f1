from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.protocols.probe.some_features import some_clips, some_samples
from tta_bench.config.resolve import resolve
from tta_bench.experiments.probe import AttentiveExperiment, LinearExperiment, NeighbourExperiment
from tta_bench.protocols.fine_tune.split import SplitClips
from tta_bench.protocols.probe.fitting import Fitted, fit_attentive, fit_linear, fit_neighbours

CPU = torch.device("cpu")
WORDS = {
    "knn": (),
    "linear": ("linear.points=5",),
    "probe": ("probe.epochs=6", "probe.batch=8", "probe.lrs=1e-3,1e-2", "probe.decays=0.01"),
}


def fitted(head: str, folder: Path, *words: str, train_seed: int = 0, test_seed: int = 1) -> Fitted:
    (experiment,) = resolve((f"protocol=ucf101_{head}", *WORDS[head], *words))
    train, test = some_samples(groups=6), some_samples(groups=3, prefix="t")
    clips = SplitClips(folder, ("a", "b", "c"), tuple(train), tuple(test), {}, {}, "0" * 64)
    first = some_clips(folder / "train", train, seed=train_seed)
    second = some_clips(folder / "test", test, seed=test_seed)
    if isinstance(experiment, AttentiveExperiment):
        return fit_attentive(experiment, clips, first, second, CPU)
    if isinstance(experiment, LinearExperiment):
        return fit_linear(experiment, clips, first, second, CPU)
    assert isinstance(experiment, NeighbourExperiment)
    return fit_neighbours(experiment, clips, first, second)


@pytest.mark.parametrize("head", WORDS)
def test_classes_that_differ_are_told_apart(head: str, tmp_path: Path) -> None:
    found = fitted(head, tmp_path)
    truth = [sample.label for sample in some_samples(groups=3, prefix="t")]
    assert (found.scores.argmax(1) == truth).mean() > 0.8


@pytest.mark.parametrize("head", ["linear", "probe"])
def test_the_test_list_chooses_nothing(head: str, tmp_path: Path) -> None:
    """Other test clips change the test scores and the optimism, and neither the choice nor what led to it."""
    one, other = (fitted(head, tmp_path / str(seed), test_seed=seed).selection for seed in (1, 7))
    assert one is not None
    assert other is not None
    assert one.chosen == other.chosen
    assert [point.held_out for point in one.points] == [point.held_out for point in other.points]


@pytest.mark.parametrize("head", ["linear", "probe"])
def test_the_optimism_is_the_best_on_the_test_list_less_the_chosen(head: str, tmp_path: Path) -> None:
    found = fitted(head, tmp_path)
    assert found.selection is not None
    tested = [point.test for point in found.selection.points]
    truth = [sample.label for sample in some_samples(groups=3, prefix="t")]
    assert tested[found.selection.chosen] == pytest.approx(np.mean(found.scores.argmax(1) == truth))
    assert found.selection.optimism == max(tested) - tested[found.selection.chosen]


def test_the_neighbours_are_of_the_training_list_alone(tmp_path: Path) -> None:
    found = fitted("knn", tmp_path)
    assert len(found.head.bank) == len(some_samples(groups=6))  # type: ignore[attr-defined]
    assert found.selection is None
