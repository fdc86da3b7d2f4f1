"""Taking faces and sound from the embedded sample of reactions: nothing lost, nothing changed, nothing twice."""

from __future__ import annotations

import multiprocessing
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tta_bench.cards.catalog import backbone_card, dataset_card
from tta_bench.data.datasets.hume_reaction import HumeReaction, ListedReaction
from tta_bench.data.features.cache import Extractor, Features, extract
from tta_bench.data.features.extractors import SoundFeatures
from tta_bench.data.synthetic.cache import sample_root
from tta_bench.data.synthetic.hume_reaction import ReactionSampleSettings
from tta_bench.data.transforms.faces import FaceFrames
from tta_bench.models.backbones.audio import build_audio, frozen_identity

pytestmark = pytest.mark.acceptance
WHOLE = ReactionSampleSettings()
FEW = ReactionSampleSettings(
    train_subjects=5, train_clips=4, val_subjects=4, val_clips=2, test_subjects=2, test_clips=2
)


class Signed:
    """An extractor whose workers leave their process number at every clip."""

    def __init__(self, extractor: Extractor, log: Path) -> None:
        self.extractor, self.log = extractor, log

    def __call__(self, path: Path) -> tuple[NDArray[Any] | None, dict[str, int]]:
        found = self.extractor(path)
        with self.log.open("a") as stream:
            stream.write(f"{os.getpid()}\n")
        return found

    def identity(self) -> dict[str, Any]:
        return self.extractor.identity()


@pytest.fixture(
    scope="module",
    params=[pytest.param(FEW, id="few clips"), pytest.param(WHOLE, id="whole", marks=pytest.mark.long)],
)
def clips(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[ListedReaction]:
    settings = asdict(request.param)
    begun = time.monotonic()
    root = sample_root(tmp_path_factory.mktemp("samples"), "hume_reaction_sample", "HumeReaction", settings)
    print(f"\nsample of reactions made in {time.monotonic() - begun:.0f} s")
    dataset = HumeReaction(root, **dataset_card("hume_reaction_sample").arguments)
    return [clip for part in ("train", "val", "test") for clip in dataset.part(part)]


def take(clips: list[ListedReaction], what: str, cache: Path, workers: int) -> tuple[Features, list[str]]:
    """Take faces or the features of an audio backbone, and return them with the process of every clip made."""
    if what == "faces":
        extractor: Extractor = FaceFrames(size=48, frames=4, cropper="haar")
        sources = {clip.id: clip.video for clip in clips}
    else:
        card = backbone_card(what)
        extractor = SoundFeatures(build_audio(card), frozen_identity(card))
        sources = {clip.id: clip.audio for clip in clips}
    log = cache.with_suffix(".log")
    log.unlink(missing_ok=True)
    features = extract(sources, Signed(extractor, log), cache, workers, what)
    return features, log.read_text().split() if log.exists() else []


@pytest.mark.parametrize("what", ["faces", "egemaps"])
def test_3_one_and_two_workers_give_the_same_and_none_is_lost(
    clips: list[ListedReaction], what: str, tmp_path: Path
) -> None:
    one, by_one = take(clips, what, tmp_path / "one", workers=1)
    two, by_two = take(clips, what, tmp_path / "two", workers=2)
    assert multiprocessing.active_children() == []
    assert len(clips) in (32, 168)
    assert (len(by_one), len(by_two)) == (len(clips), len(clips))
    assert len(set(by_one)) == 1
    assert len(set(by_two)) == 2
    assert one.notes == two.notes
    assert not {id for id, file in one.files.items() if file is None}
    for clip in clips:
        np.testing.assert_array_equal(one.read(clip.id), two.read(clip.id), strict=True)  # type: ignore[arg-type]
    again, by_none = take(clips, what, tmp_path / "two", workers=2)
    assert (again.made, again.reused, by_none) == (0, len(clips), [])
    assert again.files == two.files
    print(f"\n{what}: {len(clips)} clips equal with 1 and 2 workers, 0 workers lost; second run: {again.summary()}")
