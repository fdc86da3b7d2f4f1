from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import Tensor, nn

from tta_bench.cards.catalog import backbone_card
from tta_bench.config.resolve import resolve
from tta_bench.data.datasets.hume_reaction import HumeReaction
from tta_bench.data.synthetic.hume_reaction import ReactionSampleSettings, generate_reaction_sample
from tta_bench.errors import UserError
from tta_bench.protocols.reaction.split import ReactionSplit, open_reactions, parts_of
from tta_bench.registry import BACKBONES

FEW = ReactionSampleSettings(
    train_subjects=2, train_clips=2, val_subjects=2, val_clips=1, test_subjects=1, test_clips=1, frames=6, size=16
)


class Looks(nn.Module):
    """A picture's mean colours."""

    def forward(self, pictures: Tensor) -> Tensor:
        return pictures.mean((-1, -2))


class Hears:
    """The loudness of a sound."""

    def __call__(self, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.array([signal.std()], np.float32)


@pytest.fixture(autouse=True)
def backbones() -> None:
    BACKBONES.register_module("looks", module=Looks, modality="image", frames=2, size=16, recipe="cnn")
    BACKBONES.register_module("hears", module=Hears, modality="audio", recipe="audio")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small dataset in Hume-Reaction's form: 4 training and 2 scored clips."""
    return generate_reaction_sample(tmp_path_factory.mktemp("data") / "hume", FEW)


def opened(root: Path, *words: str) -> ReactionSplit:
    (experiment,) = resolve(["protocol=abaw_eri", f"data.root={root}", "clip.cropper=none", *words])
    return open_reactions(experiment, workers=0)  # type: ignore[arg-type]


def test_every_clip_has_faces_and_features_of_each_part(root: Path) -> None:
    clips = opened(root, "backbone=looks+hears")
    assert (len(clips.train), len(clips.scored), len(clips.reactions)) == (4, 2, 2)
    assert all(clip.faces is not None and None not in clip.features for clip in (*clips.train, *clips.scored))
    assert clips.statistics[0] is None
    loudness = [np.load(clip.features[0]).item() for clip in clips.train if clip.features[0]]
    assert clips.statistics[1] is not None
    assert clips.statistics[1].mean.item() == pytest.approx(np.mean(loudness), rel=1e-4)
    assert clips.means == pytest.approx(np.mean([clip.targets for clip in clips.train], axis=0))
    assert clips.extraction.clips == 2 * 6


def test_a_second_opening_takes_everything_from_the_cache(root: Path) -> None:
    first, second = opened(root, "backbone=hears"), opened(root, "backbone=hears")
    assert second.extraction.reused == second.extraction.clips == 6
    assert (first.train, first.identity) == (second.train, second.identity)
    assert first.scored_features is None


def test_a_part_without_any_input_is_refused(root: Path, tmp_path: Path) -> None:
    silent = shutil.copytree(root, tmp_path / "hume")
    for clip in HumeReaction(root).part("train"):
        (silent / "train" / "mp4" / f"{clip.id}.mp4").write_bytes(b"no video")
    with pytest.raises(UserError, match="none of the 4 training clips has the input of hears"):
        opened(silent, "backbone=hears")


def test_a_joined_backbone_has_parts() -> None:
    (experiment,) = resolve(["protocol=abaw_eri", "backbone=looks+hears"])
    assert [part.name for part in parts_of(experiment.backbone)] == ["looks", "hears"]
    assert parts_of(backbone_card("hears")) == (backbone_card("hears"),)


def test_bytes_of_pictures_and_sound_are_the_same_for_every_backbone(root: Path, tmp_path: Path) -> None:
    seen, heard = opened(root, "backbone=looks").standing, opened(root, "backbone=hears").standing
    assert seen.contents == heard.contents is not None
    copy = shutil.copytree(root, tmp_path / "hume")
    scored = opened(copy, "backbone=hears").scored[0].id
    [file] = (copy / "val").rglob(f"{scored}.mp4")
    file.write_bytes(file.read_bytes() + b"\0")
    changed = opened(copy, "backbone=hears")
    assert changed.standing.contents != heard.contents
    assert changed.key == opened(root, "backbone=hears").key  # another clip is scored, and the training is the same
    trained = next((copy / "train").rglob(f"{changed.train[0].id}.mp4"))
    trained.write_bytes(trained.read_bytes() + b"\0")
    assert opened(copy, "backbone=hears").key != changed.key
    assert "2 val clips, and 4,657 are official (only counts are known)" in str(changed.standing.differs)
