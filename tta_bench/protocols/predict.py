"""Predictions of a finished run for any videos: the model that its record speaks of, found again and applied."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tta_bench.config.resolve import resolve
from tta_bench.data.datasets.layout import Sample
from tta_bench.data.features.encoded import WindowRule
from tta_bench.data.loading import TestClips
from tta_bench.data.media.decode import count_frames
from tta_bench.data.media.windows import sliding_windows
from tta_bench.data.transforms.sampling import test_views
from tta_bench.engine.device import Machine
from tta_bench.errors import UserError, did_you_mean
from tta_bench.experiments.base import Experiment, ResolvedClip
from tta_bench.experiments.fine_tune import FineTuneExperiment
from tta_bench.experiments.probe import FrozenExperiment
from tta_bench.experiments.reaction import ReactionExperiment
from tta_bench.models.build import build_classifier
from tta_bench.models.checkpoints.read import read_checkpoint
from tta_bench.plugins import PluginCode
from tta_bench.protocols.base.standing import Standing, data_key
from tta_bench.protocols.base.training_run import is_test_of_file, training_folder
from tta_bench.protocols.base.weights import CHECKPOINT, find_weights
from tta_bench.protocols.fine_tune.testing import average_views
from tta_bench.protocols.predict_reactions import ReactionPredictor, Scored
from tta_bench.protocols.probe.encoder import Encoder
from tta_bench.protocols.probe.heads import HEAD_FILE, read_head
from tta_bench.records.schema import Record
from tta_bench.records.store import file_stem, load_records, read_record

WINDOWS_AT_ONCE = 8
"""Windows of a long video that a model is shown at once."""


class Predictor(ABC):
    """The model of a run, ready to be shown videos."""

    classes: tuple[str, ...]
    clip: ResolvedClip

    @abstractmethod
    def whole(self, path: Path) -> NDArray[np.float32]:
        """Return the probabilities of a video, from the views that the protocol tests with."""

    @abstractmethod
    def windows(self, clips: Tensor) -> NDArray[np.float32]:
        """Return the probabilities ``(n, classes)`` of single windows ``uint8 (n, T, H, W, 3)``."""

    def along(self, path: Path, every: float) -> Iterator[Scored]:
        """Yield the probabilities of a window every so many seconds.

        Raises:
            UnreadableVideo: Decoding fails, perhaps after some windows.
        """
        found = sliding_windows(path, self.clip.frames, self.clip.stride, every)
        while part := list(islice(found, WINDOWS_AT_ONCE)):
            views = [test_views(window.frames[None], self.clip.size, 1)[0] for window in part]
            scores = self.windows(torch.from_numpy(np.stack(views)))
            yield from (Scored(window.start, window.end, row) for window, row in zip(part, scores, strict=True))


class FrozenPredictor(Predictor):
    """A head on a frozen backbone.

    Args:
        experiment: The run's experiment.
        folder: Folder of its head.
        work_dir: Folder of all runs.
    """

    def __init__(self, experiment: FrozenExperiment, folder: Path, work_dir: Path) -> None:
        self.clip = experiment.clip
        self.rule = WindowRule(experiment.clip, experiment.encode.windows)
        self.head, self.classes = read_head(_there(folder / HEAD_FILE))
        machine = Machine.of(experiment.runtime, experiment.precision)
        weights = find_weights(experiment, work_dir)
        self.encoder = Encoder(
            experiment.backbone, experiment.clip, weights, experiment.seed, machine, experiment.plugins
        )

    def whole(self, path: Path) -> NDArray[np.float32]:
        """Return the average over the windows that the protocol encodes."""
        sample = Sample(path.name, path, 0, path.name)
        clips = self.rule.clips([sample], {sample.id: count_frames(path)})[0]["clips"]
        return np.asarray(self._scores(clips.unsqueeze(0))[0])

    def windows(self, clips: Tensor) -> NDArray[np.float32]:
        """Return the probabilities of single windows."""
        return self._scores(clips.unsqueeze(1))

    def _scores(self, clips: Tensor) -> NDArray[np.float32]:
        return self.head.scores(self.encoder.encode(clips, [self.head.kind])[self.head.kind])


class FineTunePredictor(Predictor):
    """A fine-tuned classifier.

    Args:
        experiment: The run's experiment.
        folder: Folder of its checkpoint.
    """

    def __init__(self, experiment: FineTuneExperiment, folder: Path) -> None:
        self.experiment, self.clip = experiment, experiment.clip
        self.machine = Machine.of(experiment.runtime, experiment.precision)
        checkpoint = read_checkpoint(_there(folder / CHECKPOINT))
        self.classes = tuple(map(str, checkpoint["classes"]))
        self.classifier = build_classifier(
            experiment.backbone, experiment.clip, experiment.train, len(self.classes), experiment.seed
        )
        self.classifier.load_state_dict(checkpoint["model"])
        self.classifier.to(self.machine.device).eval()

    def whole(self, path: Path) -> NDArray[np.float32]:
        """Return the average over the protocol's views."""
        sample = Sample(path.name, path, 0, path.name)
        plain = self.experiment.eval.model_copy(update={"control": "none"})
        clips = TestClips([sample], {sample.id: count_frames(path)}, self.clip, plain, self.experiment.seed)
        return np.asarray(self._scores(clips[0]["clips"].unsqueeze(0))[0])

    def windows(self, clips: Tensor) -> NDArray[np.float32]:
        """Return the probabilities of single windows."""
        return self._scores(clips.unsqueeze(1))

    def _scores(self, clips: Tensor) -> NDArray[np.float32]:
        card, batch = self.experiment.backbone, clips.shape[0] * clips.shape[1]
        return average_views(self.classifier, clips, card.mean, card.std, self.machine, batch).numpy()


class Finder:
    """Looks up the run that a user names: its record's file or name, or its folder.

    Args:
        run: The name, or a path.
        work_dir: Folder of all runs.
        words: The user's ``key=value`` words, which go before those of the run: a file of weights that moved, a device.
        plugins: Plug-in files that were imported.
    """

    def __init__(self, run: str, work_dir: Path, words: Sequence[str], plugins: Sequence[PluginCode]) -> None:
        self.run, self.work_dir, self.words, self.plugins = run, work_dir, tuple(words), tuple(plugins)

    def predictor(self) -> Predictor | ReactionPredictor:
        """Return the model of the run.

        Raises:
            UserError: There is no such run, or none that is finished; or its protocol predicts no classes.
        """
        experiment, folder = self.found
        if isinstance(experiment, ReactionExperiment):
            return ReactionPredictor(experiment, self.work_dir)
        if isinstance(experiment, FrozenExperiment):
            return FrozenPredictor(experiment, folder, self.work_dir)
        if isinstance(experiment, FineTuneExperiment):
            return FineTunePredictor(experiment, folder)
        raise UserError(f"a run of {experiment.protocol.name} predicts no classes of a video.")

    @cached_property
    def found(self) -> tuple[Experiment, Path]:
        """The experiment of the run, and the folder of its model."""
        path = Path(self.run)
        if path.is_file():
            return self._described(read_record(path))
        records = [r for r in load_records(self.work_dir / "records") if r.origin == "run" and r.status == "success"]
        named = {file_stem(record): record for record in records}
        if self.run in named:
            return self._described(named[self.run])
        folders: list[str] = []
        for record in records:
            experiment, folder = self._described(record)
            if folder.name == path.name:
                return experiment, folder
            folders.append(folder.name)
        raise UserError(
            f"there is no finished run '{self.run}' in {self.work_dir}.", did_you_mean(self.run, [*named, *folders])
        )

    def _described(self, record: Record) -> tuple[Experiment, Path]:
        """Return a record's experiment, resolved again from its words, and the folder of its training."""
        own = {word.partition("=")[0] for word in self.words}
        given = [word for word in record.given if word.partition("=")[0] not in own]
        ident = record.identity
        for experiment in resolve([*given, *self.words], self.plugins):
            part = experiment.eval.split if isinstance(experiment, ReactionExperiment) else str(experiment.split)
            if (part, experiment.seed) == (ident.split, ident.seed):
                break
        else:
            raise UserError(f"{file_stem(record)} is of part {ident.split}, which `predict` does not apply models of.")
        if isinstance(experiment, ReactionExperiment):  # its data decide the folder's name, and are looked at later
            return experiment, self.work_dir / file_stem(record)
        sha256 = ident.weights.sha256 if ident.weights else None
        start = f"tested as they are: {sha256}" if is_test_of_file(experiment) else sha256
        assert ident.precision is not None
        data = data_key(ident.dataset.manifest_sha256 or "", Standing(contents=ident.dataset.contents_sha256))
        training = experiment.training_identity(data, start, ident.precision)
        return experiment, training_folder(self.work_dir, experiment, training, f"split{experiment.split}")


def _there(path: Path) -> Path:
    """Return a file that is there.

    Raises:
        UserError: It is not.
    """
    if path.is_file():
        return path
    raise UserError(
        f"the run's model {path} is not there.", "Say the --work-dir of the run; or run it again with --resume never."
    )
