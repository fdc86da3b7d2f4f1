"""The clips that a run got most wrong, with frames of them."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from tta_bench.data.media.container import UnreadableVideo
from tta_bench.data.media.decode import count_frames, read_frames
from tta_bench.records.files import AnyPredictions
from tta_bench.records.predictions import Predictions
from tta_bench.records.schema import Record

MOST = 20
"""Clips that are shown."""
_HEIGHT = 88
"""Pixels of a frame's height."""
_QUALITY = 70


class WorstClip(NamedTuple):
    """A clip with its frames as addresses that hold the pictures."""

    name: str
    words: str
    pictures: tuple[str, ...]


def worst(predictions: AnyPredictions) -> Iterator[tuple[str, str]]:
    """Yield id and error, in words, of the clips that were most wrong, the worst first.

    For classes these are the wrong ones with the widest margin between the class that was taken and the true one; for
    intensities those with the largest mean absolute error, where the true ones are known.

    Args:
        predictions: Results of the test list.
    """
    if isinstance(predictions, Predictions):
        rows = np.arange(len(predictions.ids))
        scores = predictions.scores.astype(float)
        taken = scores.argmax(1)
        margin = scores[rows, taken] - scores[rows, predictions.labels]
        for index in np.argsort(-margin, kind="stable")[:MOST]:
            true = int(predictions.labels[index])
            if taken[index] != true:
                names = predictions.classes
                words = f"{names[true]}, taken for {names[int(taken[index])]}"
                yield (
                    str(predictions.ids[index]),
                    f"{words} ({scores[index, taken[index]]:.3g} v {scores[index, true]:.3g})",
                )
    elif predictions.targets is not None:
        errors = np.abs(predictions.outputs - predictions.targets)
        for index in np.argsort(-errors.mean(1), kind="stable")[:MOST]:
            most = int(errors[index].argmax())
            said = f"{predictions.outputs[index, most]:.2f} v {predictions.targets[index, most]:.2f}"
            mean = f"mean error {errors[index].mean():.2f}"
            yield str(predictions.ids[index]), f"{mean}; {predictions.emotions[most]}: {said}"


def worst_clips(predictions: AnyPredictions, paths: Mapping[str, Path]) -> list[WorstClip]:
    """Return the worst clips with three frames each, none where a clip cannot be read.

    Args:
        predictions: Results of the test list.
        paths: Files by id; clips that are not among them have no frames.
    """
    return [
        WorstClip(name, words, tuple(_frames(paths[name])) if name in paths else ())
        for name, words in worst(predictions)
    ]


def _frames(path: Path) -> Iterator[str]:
    """Yield frames from the first, middle and last third of a video, as JPEG in an address."""
    try:
        count = count_frames(path)
        frames = read_frames(path, [count // 6, count // 2, count * 5 // 6])
    except (UnreadableVideo, OSError):
        return
    for frame in frames:
        width = max(1, round(frame.shape[1] * _HEIGHT / frame.shape[0]))
        small = cv2.resize(frame[..., ::-1], (width, _HEIGHT), interpolation=cv2.INTER_AREA)
        done, coded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        if done:
            yield "data:image/jpeg;base64," + base64.b64encode(coded.tobytes()).decode()


def files_of_clips(record: Record, root: Path | str | None) -> dict[str, Path]:
    """Return the files of a record's test clips by id; none of a full dataset whose folder was not said.

    Args:
        record: The record.
        root: Folder of the data.

    Raises:
        UserError: The folder is not that of the record's data.
    """
    from tta_bench.cards.catalog import dataset_card
    from tta_bench.data.datasets.open import dataset_root, open_dataset

    if not root and record.identity.tier != "sample":
        return {}
    card = dataset_card(record.identity.dataset.name)
    dataset = open_dataset(card, dataset_root(card, Path(root) if root else None))
    part = record.identity.split
    if hasattr(dataset, "split") and part.isdigit():
        return {sample.id: sample.path for sample in dataset.split(int(part)).test}
    return {clip.id: clip.video for clip in dataset.part(part) if clip.video is not None}
