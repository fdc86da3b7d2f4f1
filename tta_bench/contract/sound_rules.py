"""The rules of the contract for backbones of sound, a function each: as `tta_bench.contract.rules`, for a sound."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tta_bench.cards.kinds import SOUND_RATE, BackboneCard
from tta_bench.contract.rules import Broken
from tta_bench.data.media.sound import LOUDEST
from tta_bench.models.backbones.audio import AudioBackbone, build_audio
from tta_bench.utils.keyed_random import generator


class SoundSubject:
    """A backbone of sound under test; it is built once, when a rule first asks for it.

    Args:
        card: The backbone's card.
    """

    def __init__(self, card: BackboneCard) -> None:
        self.card = card
        draw = generator("check", "sound")
        noise = draw.normal(0, 0.1, SOUND_RATE).clip(-1, LOUDEST).astype(np.float32)
        self.sounds = {
            "1 s of noise": noise,
            "60 ms of noise": noise[: SOUND_RATE * 60 // 1000],
            "10 s of noise": np.tile(noise, 10),
            "noise at the limits": np.where(noise > 0, LOUDEST, -1).astype(np.float32),
            "almost silence": np.where(noise > 0.2, 2**-14, 0).astype(np.float32),
        }

    @cached_property
    def backbone(self) -> AudioBackbone:
        """The backbone."""
        return build_audio(self.card)

    def features(self, name: str) -> NDArray[np.floating]:
        """Return the backbone's features of a copy of one of the sounds."""
        return np.asarray(self.backbone(self.sounds[name].copy()))


def builds(subject: SoundSubject) -> str:
    """The component takes the card's arguments and returns a function of a sound."""
    return type(subject.backbone).__name__


def output_shape(subject: SoundSubject) -> str:
    """Features (D,) or a sequence (T, D), of one width for sounds of every length from 60 ms on."""
    shapes = {name: subject.features(name).shape for name in subject.sounds}
    if wrong := {name: shape for name, shape in shapes.items() if len(shape) not in (1, 2) or 0 in shape}:
        raise Broken(_each(wrong))
    if len({(len(shape), shape[-1]) for shape in shapes.values()}) > 1:
        raise Broken(_each(shapes))
    return _each(shapes)


def finite_features(subject: SoundSubject) -> str:
    """Every feature is a finite number, for loud and for almost silent sounds too."""
    missing = {name: int(np.count_nonzero(~np.isfinite(subject.features(name)))) for name in subject.sounds}
    if any(missing.values()):
        raise Broken("not finite: " + _each({name: count for name, count in missing.items() if count}))
    return f"finite for {len(missing)} sounds"


def determinism(subject: SoundSubject) -> str:
    """The same sound gives the same features to the bit, whatever was heard before."""
    first = subject.features("1 s of noise")
    subject.features("noise at the limits")
    if not np.array_equal(first, subject.features("1 s of noise"), equal_nan=True):
        raise Broken("they differ")
    return "equal"


def input_untouched(subject: SoundSubject) -> str:
    """The sound itself is not changed."""
    sound = subject.sounds["1 s of noise"].copy()
    subject.backbone(sound)
    if not np.array_equal(sound, subject.sounds["1 s of noise"]):
        raise Broken("the sound was changed in place")
    return "unchanged"


SOUND_RULES = (builds, output_shape, finite_features, determinism, input_untouched)


def _each(found: dict[str, tuple[int, ...]] | dict[str, int]) -> str:
    return ", ".join(f"{value} for {name}" for name, value in found.items())
