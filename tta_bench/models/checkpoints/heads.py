"""The classifier in a checkpoint, and the classes that the checkpoint says it tells apart."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tta_bench.errors import UserError, shorten

CLASSIFIER = re.compile(
    r"(.*\.)?(head|heads|fc|classifier|fc_cls|last_linear|linear|logits|output|cls|projection)(\.\d+)?"
)
"""Names of classifiers in the projects of the field."""


LISTS = ("classes", "CLASSES", "class_names", "id2label", "idx_to_class", "class_to_idx", "label2id")
"""Keys under which checkpoints and the settings beside them name their classes."""


class Head(NamedTuple):
    """A linear classifier found among a checkpoint's tensors."""

    name: str
    """Its name there."""
    weight: Tensor
    """``float (classes, width)``."""
    bias: Tensor
    """``float (classes,)``; zeros where it has none."""
    names: tuple[str, ...]
    """Names of its tensors."""


def find_head(left: Mapping[str, Tensor], classes: int, width: int, source: str) -> Head:
    """Return the classifier among the tensors that are not the backbone's.

    It is the linear layer of the right shape; of several, the one that is called as classifiers are.

    Args:
        left: The tensors.
        classes: Number of classes of the dataset.
        width: Width of the features.
        source: Name of the file, for messages.

    Raises:
        UserError: There is none, or only one for another number of classes.
    """
    linear = [head for name in left if name.endswith("weight") and (head := _linear(name, left)) is not None]
    fitting = [head for head in linear if head.weight.shape == (classes, width)]
    if fitting:
        return min(fitting, key=lambda head: (not CLASSIFIER.fullmatch(head.name), head.name.count(".")))
    named = [head for head in linear if CLASSIFIER.fullmatch(head.name)]
    if named:
        found, wanted = tuple(named[0].weight.shape), (classes, width)
        raise UserError(
            f"{source} tells {found[0]} classes apart ({named[0].name} {found}), the dataset has {classes} ({wanted})."
        )
    raise UserError(f"{source} has no classifier: it can be fine-tuned, not tested.", "Leave out phase=test.")


def check_classes(raw: Mapping[str, Any], path: Path | None, expected: Sequence[str], source: str) -> None:
    """Refuse a checkpoint that says other classes than the dataset's, or the same in another order.

    Case, spaces and dashes do not count: ``apply eye makeup`` is ``ApplyEyeMakeup``.

    Args:
        raw: Content of the checkpoint.
        path: Its file, beside which a ``config.json`` may say the classes.
        expected: The dataset's classes.
        source: Name of the file, for messages.

    Raises:
        UserError: They differ; names the first that do.
    """
    said = said_classes(raw, path)
    if said is None or list(map(_plain, said)) == list(map(_plain, expected)):
        return
    theirs = [name for name in said if _plain(name) not in set(map(_plain, expected))]
    ours = [name for name in expected if _plain(name) not in set(map(_plain, said))]
    if theirs or ours:
        raise UserError(
            f"{source} tells other classes apart than the dataset: {len(said)} there, {len(expected)} here; "
            f"only there: {shorten(theirs) or 'none'}; only here: {shorten(ours) or 'none'}.",
            "Test it on the data whose classes it knows, or leave out phase=test to fine-tune it.",
        )
    at = next(index for index, (one, two) in enumerate(zip(said, expected, strict=True)) if _plain(one) != _plain(two))
    raise UserError(
        f"{source} has the dataset's classes in another order: class {at} is {said[at]} there and {expected[at]} here.",
        "Give the data in the order that it was trained with (a list of classes, or folders of these names).",
    )


def said_classes(raw: Mapping[str, Any], path: Path | None) -> list[str] | None:
    """Return the classes that a checkpoint names, in order; None where it names none.

    They stand under ``classes`` and the like, in MMEngine's ``meta.dataset_meta``, or in the ``id2label`` of a
    config.json beside the file.
    """
    places: list[Any] = [raw]
    for name in ("meta", "dataset_meta", "hyper_parameters", "config", "args"):
        places += [
            place[name] for place in places if isinstance(place, Mapping) and isinstance(place.get(name), Mapping)
        ]
    for place in [*places, *_config_beside(path)]:
        for name in LISTS:
            if (found := _names(place.get(name))) is not None:
                return found
    return None


def _names(value: object) -> list[str] | None:
    """Return class names in order from a list, from number to name, or from name to number."""
    if isinstance(value, Mapping):
        if all(isinstance(name, str) and isinstance(index, int) for name, index in value.items()):
            value = {index: name for name, index in value.items()}
        try:
            numbered = {int(index): name for index, name in value.items()}
        except (TypeError, ValueError):
            return None
        value = [numbered[index] for index in sorted(numbered)]
    if not isinstance(value, list | tuple) or len(value) < 2 or not all(isinstance(name, str) for name in value):
        return None
    names = [str(name) for name in value]
    return None if all(re.fullmatch(r"LABEL_\d+", name) for name in names) else names


def _config_beside(path: Path | None) -> list[Mapping[str, Any]]:
    file = None if path is None else path.parent / "config.json"
    if file is None or not file.is_file():
        return []
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return []
    return [content] if isinstance(content, Mapping) else []


def _linear(name: str, left: Mapping[str, Tensor]) -> Head | None:
    """Return a linear layer by the name of its weight; a convolution of one pixel is one."""
    weight, base = left[name], name.removesuffix("weight")
    if weight.ndim < 2 or weight[0, 0].numel() != 1 or not (base == "" or base.endswith(".")):
        return None
    bias = left.get(f"{base}bias")
    if bias is not None and bias.shape != weight.shape[:1]:
        return None
    names = (name,) if bias is None else (name, f"{base}bias")
    zeros = torch.zeros(len(weight), dtype=weight.dtype)
    return Head(base.rstrip("."), weight.flatten(1), zeros if bias is None else bias, names)


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).casefold()
