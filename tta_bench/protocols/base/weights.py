"""Initial weights: the file that ``weights=`` means (a card's, a path, another run's), or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tta_bench.cards.catalog import weights_card, weights_file
from tta_bench.cards.files import card_files
from tta_bench.cards.kinds import Pretraining
from tta_bench.cards.validation import validate
from tta_bench.errors import UserError, did_you_mean
from tta_bench.experiments.base import Experiment
from tta_bench.models.checkpoints.read import Checkpoint, read_checkpoint
from tta_bench.utils.files import sha256_of

CHECKPOINT = "checkpoint.pt"
"""The last checkpoint in a run's folder."""


@dataclass(frozen=True)
class Weights:
    """A file of weights to train from or to test."""

    name: str
    """Name of the card, the run or the file (never its folder)."""
    path: Path
    sha256: str
    pretraining: Pretraining


def find_weights(experiment: Experiment, work_dir: Path) -> Weights | None:
    """Return the weights that an experiment names, or None for ``none``.

    Raises:
        UserError: The file does not exist, or has another sha256 than its card.
    """
    choice = experiment.weights
    if choice == "none":
        return None
    path = checkpoint_of(choice, work_dir)
    if path is not None:
        return _weights_of(path.parent.name if path.name == CHECKPOINT else path.name, path)
    names = card_files("weights")
    if choice not in names:
        raise UserError(
            f"weights={choice} is neither a card, nor a file, nor a run in {work_dir}.",
            did_you_mean(choice, [*names, *runs_in(work_dir), "none"]),
        )
    card = weights_card(choice)
    if card.backbone != experiment.backbone.name:
        raise UserError(f"weights {choice} fit {card.backbone}, not {experiment.backbone.name}.")
    file = weights_file(card)
    if not file.is_file():
        raise UserError(
            f"weights {choice} are not on this machine.",
            f"`tta-bench weights fetch {choice}` gets them (or put {card.address} at {file} by hand); "
            f"else say weights=PATH, or weights=none to start anew.",
        )
    sha256 = sha256_of(file)
    if card.sha256 is not None and sha256 != card.sha256:
        raise UserError(f"{file} is not the file on the card: sha256 {sha256}, expected {card.sha256}.")
    return Weights(choice, file, sha256, card.pretraining)


def checkpoint_of(choice: str, work_dir: Path) -> Path | None:
    """Return the file that a run's name, a run's folder or a path means, or None where there is none."""
    path = Path(choice).expanduser()
    candidates = (work_dir / choice / CHECKPOINT, path / CHECKPOINT, path)
    return next((file for file in candidates if file.is_file()), None)


def runs_in(work_dir: Path) -> list[str]:
    """Return the names of the runs in a work folder that have a checkpoint."""
    return sorted(run.parent.name for run in work_dir.glob(f"*/{CHECKPOINT}"))


def _weights_of(name: str, path: Path) -> Weights:
    """Return the weights in a file; a checkpoint of a pre-training also gives its data and steps."""
    try:
        content = read_checkpoint(path)
    except UserError:
        content = Checkpoint({}, path)  # loading it raises the error
    stored = content.get("pretraining") if content.get("format") == "tta-bench" else None
    if not isinstance(stored, Mapping):
        return Weights(name, path, sha256_of(path), Pretraining(data="not stated", labels=None))
    pretraining = validate(Pretraining, {**stored, "steps": content["step"]}, path)
    return Weights(str(content["run"]), path, sha256_of(path), pretraining)
