"""Base classes of metrics, and the registry that a metric puts itself into under its name.

Built-in metrics and those of plug-in files register alike::

    @METRICS.register_module("mean_average_precision")
    class MeanAveragePrecision(SampleMetric):
        title = "mAP"
        needs = "scores"

        def compute(self, samples, weights): ...

The registry is not MMEngine's: boards and ``verify`` recompute figures where MMEngine is not installed.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from tta_bench.errors import UserError, unknown
from tta_bench.metrics.differences import difference_ends
from tta_bench.metrics.intervals import LEVEL, RESAMPLES, Interval, percentiles, resample_weights
from tta_bench.metrics.paired import Difference, two_sided_p
from tta_bench.metrics.proportions import Hits, ends
from tta_bench.metrics.resamplers import Recomputed, Resampler, S
from tta_bench.plugins import PluginCode, code_of_file, file_of, is_own

Needs = Literal["ranks", "intensities", "scores", "nothing"]
"""Bytes per sample that a metric is computed from.

``ranks``: the true class and the byte of its rank (outcomes of a classifier). ``intensities``: outputs and targets
(outcomes of a regression). ``scores``: every class's score, which predictions have and outcomes do not. ``nothing``: it
is not computed from samples, so it cannot be recomputed, nor ranked.
"""


class BaseMetric:
    """A figure's name, heading, format and direction.

    Args:
        name: Name in records and cards.
    """

    title: str = ""
    """Column heading without a unit; the name by default."""
    percent: bool = False
    """A fraction, shown in percent with 2 decimals; other metrics have 4 decimals."""
    higher_is_better: bool = True
    """Direction: boards sort by it."""
    needs: Needs = "nothing"
    beside_score: bool = False
    """Shown on boards of other metrics too, where a run has it."""
    of_controls: bool = False
    """Shown in the table of controls."""
    note: str = ""
    """Footnote of boards that show it."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def heading(self) -> str:
        """Column heading: ``top-1 %``, ``mean r``."""
        title = self.title or self.name.replace("_", " ")
        return f"{title} %" if self.percent else title

    def text(self, value: float) -> str:
        """Return a value as boards show it: percent with 2 decimals, or 4 decimals."""
        return f"{100 * value:z.2f}" if self.percent else f"{value:z.4f}"

    def signed_text(self, difference: float) -> str:
        """Return a difference of two values, with a plus before positive ones."""
        text = self.text(difference)
        return f"+{text}" if float(text) > 0 else text

    def text_with_unit(self, value: float) -> str:
        """Return a value as it stands outside a table: with a percent sign, where it is in percent."""
        return f"{value:.2%}" if self.percent else f"{value:z.4f}"


class SampleMetric(BaseMetric, ABC, Generic[S]):
    """A metric of samples: computed, resampled and compared from what records keep. Only ``compute`` is abstract."""

    needs: Needs = "scores"

    @abstractmethod
    def compute(self, samples: S, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the metric of each resample, ``(resamples,)``.

        Args:
            samples: Samples of one run; ``needs`` says which arrays they have.
            weights: ``(resamples, N)`` times that each sample counts; ones for the metric itself.
        """

    def is_defined(self, samples: S) -> bool:
        """Return True if these samples have the metric: top-5 needs more than five classes, for instance."""
        return True

    def value(self, samples: S) -> float:
        """Return the metric of all samples."""
        return float(self.compute(samples, np.ones((1, len(samples.groups))))[0])

    def measure(self, samples: S, resamples: int = RESAMPLES) -> Interval:
        """Return the metric with its interval from resampling whole groups, as `metrics.proportions` makes it.

        A metric of one group has an interval without a width, which records leave out.
        """
        value, drawn, hits = self.value(samples), self.draws(samples, resamples), self.proportion(samples)
        groups = samples.groups if hits is None else hits.groups
        n_groups = len(np.unique(groups))
        low, high = ends(value, drawn, groups, hits) if n_groups > 1 else (value, value)
        return Interval(value, low, high, len(groups), n_groups)

    def measure_percentile(self, samples: S, resamples: int = RESAMPLES) -> Interval:
        """Return the metric with the plain percentile interval, which records of before have."""
        hits = self.proportion(samples)
        groups = samples.groups if hits is None else hits.groups
        low, high = percentiles(self.draws(samples, resamples))
        return Interval(self.value(samples), float(low), float(high), len(groups), len(np.unique(groups)))

    def draws(self, samples: S, resamples: int = RESAMPLES) -> NDArray[np.float64]:
        """Return the metric in each resample of the groups, ``(resamples,)``."""
        return self._resampled([samples], resamples)[:, 0]

    def proportion(self, samples: S) -> Hits | None:
        """Return the samples of a proportion that the metric is; None for other statistics."""
        right = self.hits(samples)
        return None if right is None else Hits(right, samples.groups)

    def difference(self, a: S, b: S, resamples: int = RESAMPLES) -> Difference:
        """Return the difference of two runs over the same samples in the same order, resampled together."""
        return self.difference_at(a, b, LEVEL, resamples)

    def difference_at(self, a: S, b: S, level: float, resamples: int = RESAMPLES) -> Difference:
        """Return the difference of two runs over the same samples, with an interval of a coverage of one's own.

        Of proportions it is Newcombe's hybrid (`metrics.differences`). One group tells nothing of others: the ends are
        then not numbers, and p is 1.
        """
        first, second = self.draws(a, resamples), self.draws(b, resamples)
        values, parts = (self.value(a), self.value(b)), (self.proportion(a), self.proportion(b))
        hits = None if parts[0] is None or parts[1] is None else (parts[0], parts[1])
        groups = a.groups if hits is None else hits[0].groups
        value, n_groups = values[0] - values[1], len(np.unique(groups))
        if n_groups < 2:
            return Difference(value, math.nan, math.nan, 1.0, len(groups), n_groups)
        low, high = difference_ends(values, (first, second), groups, hits, level)
        return Difference(value, low, high, two_sided_p(first - second), len(groups), n_groups)

    def interval_name(self, samples: S) -> str:
        """Return the name of the interval that a difference of two runs has, as `difference_ends` makes it."""
        hybrid = self.proportion(samples) is not None
        return "Newcombe's interval" if hybrid else "expanded percentiles of resampled groups"

    def resampler(self, runs: Sequence[S]) -> Resampler:
        """Return runs over the same samples, ready to be resampled by their groups in sorted order."""
        return Recomputed(self.compute, runs)

    def hits(self, samples: S) -> NDArray[Any] | None:
        """Return the count of each sample, ``(N,)`` from 0 to 1; None for a metric without right and wrong."""
        return None

    def _resampled(self, runs: Sequence[S], resamples: int) -> NDArray[np.float64]:
        ready = self.resampler(runs)
        blocks = resample_weights(len(np.unique(runs[0].groups)), resamples)
        return np.concatenate([ready.resampled(weights)[0] for weights in blocks])


MetricClass = TypeVar("MetricClass", bound=type[BaseMetric])


class Metrics:
    """The registered metrics, by name."""

    def __init__(self) -> None:
        self.module_dict: dict[str, type[BaseMetric]] = {}

    def register_module(self, name: str) -> Callable[[MetricClass], MetricClass]:
        """Return a decorator that registers a metric's class under a name, as MMEngine's registries do.

        Raises:
            UserError: The name is taken.
        """

        def register(made: MetricClass) -> MetricClass:
            if name in self.module_dict:
                raise UserError(f"two metrics are called '{name}'.", "Rename one of them.")
            self.module_dict[name] = made
            return made

        return register

    def __contains__(self, name: str) -> bool:
        return name in self.module_dict

    def __iter__(self) -> Iterator[BaseMetric]:
        """Yield an instance of every metric, the suite's own first, in the order of their registration."""
        yield from (made(name) for name, made in self.module_dict.items())

    def get(self, name: str) -> BaseMetric:
        """Return the metric of a name.

        Raises:
            UserError: No such metric is registered; names the nearest.
        """
        if name not in self.module_dict:
            error = unknown("metric", name, self.module_dict)
            raise UserError(error.message, f"{error.hint} A plug-in file that registers it: --plugin FILE.py.")
        return self.module_dict[name](name)

    def describe(self, name: str) -> BaseMetric:
        """Return the metric of a name, or a bare one (4 decimals) where the plug-in that registers it is not loaded."""
        return self.get(name) if name in self else BaseMetric(name)

    def of_samples(self, name: str) -> SampleMetric[Any] | None:
        """Return the metric of a name if it is registered and computed from samples."""
        metric = self.describe(name)
        return metric if isinstance(metric, SampleMetric) else None

    def code(self, name: str) -> tuple[PluginCode, ...]:
        """Return the identity of the plug-in file that registers a metric; empty for the suite's own."""
        made = self.module_dict[name]
        file = None if is_own(made) else file_of(made)
        return () if file is None else (code_of_file(file),)

    def forget_plugins(self) -> None:
        """Forget every metric that is not the suite's own."""
        self.module_dict = {name: made for name, made in self.module_dict.items() if is_own(made)}

    def own(self) -> list[SampleMetric[Any]]:
        """Return the suite's own metrics of samples, which every record has where its samples allow them."""
        return [metric for metric in self if isinstance(metric, SampleMetric) and is_own(type(metric))]


METRICS = Metrics()
"""Metrics by name. Those of a plug-in file are there once the file was imported."""


@METRICS.register_module("loss")
class Loss(BaseMetric):
    """Training loss: not computed from what records keep, so neither recomputed nor ranked."""

    higher_is_better = False
