"""The curve that people watch: a vote of neighbours by the encoder as it is, every so many epochs of pre-training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tta_bench.config.resolve import resolve
from tta_bench.data.features.encoded import WindowRule
from tta_bench.data.loading import batches_of, test_loader
from tta_bench.engine.device import Machine
from tta_bench.engine.metrics_log import WATCHED, read_metrics
from tta_bench.errors import UserError
from tta_bench.experiments.pretrain import PretrainExperiment
from tta_bench.experiments.probe import NeighbourExperiment
from tta_bench.models.build import build_backbone
from tta_bench.models.checkpoints.load import load_backbone
from tta_bench.protocols.fine_tune.split import SplitClips
from tta_bench.protocols.pretrain.model import MaskedAutoencoder
from tta_bench.protocols.probe.encoder import CLIPS_AT_ONCE, Encoder, FrozenBackbone
from tta_bench.protocols.probe.fitting import labels_of
from tta_bench.protocols.probe.heads import NeighbourHead, mean_over_windows
from tta_bench.protocols.probe.selection import accuracy
from tta_bench.protocols.probe.split import open_frozen_split
from tta_bench.records.selection import Curve
from tta_bench.utils.progress import console

BATCHES_IN_TURN = 64
"""Batches after which the processes ask each other whether a stop is wanted."""


def judge(experiment: PretrainExperiment) -> NeighbourExperiment:
    """Return the experiment of the protocol that looks at a pre-training's encoder.

    Raises:
        UserError: ``knn.protocol`` is not one of neighbours, or its data are not on this machine.
    """
    knn, runtime = experiment.knn, experiment.runtime.model_dump(exclude_defaults=True)
    words = [f"protocol={knn.protocol}", f"backbone={experiment.backbone.name}", "weights=none"]
    words += [f"tier={experiment.tier}", f"split={knn.split}", f"precision={experiment.precision}"]
    words += [f"data.roots.{name}={root}" for name, root in experiment.data.roots.items()]
    words += [f"runtime.{key}={value}" for key, value in runtime.items() if key in ("device", "workers")]
    [found] = resolve(words, experiment.plugins)
    if not isinstance(found, NeighbourExperiment):
        raise UserError(f"knn.protocol={knn.protocol} is no vote of neighbours.", "Try ucf101_knn or hmdb51_knn.")
    return found


@dataclass(frozen=True)
class NeighbourCurve:
    """The look at an encoder: the protocol's clips through it, and the vote of its training clips on its test clips."""

    experiment: NeighbourExperiment
    clips: SplitClips
    machine: Machine

    @classmethod
    def of(cls, experiment: PretrainExperiment, machine: Machine, work_dir: Path) -> NeighbourCurve | None:
        """Return the look at a pre-training's encoder, its clips decoded once; None if none is wanted.

        Raises:
            UserError: See `judge` and `open_frozen_split`.
        """
        if experiment.knn.every is None:
            return None
        asked = judge(experiment)
        return cls(asked, open_frozen_split(asked, work_dir, machine.workers), machine)

    @cached_property
    def rule(self) -> WindowRule:
        """The windows of a clip."""
        return WindowRule(self.experiment.clip, self.experiment.encode.windows)

    def encoder(self, autoencoder: MaskedAutoencoder) -> Encoder:
        """Return a frozen copy of an autoencoder's encoder, as a run of the protocol would load it."""
        asked = self.experiment
        backbone = build_backbone(asked.backbone, asked.clip)
        load_backbone(backbone, {"model": autoencoder.state_dict()})
        frozen = FrozenBackbone(backbone).requires_grad_(False).eval().to(self.machine.device)
        return Encoder(asked.backbone, asked.clip, None, asked.seed, self.machine, asked.plugins, [frozen])

    def accuracy(self, autoencoder: MaskedAutoencoder, stopped: Callable[[], bool]) -> float | None:
        """Return the share of the test clips that the vote gets right; the processes share the encoding.

        Args:
            autoencoder: The model in training, which is left alone.
            stopped: Asks whether a stop is wanted.

        Returns:
            The share; None if a stop is wanted, or the features are no finite numbers.
        """
        try:
            features = self.encoded(self.encoder(autoencoder), stopped)
        except UserError as error:
            console.print(f"no {WATCHED} at this step: {error}", style="dim", markup=False)
            return None
        if features is None:
            return None
        knn, train = self.experiment.knn, self.clips.train
        bank = mean_over_windows(features[: len(train)])
        head = NeighbourHead(bank, labels_of(train), len(self.clips.classes), knn.k, knn.temperature)
        return accuracy(head.scores(features[len(train) :]), labels_of(self.clips.test).numpy())

    def encoded(self, encoder: Encoder, stopped: Callable[[], bool]) -> NDArray[np.float16] | None:
        """Return the features ``float16 (clips, W, D)`` of training and test clips; None if a stop is wanted.

        Raises:
            UserError: They are no finite numbers.
        """
        samples, machine, world = [*self.clips.train, *self.clips.test], self.machine, self.machine.world
        batches = batches_of(len(samples), CLIPS_AT_ONCE[machine.device.type])
        shares = world.shares(len(batches))
        own = [batches[number] for number in shares[world.rank]]
        loader = iter(test_loader(self.rule.clips(samples, self.clips.lengths), own, machine.workers, machine.pin))
        made: list[NDArray[np.float16]] = []
        for _ in range(0, max(map(len, shares)), BATCHES_IN_TURN):
            wrong: UserError | None = None
            try:
                for batch in islice(loader, BATCHES_IN_TURN):
                    made.append(encoder.encode(batch["clips"], ["pooled"])["pooled"])
                    if stopped():
                        break
            except UserError as error:
                wrong = error
            told = world.gather((stopped(), wrong))
            if any(asked for asked, _ in told):
                return None
            for failure in (failure for _, failure in told if failure is not None):
                raise failure
        parts = [part for each in world.gather(made) for part in each]
        return np.concatenate(parts)

    def try_once(self, autoencoder: MaskedAutoencoder) -> None:
        """Encode one clip, so that what would fail after the first epochs fails now.

        Raises:
            UserError: The encoder does not take the protocol's clips.
        """
        clips = self.rule.clips(self.clips.train[:1], self.clips.lengths)[0]["clips"].unsqueeze(0)
        self.encoder(autoencoder).encode(clips, ["pooled"])

    def line(self, epochs: int) -> dict[str, str]:
        """Return the named line of a plan."""
        card, clips = self.experiment, self.clips
        return {
            "knn": f"every {epochs:,} epoch{'s' * (epochs > 1)} by {card.protocol.name}, split {card.split}, on "
            f"{card.dataset.name}: {len(clips.test):,} test clips by {len(clips.train):,} training clips"
        }

    def curve(self, metrics: Path) -> Curve | None:
        """Return the record's entry from ``metrics.jsonl``: steps done, and the share that was right; None if empty."""
        points = tuple((int(line["step"]) + 1, line[WATCHED]) for line in read_metrics(metrics) if WATCHED in line)
        asked = self.experiment
        if not points:
            return None
        return Curve(protocol=asked.protocol.name, dataset=asked.dataset.name, split=asked.split, points=points)
