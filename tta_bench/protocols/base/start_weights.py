"""The word of ``weights=``: a card, a run, a file, or ``FILE:KEY`` for one copy of a network in it; no torch is loaded.

Whether there are such weights, and for this backbone, is known before anything is decoded or trained.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tta_bench.cards.catalog import weights_card, weights_file
from tta_bench.cards.files import card_files
from tta_bench.cards.kinds import BackboneCard, WeightsCard
from tta_bench.errors import UserError, did_you_mean
from tta_bench.experiments.base import Experiment
from tta_bench.models.checkpoints.kinds import weights_in, whole_kind_of

CHECKPOINT = "checkpoint.pt"
"""The last checkpoint in a run's folder."""


@dataclass(frozen=True)
class ChosenFile:
    """A file of weights that is on this machine."""

    name: str
    """Name of the card, the run or the file (never its folder), with the key."""
    path: Path
    key: str = ""
    """The copy of a network in it that is meant, where it holds several."""
    card: WeightsCard | None = None


def require_weights(experiment: Experiment, work_dir: Path) -> None:
    """Refuse an experiment whose weights are not there, are another backbone's or no weights, or fit no one backbone.

    Raises:
        UserError: They are; says what was found, and what to do.
    """
    for card, _ in experiment.clips_to_check():
        if card.modality not in ("video", "image"):
            kind = f"{len(card.parts)} joined ones" if card.parts else f"one of {card.modality}"
            raise UserError(
                f"{card.name} is {kind}, and {experiment.protocol.name} takes one backbone of video or images."
            )
    if experiment.weights == "none":
        return
    parts = [(experiment.weights, experiment.backbone)]
    if experiment.phase != "test":
        parts = list(words_of_parts(experiment.weights, experiment.backbone))
    for word, part in parts:
        chosen = None if word == "none" else choose_file(word, part.name, work_dir)
        if chosen is not None:
            whole_kind_of(chosen.path)


def words_of_parts(weights: str, backbone: BackboneCard) -> Iterator[tuple[str, BackboneCard]]:
    """Yield the word for each part of a backbone: ``a+b`` names one for each, a single name those of the visual part.

    Raises:
        UserError: The part that they are for is not clear, or has no weights.
    """
    parts = backbone.parts or (backbone,)
    visual = [index for index, part in enumerate(parts) if part.sees]
    words = weights.split("+")
    if len(words) != len(parts):
        words = ["none"] * len(parts)
        if weights != "none":
            if len(visual) != 1:
                raise UserError(
                    f"weights={weights} are for one encoder, and {backbone.name} has {len(visual)}.",
                    f"Say a name, a file or none for each part: weights={'+'.join(words)}.",
                )
            words[visual[0]] = weights
    for word, part in zip(words, parts, strict=True):
        if word != "none" and not part.sees:
            raise UserError(f"{part.name} has no weights, and {word} were given.", "Say none for it.")
        yield word, part


def choose_file(choice: str, backbone: str, work_dir: Path) -> ChosenFile:
    """Return the file that a word means.

    Args:
        choice: A run's name or folder, a path, ``PATH:KEY``, or the name of a card.
        backbone: Name of the backbone that the weights are for.
        work_dir: Folder of all runs.

    Raises:
        UserError: There is no such file, card or run (names those near), or the card's is not on this machine.
    """
    word, key = split_key(choice, work_dir)
    path = checkpoint_of(word, work_dir)
    if path is not None:
        name = path.parent.name if path.name == CHECKPOINT else path.name
        return ChosenFile(f"{name}:{key}" if key else name, path, key)
    if choice not in card_files("weights"):
        raise _unknown(choice, work_dir)
    card = weights_card(choice)
    if card.backbone != backbone:
        raise UserError(f"weights {choice} fit {card.backbone}, not {backbone}.")
    file = weights_file(card)
    if not file.is_file():
        raise UserError(
            f"weights {choice} are not on this machine.",
            f"`tta-bench weights fetch {choice}` gets them (or put {card.address} at {file} by hand); "
            f"else say weights=PATH, or weights=none to start anew.",
        )
    return ChosenFile(choice, file, card=card)


def split_key(choice: str, work_dir: Path) -> tuple[str, str]:
    """Return a word and its key: the part behind the last colon, if a file or a run is before it and none as given."""
    before, colon, key = choice.rpartition(":")
    if not colon or not key or checkpoint_of(choice, work_dir) is not None:
        return choice, ""
    return (before, key) if checkpoint_of(before, work_dir) is not None else (choice, "")


def checkpoint_of(choice: str, work_dir: Path) -> Path | None:
    """Return the file that a run's name, a run's folder or a path means, or None where there is none."""
    try:
        path = Path(choice).expanduser()
        candidates = (work_dir / choice / CHECKPOINT, path / CHECKPOINT, path)
        return next((file for file in candidates if file.is_file()), None)
    except (OSError, RuntimeError, ValueError):  # no path at all: too long, a null byte, nobody's home
        return None


def runs_in(work_dir: Path) -> list[str]:
    """Return the names of the runs in a work folder that have a checkpoint."""
    return sorted(run.parent.name for run in work_dir.glob(f"*/{CHECKPOINT}"))


def _unknown(choice: str, work_dir: Path) -> UserError:
    """Return the error for a word that means nothing; never proposes to do without weights."""
    path, known = Path(choice), [*card_files("weights"), *runs_in(work_dir)]
    if not _could_be_path(path):
        return UserError(f"weights={choice[:80]} ... is no path that this machine can have.", did_you_mean("", known))
    is_path = (
        "/" in choice or "\\" in choice or path.suffix in {".pt", ".pth", ".bin", ".ckpt", ".safetensors", ".json"}
    )
    if path.is_dir():
        inside = weights_in(path)
        found = f"in it are {', '.join(inside[:5])}" if inside else "no file of weights is in it"
        return UserError(
            f"weights={choice} is a folder, and {found}.",
            f"Say the file: weights={path / inside[0]}." if inside else "Say a file: weights=FOLDER/FILE.",
        )
    if not is_path:
        return UserError(
            f"weights={choice} is neither a card, nor a file, nor a run in {work_dir}.", did_you_mean(choice, known)
        )
    if not path.parent.is_dir():
        return UserError(
            f"weights={choice}: there is no folder {path.parent}.", "Give the path of a file that is there."
        )
    near = weights_in(path.parent)
    here = "this folder" if path.parent == Path() else str(path.parent)
    hint = did_you_mean(path.name, near) if near else f"No file of weights is in {here}."
    return UserError(f"weights={choice}: there is no such file.", hint)


def _could_be_path(path: Path) -> bool:
    try:
        path.exists()
    except (OSError, ValueError):
        return False
    return True
