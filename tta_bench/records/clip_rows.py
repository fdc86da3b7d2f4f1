"""Scores of a record clip by clip, as they are looked at from Python: rows, or a frame of pandas."""

from __future__ import annotations

from typing import Any

from tta_bench.metrics.ties import places
from tta_bench.records.files import AnyPredictions
from tta_bench.records.intensities import Intensities
from tta_bench.records.predictions import Predictions
from tta_bench.records.views import frame


class ClipRows(list[dict[str, Any]]):
    """Rows of clips, each with the same keys.

    Of a classifier: ``id``, ``group``, ``label`` (the true class), ``taken`` (the class of the highest score), ``rank``
    (classes that score as high as the true one, or higher; 0 is a hit), and ``score of CLASS`` for each class. Of
    intensities: ``id``, ``EMOTION`` for each, and where the labels are kept, ``true EMOTION``.
    """

    def to_frame(self) -> Any:
        """Return a pandas frame with a row for each clip.

        Raises:
            UserError: pandas is not installed.
        """
        return frame(self)


def clip_rows(predictions: AnyPredictions) -> ClipRows:
    """Return a row for each clip, sorted by id.

    Args:
        predictions: The results of a model.
    """
    return ClipRows(_intensities(predictions) if isinstance(predictions, Intensities) else _classes(predictions))


def _classes(kept: Predictions) -> list[dict[str, Any]]:
    ranks, _, _ = places(kept.scores, kept.labels)
    taken = kept.scores.argmax(axis=1)
    names = [f"score of {name}" for name in kept.classes]
    return [
        {
            "id": str(kept.ids[index]),
            "group": str(kept.groups[index]),
            "label": kept.classes[kept.labels[index]],
            "taken": kept.classes[taken[index]],
            "rank": int(ranks[index]),
            **dict(zip(names, scores, strict=True)),
        }
        for index, scores in enumerate(kept.scores.tolist())
    ]


def _intensities(kept: Intensities) -> list[dict[str, Any]]:
    rows = [
        {"id": str(name), **dict(zip(kept.emotions, outputs, strict=True))}
        for name, outputs in zip(kept.ids, kept.outputs.tolist(), strict=True)
    ]
    if kept.targets is not None:
        names = [f"true {emotion}" for emotion in kept.emotions]
        for row, targets in zip(rows, kept.targets.tolist(), strict=True):
            row |= dict(zip(names, targets, strict=True))
    return rows
