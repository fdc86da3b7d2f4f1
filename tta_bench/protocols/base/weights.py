"""Initial weights: the file that ``weights=`` means, with its digest and all that it is known to have seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tta_bench.cards.kinds import Pretraining
from tta_bench.cards.validation import validate
from tta_bench.errors import UserError
from tta_bench.experiments.base import Experiment
from tta_bench.models.checkpoints.read import Checkpoint, checkpoint_digest, read_checkpoint
from tta_bench.models.checkpoints.report import LoadReport
from tta_bench.protocols.base.seen import Seen, seen_of
from tta_bench.protocols.base.start_weights import CHECKPOINT, checkpoint_of, choose_file, runs_in
from tta_bench.records import schema
from tta_bench.utils.download import said_digest
from tta_bench.utils.keyed_random import digest

__all__ = ["CHECKPOINT", "Weights", "checkpoint_of", "find_weights", "load_part", "runs_in"]


@dataclass(frozen=True)
class Weights:
    """A file of weights to train from or to test."""

    name: str
    """Name of the card, the run or the file (never its folder)."""
    path: Path
    sha256: str
    pretraining: Pretraining
    key: str = ""
    """The copy of a network in the file that is meant, where it holds several."""
    seen: Seen | None = None
    """The clips that the weights were trained on, where the file is a run's and says so."""

    @property
    def identity(self) -> str:
        """Digest of the file, and of the key where there is one."""
        return digest([self.sha256, self.key]) if self.key else self.sha256

    def read(self) -> Checkpoint:
        """Return the file's content.

        Raises:
            UserError: It cannot be read, or has changed since it was found.
        """
        return read_checkpoint(self.path, self.sha256, self.key)


def find_weights(experiment: Experiment, work_dir: Path) -> Weights | None:
    """Return the weights that an experiment names, or None for ``none``.

    Raises:
        UserError: The file does not exist, or has another sha256 than its card.
    """
    if experiment.weights == "none":
        return None
    chosen = choose_file(experiment.weights, experiment.backbone.name, work_dir)
    sha256 = checkpoint_digest(chosen.path)
    if chosen.card is None:
        return _weights_of(chosen.name, chosen.path, chosen.key, sha256)
    if chosen.card.digest is not None and not sha256.startswith(chosen.card.digest):
        wanted = said_digest(chosen.card.digest)
        raise UserError(f"{chosen.path} is not the file on the card: sha256 {sha256}, expected {wanted}.")
    return Weights(chosen.name, chosen.path, sha256, chosen.card.pretraining)


def load_part(report: LoadReport) -> schema.Load:
    """Return a record's entry of the tensors that were taken from a file of weights."""
    return schema.Load(
        tensors=report.loaded,
        copy_of=report.copy if report.others else None,
        head=report.head or None,
        fresh=report.missing[: schema.MOST_NAMES],
        resampled=report.resampled[: schema.MOST_NAMES],
        left_over=(*report.unexpected, *report.dropped)[: schema.MOST_NAMES],
    )


def _weights_of(name: str, path: Path, key: str, sha256: str) -> Weights:
    """Return the weights in a file; a checkpoint of our own also gives its data, and the clips that it has seen."""
    try:
        content = read_checkpoint(path)
    except UserError:
        content = Checkpoint({}, path)  # loading it raises the error
    stored = content.get("pretraining") if content.get("format") == "tta-bench" else None
    if not isinstance(stored, Mapping):
        return Weights(name, path, sha256, Pretraining(data="not stated", labels=None), key)
    pretraining = validate(Pretraining, {**stored, "steps": content.get("step")}, path)
    return Weights(str(content.get("run", name)), path, sha256, pretraining, key, seen_of(content))
