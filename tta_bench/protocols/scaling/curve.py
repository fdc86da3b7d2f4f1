"""Accuracy against corpus size: a saturating curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tta_bench.metrics.intervals import LEVEL

FEWEST_SIZES = 4
"""A curve of three parameters goes through any three sizes."""
EXPONENTS = np.geomspace(0.02, 8.0, 400)
"""Grid of exponents; a best one at either end does not count."""


class Saturation(NamedTuple):
    """The curve ``asymptote - gain * (n / smallest) ** -exponent``."""

    asymptote: float
    """Accuracy in the limit of unlimited data."""
    low: float
    """Lower end of its interval (Student's t, from the curve's covariance)."""
    high: float
    """Upper end of its interval."""
    gain: float
    """Asymptote minus accuracy at the smallest size."""
    exponent: float
    smallest: float
    """The smallest size."""
    deviation: float
    """Standard deviation of the points about the curve."""

    def at(self, sizes: Any) -> NDArray[np.float64]:
        """Return the curve's values at some sizes."""
        ratio = np.asarray(sizes, float) / self.smallest
        return np.asarray(self.asymptote - self.gain * ratio**-self.exponent, float)


class NotIdentifiable(NamedTuple):
    """No curve: the points do not determine one."""

    reason: str


def fit_saturation(
    sizes: Sequence[float], values: Sequence[float], level: float = LEVEL
) -> Saturation | NotIdentifiable:
    """Fit a saturating power law by least squares, or return the reason why the points do not determine one.

    They do if there are four sizes or more, if the curve is better than a constant (F-test at ``1 - level``), if it
    rises and bends (an exponent strictly between 0.02 and 8), and if half the asymptote's interval is narrower than the
    span of the sizes' means.

    Args:
        sizes: ``(N,)`` size of each point, more than 0; several points may have one size.
        values: ``(N,)`` value of each point.
        level: Coverage of the asymptote's interval.
    """
    n, y = np.asarray(sizes, float), np.asarray(values, float)
    distinct = np.unique(n)
    if len(distinct) < FEWEST_SIZES:
        return NotIdentifiable(f"a curve of three parameters needs {FEWEST_SIZES} sizes, and there are {len(distinct)}")
    ratio = n / distinct[0]
    exponent, gain, asymptote, squares = _best(ratio, y)
    constant = float(((y - y.mean()) ** 2).sum())
    freedom = len(y) - 3
    p = _f_test(constant, squares, freedom)
    if p > 1 - level:
        return NotIdentifiable(f"a constant fits as well (F-test, p = {p:.2f})")
    if gain <= 0:
        return NotIdentifiable("more data does not raise the values")
    if not EXPONENTS[0] < exponent < EXPONENTS[-1]:
        reason = "the values do not level off" if exponent <= EXPONENTS[0] else "all but the smallest size are alike"
        return NotIdentifiable(f"{reason}, so nothing says where the curve bends")
    half = _half_width(ratio, gain, exponent, squares, freedom, level)
    means = [float(y[n == size].mean()) for size in distinct]
    span = max(means) - min(means)
    if half > span:
        return NotIdentifiable(
            f"the asymptote is known to ± {half:.4f} only, and the sizes' means span {span:.4f} in all"
        )
    deviation = float(np.sqrt(squares / freedom))
    return Saturation(asymptote, asymptote - half, asymptote + half, gain, exponent, float(distinct[0]), deviation)


def _best(ratio: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Return exponent, gain, asymptote and sum of squares of the best curve.

    Given the exponent, the curve is linear in the other two, so only the exponent is searched for.
    """
    from scipy.optimize import minimize_scalar  # costs .4 s, and boards do not need it

    logs = np.log(EXPONENTS)
    squares_by_exponent = [_line(ratio**-exponent, y)[2] for exponent in EXPONENTS]
    best_index = int(np.argmin(squares_by_exponent))
    if 0 < best_index < len(logs) - 1:
        best = minimize_scalar(
            lambda log: _line(ratio ** -np.exp(log), y)[2],
            bounds=(logs[best_index - 1], logs[best_index + 1]),
            method="bounded",
            options={"xatol": 1e-9},
        )
        exponent = float(np.exp(best.x))
    else:
        exponent = float(EXPONENTS[best_index])
    gain, asymptote, squares = _line(ratio**-exponent, y)
    return exponent, gain, asymptote, squares


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return b, a and the sum of squares of the least-squares line ``a - b x``."""
    centred = x - x.mean()
    slope = float(centred @ y / (centred @ centred))
    asymptote = float(y.mean() - slope * x.mean())
    return -slope, asymptote, float(((y - asymptote - slope * x) ** 2).sum())


def _f_test(constant: float, squares: float, freedom: int) -> float:
    """Return the p-value of the hypothesis that a constant is enough, against the curve's two further parameters."""
    from scipy.stats import f

    if constant <= 1e-20:
        return 1.0
    if squares <= 1e-12 * constant:
        return 0.0
    return float(f.sf((constant - squares) / 2 / (squares / freedom), 2, freedom))


def _half_width(
    ratio: NDArray[np.float64], gain: float, exponent: float, squares: float, freedom: int, level: float
) -> float:
    """Return half the width of the asymptote's interval."""
    from scipy.stats import t

    power = ratio**-exponent
    jacobian = np.column_stack([np.ones_like(power), -power, gain * power * np.log(ratio)])
    covariance = np.linalg.pinv(jacobian.T @ jacobian) * squares / freedom
    return float(t.ppf((1 + level) / 2, freedom) * np.sqrt(covariance[0, 0]))
