from __future__ import annotations

import numpy as np
import pytest
import torch

from tta_bench.protocols.probe.linear import Standardiser, fit_path


def problem(count: int, width: int, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    draw = np.random.default_rng(0)
    labels = draw.integers(classes, size=count)
    features = draw.normal(size=(count, width)) + draw.normal(size=(classes, width))[labels] / 2
    return torch.from_numpy(features), torch.from_numpy(labels)


@pytest.mark.parametrize(("count", "width", "classes"), [(60, 30, 3), (200, 6, 4)])
def test_the_optimum_is_scikit_learns(count: int, width: int, classes: int) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    features, labels = problem(count, width, classes)
    x, strengths = Standardiser.of(features)(features), [1e-4, 1e-2, 1.0, 100.0]
    for strength, fit in zip(strengths, fit_path(x, labels, classes, strengths, 1000), strict=True):
        theirs = linear_model.LogisticRegression(C=strength, tol=1e-12, max_iter=10_000).fit(x.numpy(), labels.numpy())
        assert np.abs(fit.probabilities(x) - theirs.predict_proba(x.numpy())).max() < 1e-4
        assert np.abs(fit.weight.numpy() - theirs.coef_).max() < 1e-4 * max(1.0, np.abs(theirs.coef_).max())


def test_the_start_changes_no_optimum() -> None:
    x, labels = problem(100, 5, 3)
    (alone,) = fit_path(x, labels, 3, [1.0], 1000)
    *_, after = fit_path(x, labels, 3, [1e-3, 1.0], 1000)
    assert (alone.weight - after.weight).abs().max() < 1e-5


def test_features_are_standardised_over_the_training_clips_and_constant_ones_left_alone() -> None:
    x = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    standard = Standardiser.of(x)
    assert standard(x).tolist() == [[-1.0, 0.0], [1.0, 0.0]]
    assert standard(torch.tensor([[4.0, 6.0]])).tolist() == [[2.0, 1.0]]


def test_a_class_without_training_clips_is_unlikely_but_no_error() -> None:
    x, labels = problem(50, 4, 2)
    (fit,) = fit_path(x, labels, 3, [1.0], 1000)
    assert fit.probabilities(x)[:, 2].max() < 0.2
