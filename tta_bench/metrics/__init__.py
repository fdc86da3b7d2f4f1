"""Metrics: accuracy, Pearson, intervals and paired comparison, on plain arrays; ``METRICS`` has all by name."""

from tta_bench.metrics.base import METRICS, BaseMetric, SampleMetric
from tta_bench.plugins import import_submodules

__all__ = ["METRICS", "BaseMetric", "SampleMetric"]

import_submodules(__name__)
