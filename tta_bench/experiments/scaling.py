"""The scaling study: its card, its settings (keys as users type them) and its experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from tta_bench.cards.kinds import BackboneCard
from tta_bench.cards.protocol import ProtocolCard, TierSettings
from tta_bench.cards.validation import Strict
from tta_bench.experiments.base import Experiment
from tta_bench.experiments.common import DataSettings
from tta_bench.experiments.ranges import DISTINCT, MOST, Seed


class StudySettings(Strict):
    """Sizes, seeds and the two protocols of a scaling study."""

    sizes: Annotated[tuple[Annotated[int, Field(ge=0, le=MOST)], ...], DISTINCT] = Field(min_length=1)
    """Clips of each subset of the corpus; smaller ones are contained in larger ones."""
    seeds: Annotated[tuple[Seed, ...], DISTINCT] = Field(default=(0, 1, 2), min_length=1)
    """Seeds at every size."""
    steps: int = Field(gt=0, le=MOST)
    """Steps of pre-training at every size."""
    pretrain: str = "tta_pretrain"
    """Protocol of the pre-training."""
    then: str = "ucf101_ft"
    """Protocol that each pre-trained backbone is then judged by: a fine-tune, a frozen one, or several of them."""
    labels: int | None = Field(default=None, gt=0, le=MOST)
    """Labelled clips of a fine-tune; by default all, as frozen protocols have them."""
    then_steps: int | None = Field(default=None, gt=0, le=MOST)
    """Steps of a fine-tune; by default its own. Setting this puts the runs on the ``tuned`` track."""

    @property
    def judges(self) -> tuple[str, ...]:
        """Protocols of ``then``, each once."""
        return tuple(dict.fromkeys(name.strip() for name in self.then.split(",")))


class ScalingTier(TierSettings):
    """One tier of a scaling study."""

    study: StudySettings


class ScalingCard(ProtocolCard):
    """A scaling study: accuracy against the size of the pre-training corpus."""

    full: ScalingTier
    sample: ScalingTier


class ScalingExperiment(Experiment, component="Scaling"):
    """A study over sizes and seeds, made of other experiments."""

    protocol: ScalingCard
    study: StudySettings
    data: DataSettings
    """Folders of the data of the inner experiments."""

    @classmethod
    def resolve(cls, sections: Mapping[str, Any], backbone: BackboneCard, data: DataSettings) -> dict[str, Any]:
        """Return the sections, and the folders of the data of the inner experiments.

        Raises:
            UserError: Findings about the test clips of given weights are given; a study trains its own.
        """
        data.refuse_overlap("a study, which trains its own,")
        return {**sections, "data": data}

    @classmethod
    def training_sections(cls) -> tuple[str, ...]:
        """Return nothing: a study trains nothing itself, and its inner experiments say what they depend on."""
        return ()
