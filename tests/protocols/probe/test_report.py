from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.protocols.probe.some_features import some_samples
from tta_bench.config.resolve import resolve
from tta_bench.experiments.probe import FrozenExperiment
from tta_bench.protocols.fine_tune.split import SplitClips
from tta_bench.protocols.probe.encoder import EncodingSize
from tta_bench.protocols.probe.report import EncodingPlan, describe_frozen_plan, frozen_predictions, frozen_run_info

CLASSES = ("MoveLeft", "MoveRight", "ZoomIn")


def experiment(*words: str) -> FrozenExperiment:
    (found,) = resolve(("protocol=ucf101_probe", *words))
    assert isinstance(found, FrozenExperiment)
    return found


def split() -> SplitClips:
    train, test = some_samples(groups=2), some_samples(groups=1, prefix="t")
    return SplitClips(Path(), CLASSES, tuple(train), tuple(test), {}, {"lost": "no frames"}, "0" * 64)


def test_the_plan_counts_bytes_of_every_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = EncodingSize(768, 1568)
    plan = EncodingPlan(["tokens", "pooled"], size, 18_000, 9_000, 0.5)
    text = describe_frozen_plan(experiment(), split(), plan, "the-folder", "ten heads", 42.0)
    assert "9,000 of 18,000 clips" in text
    assert "86.8 GB of features, 43.4 GB of them to be written" in text
    assert "about 1.82e+03 GB of features" in text
    assert "at most 75.0 min of encoding" in text
    assert "768 values x 1,568 tokens" in text
    assert text.endswith("ranked    yes")


@pytest.mark.parametrize("word", ["eval.control=frozen", "probe.blocks=4"])
def test_the_plan_says_that_a_changed_run_is_not_ranked(word: str) -> None:
    plan = EncodingPlan(["tokens"], EncodingSize(2, 2), 1, 0, 0.0)
    assert "ranked    no" in describe_frozen_plan(experiment(word), split(), plan, "x", "y", 1.0)


def test_reversed_clips_have_the_class_that_they_show() -> None:
    scores = np.eye(3, dtype=np.float32)[[0, 0, 1, 1, 0, 0]]
    names = {"MoveLeft": "MoveRight", "MoveRight": "MoveLeft", "ZoomIn": "ZoomIn"}
    found = experiment("eval.control=reversed")
    found = found.model_copy(update={"dataset": found.dataset.model_copy(update={"reversed_class": names})})
    predictions = frozen_predictions(found, split(), scores)
    assert predictions.reversed_labels is not None
    assert predictions.reversed_labels.tolist() == [1, 1, 0, 0, 2, 2]
    assert frozen_predictions(experiment(), split(), scores).reversed_labels is None


def test_the_run_info_has_the_windows_extent_and_the_clips_left_out() -> None:
    info = frozen_run_info(experiment(), split(), None)
    assert (info.expected, info.excluded) == (6, ("lost",))
    assert info.input is not None
    assert (info.input.frames, info.input.size) == (8, 48)
