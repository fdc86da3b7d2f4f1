from __future__ import annotations

import pytest

from tta_bench.cards.catalog import backbone_card
from tta_bench.config.resolve import resolve
from tta_bench.errors import UserError
from tta_bench.experiments.reaction import FaceClipSettings, resolve_face_clip


def test_a_clip_is_the_backbones_where_it_is_left_open() -> None:
    backbone = backbone_card("resnet50")
    clip = resolve_face_clip(FaceClipSettings(), backbone)
    assert (clip.frames, clip.size) == (backbone.frames, backbone.size)
    assert (clip.extent.frames, clip.extent.stride, clip.extent.span) == (clip.frames, 1, clip.frames)


def test_a_backbone_that_sees_nothing_has_no_frames() -> None:
    clip = resolve_face_clip(FaceClipSettings(), backbone_card("egemaps"))
    assert (clip.frames, clip.size) == (0, 0)


def test_parts_that_want_different_clips_are_told_what_to_say() -> None:
    card = backbone_card("resnet50+videomaev2_vit_tiny")
    with pytest.raises(UserError, match="want different clips") as error:
        resolve_face_clip(FaceClipSettings(), card)
    assert error.value.hint == "Say clip.frames and clip.size."


def test_only_visual_parts_are_shown_clips_and_the_detectors_file_is_kept() -> None:
    words = ["protocol=abaw_eri", "backbone=resnet50+egemaps", "data.face_model=yunet.onnx"]
    (experiment,) = resolve(words)
    ((card, clip),) = experiment.clips_to_check()
    assert (card.name, clip) == ("resnet50", experiment.clip.extent)
    assert str(experiment.face_model) == "yunet.onnx"


@pytest.mark.parametrize("words", [[], ["backbone=egemaps"]])
def test_copies_of_clips_that_are_read_once_are_refused(words: list[str]) -> None:
    with pytest.raises(UserError, match=r"data\.cache: reactions read each clip once"):
        resolve(["protocol=abaw_eri", "data.cache=/near", *words])
