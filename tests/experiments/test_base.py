from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.identities import lines
from tta_bench.cards.catalog import backbone_card
from tta_bench.config.resolve import resolve
from tta_bench.errors import UserError
from tta_bench.experiments.base import (
    EXPERIMENTS,
    ClipSettings,
    Experiment,
    ResolvedClip,
    backbone_identity,
    protocol_hash,
    resolve_clip,
)
from tta_bench.experiments.fine_tune import FineTuneCard

VIT = backbone_card("videomaev2_vit_tiny")


@given(st.integers(1, 40), st.integers(1, 200))
def test_a_size_is_rounded_up_to_the_backbones_multiple(multiples: int, size: int) -> None:
    backbone = VIT.model_copy(update={"size_multiple": multiples})
    clip = resolve_clip(ClipSettings(span=32, size=size), backbone)
    assert clip.size % multiples == 0 or clip.size == VIT.size
    assert size <= clip.size < size + multiples


def test_what_the_protocol_leaves_open_is_the_backbones() -> None:
    clip = resolve_clip(ClipSettings(span=64), VIT)
    assert (clip.frames, clip.size, clip.span) == (VIT.frames, VIT.size, 64)
    assert clip.stride == (VIT.stride or 64 // VIT.frames)
    assert resolve_clip(ClipSettings(span=64, stride=2), VIT).stride == 2


def test_a_clip_is_told_in_english() -> None:
    said = [str(ResolvedClip(span=64, frames=4, stride=stride, size=32)) for stride in (1, 2, 3, 4, 21)]
    steps = ("in a row", "every 2nd", "every 3rd", "every 4th", "every 21st")
    assert said == [f"4 frames, {step}, 32 pixels" for step in steps]
    spread = ResolvedClip(span=64, frames=4, stride=2, size=32, sampling="uniform")
    assert str(spread) == "4 frames, spread over the video, 32 pixels"


def test_a_clip_that_a_backbone_does_not_take_is_refused() -> None:
    fixed = VIT.model_copy(update={"size_multiple": None, "frames_multiple": None})
    with pytest.raises(UserError, match="pixels only, and 50 were asked for"):
        resolve_clip(ClipSettings(span=64, size=50), fixed)
    with pytest.raises(UserError, match="frames only, and 3 were asked for"):
        resolve_clip(ClipSettings(span=64, frames=3), fixed)
    with pytest.raises(UserError, match="a multiple of 4 frames, and 3 were asked for"):
        resolve_clip(ClipSettings(span=64, frames=3), VIT.model_copy(update={"frames_multiple": 4}))


def test_a_subclass_is_the_kind_of_its_components_cards() -> None:
    kind = EXPERIMENTS["FineTune"]
    assert kind.card_kind() is FineTuneCard
    assert kind.training_sections() == ("clip", "train")
    with pytest.raises(UserError, match="two kinds of experiment are of the component 'FineTune'"):
        type("Other", (Experiment,), {"__module__": "elsewhere"}, component="FineTune")


def test_identities_are_the_committed_ones() -> None:
    """They change on purpose only: with NUMERICS_VERSION, or with a protocol's version."""
    assert "\n".join(lines()) + "\n" == (Path(__file__).parents[1] / "identities.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("change", ["train.lr=1", "clip.stride=1", "seed=1", "split=2", "limit=9"])
def test_weights_depend_on_training_and_data(change: str, tmp_path: Path) -> None:
    usual, changed = (resolve(["protocol=ucf101_ft", f"data.root={tmp_path}", *words])[0] for words in ((), (change,)))
    assert usual.training_identity("data", None, "fp32") != changed.training_identity("data", None, "fp32")


@pytest.mark.parametrize("change", ["eval.crops=1", "runtime.workers=3", "eval.control=reversed"])
def test_weights_do_not_depend_on_the_test_or_the_machine(change: str) -> None:
    usual, changed = (resolve(["protocol=ucf101_ft", *words])[0] for words in ((), (change,)))
    assert usual.training_identity("data", None, "fp32") == changed.training_identity("data", None, "fp32")
    assert (usual.run_key("t") != changed.run_key("t")) == change.startswith("eval")


def test_prose_is_no_part_of_an_identity() -> None:
    (experiment,) = resolve(["protocol=ucf101_ft"])
    card = experiment.protocol
    reworded = card.model_copy(update={"summary": "in other words", "citation": None})
    assert protocol_hash(reworded) == protocol_hash(card)
    assert protocol_hash(card.model_copy(update={"version": 2})) != protocol_hash(card)
    assert backbone_identity(VIT.model_copy(update={"summary": "else", "gmacs": 1.0})) == backbone_identity(VIT)


def test_settings_hold_no_path(tmp_path: Path) -> None:
    (experiment,) = resolve(["protocol=ucf101_ft", f"data.root={tmp_path}"])
    assert str(tmp_path) not in str(experiment.settings())
    assert set(experiment.settings()) == {"clip", "train", "eval", "runtime", "limit"}
