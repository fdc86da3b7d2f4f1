"""Multinomial logistic regression on standardised features, by L-BFGS in double precision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tta_bench.engine.device import torch_threads

TOLERANCE = 1e-8
"""Largest component of the gradient, of the mean loss, at which the optimum counts as found."""
MEMORY = 20
"""Steps that L-BFGS remembers."""


FEW = 2**24
"""Multiply-adds of a product below which threads cost more than they gain."""


@dataclass(frozen=True)
class Standardiser:
    """Mean and deviation of features over the training clips."""

    mean: Tensor
    """``float64 (D,)``."""
    scale: Tensor
    """``float64 (D,)``; 1 where a feature is the same for all."""

    @classmethod
    def of(cls, features: Tensor) -> Standardiser:
        """Return those of features ``(N, D)``."""
        values = features.double()
        deviation = values.std(dim=0, correction=0)
        return cls(values.mean(dim=0), torch.where(deviation > 0, deviation, torch.ones_like(deviation)))

    def __call__(self, features: Tensor) -> Tensor:
        """Return features of mean 0 and deviation 1 on the training clips, ``float64 (N, D)``."""
        return (features.double() - self.mean) / self.scale


@dataclass(frozen=True)
class LogisticRegression:
    """A fitted model of class probabilities."""

    weight: Tensor
    """``float64 (classes, D)``."""
    bias: Tensor
    """``float64 (classes,)``."""
    iterations: int
    """Iterations of L-BFGS."""

    def probabilities(self, features: Tensor) -> NDArray[np.float64]:
        """Return each clip's probabilities, ``(N, classes)``, for standardised features ``(N, D)``."""
        return np.asarray((features @ self.weight.T + self.bias).softmax(-1).cpu().numpy())


def fit_path(
    features: Tensor, labels: Tensor, classes: int, strengths: Sequence[float], max_iter: int
) -> Iterator[LogisticRegression]:
    """Yield the optimum for each C, from the smallest on; each starts from the one before, which is near it.

    Minimised is ``sum(cross-entropy) * C + |weight|^2 / 2``, as scikit-learn does, whose intercept has no penalty
    either. It is convex, so the start changes no optimum.

    Args:
        features: Standardised features, ``float64 (N, D)``.
        labels: Classes, ``int64 (N,)``.
        classes: Number of classes.
        strengths: Values of C, rising.
        max_iter: Most iterations for a value of C.
    """
    start = np.zeros(classes * (features.shape[1] + 1))
    for strength in strengths:
        found, iterations = _minimum(start, features, labels, classes, strength, max_iter)
        start = found
        weight, bias = _parts(torch.from_numpy(found).to(features.device), classes)
        yield LogisticRegression(weight, bias, iterations)


def _minimum(
    start: NDArray[np.float64], features: Tensor, labels: Tensor, classes: int, strength: float, max_iter: int
) -> tuple[NDArray[np.float64], int]:
    """Return the parameters at the optimum, and the iterations that it took."""
    rows, count = torch.arange(len(labels), device=labels.device), len(labels)
    penalty = 1.0 / (strength * count)

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weight, bias = _parts(torch.from_numpy(flat).to(features.device), classes)
        logs = (features @ weight.T + bias).log_softmax(-1)
        slope = logs.exp()
        slope[rows, labels] -= 1.0
        slope /= count
        gradient = torch.cat([slope.T @ features + penalty * weight, slope.sum(0)[:, None]], dim=1)
        value = -logs[rows, labels].mean() + 0.5 * penalty * (weight * weight).sum()
        return float(value), gradient.cpu().numpy().ravel()

    from scipy.optimize import minimize  # takes a third of a second, which other protocols' runs do not wait for

    small = features.device.type == "cpu" and features.numel() * classes < FEW
    options = {"maxiter": max_iter, "maxfun": 2 * max_iter, "gtol": TOLERANCE, "ftol": 0.0, "maxcor": MEMORY}
    with torch_threads(1) if small else nullcontext():
        done = minimize(loss, start, jac=True, method="L-BFGS-B", options=options)  # type: ignore[call-overload]
    return np.asarray(done.x, np.float64), int(done.nit)


def _parts(flat: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Return weight and bias of parameters in a row."""
    both = flat.reshape(classes, -1)
    return both[:, :-1], both[:, -1]
