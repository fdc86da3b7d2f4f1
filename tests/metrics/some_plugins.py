"""A metric in a plug-in file, with the card of a protocol that ranks by it."""

from __future__ import annotations

from pathlib import Path

METRIC = '''"""Mean average precision over classes, of every sample's scores."""

from pathlib import Path

import numpy as np

from tta_bench.metrics import METRICS, SampleMetric

Path(__file__).with_suffix(".imported").touch()


@METRICS.register_module("mean_average_precision")
class MeanAveragePrecision(SampleMetric):
    """Mean over classes of the average precision of samples ranked by their score for the class."""

    title = "mAP"
    percent = True

    def compute(self, samples, weights):
        """Return the metric of each resample; classes of which none was drawn are left out."""
        precisions, drawn = [], []
        for k in range(len(samples.classes)):
            order = np.argsort(-samples.scores[:, k], kind="stable")
            weight, right = weights[:, order], samples.labels[order] == k
            precision = (weight * right).cumsum(axis=1) / np.maximum(weight.cumsum(axis=1), 1)
            members = (weight * right).sum(axis=1)
            precisions.append((precision * weight * right).sum(axis=1) / np.maximum(members, 1))
            drawn.append(members > 0)
        return np.sum(precisions, axis=0) / np.sum(drawn, axis=0)
'''
CARD = """_base_: ucf101_ft
name: ucf101_map
summary: Fine-tune on UCF101, mean average precision
score: mean_average_precision
"""


def write_metric(registry: Path) -> Path:
    """Write the card into a folder of cards and the plug-in beside that folder; return the plug-in's file."""
    (registry / "protocols").mkdir(parents=True, exist_ok=True)
    (registry / "protocols" / "ucf101_map.yaml").write_text(CARD)
    path = registry.parent / "map.py"
    path.write_text(METRIC)
    return path
