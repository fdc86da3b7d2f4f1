"""Copies of a network in a checkpoint: a dictionary in the file, and a prefix of the names in it.

Training scripts keep parameters under many keys (``model``, ``model_state_dict``, ``state_dict_ema``, ``student`` ...)
and behind many prefixes (``module.``, ``backbone.``, ``ema.`` ...). No list of them is complete, so every dictionary of
tensors in the file is looked at, and the copy is the one whose names and shapes fit.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tta_bench.errors import UserError, shorten

DEPTH = 4
"""Dictionaries within dictionaries that are looked into."""
TOP = "."
"""Name of the copy that stands at the top of a file, behind no key and no prefix."""
Translate = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


@dataclass(frozen=True, eq=False)
class Copy:
    """One copy of a network in a checkpoint."""

    key: str
    """Dotted keys of its dictionary; empty for the file's own."""
    prefix: str
    """Prefix of its names there, with the dot at its end."""
    outer: str
    """Prefix of the backbone's own names that the copy lacks: ``encoder.`` of a module that wraps another."""
    tensors: Mapping[str, Tensor]
    """Every tensor of the dictionary."""
    fit: int
    """Tensors of the backbone that are in it, in the right shape."""
    known: int
    """Tensors of the backbone that are in it, in any shape."""

    @property
    def label(self) -> str:
        """Name of the copy, as ``weights=FILE:KEY`` takes it."""
        return f"{self.key}.{self.prefix}".strip(".") or TOP

    @property
    def inside(self) -> dict[str, Tensor]:
        """Tensors behind the prefix, without it."""
        size = len(self.prefix)
        return {name[size:]: tensor for name, tensor in self.tensors.items() if name.startswith(self.prefix)}

    @property
    def outside(self) -> dict[str, Tensor]:
        """Tensors of the dictionary that are not behind the prefix."""
        return {name: tensor for name, tensor in self.tensors.items() if not name.startswith(self.prefix)}

    def is_called(self, key: str) -> bool:
        """Return True if a user's word means this copy: its name, or whole parts of its beginning or end."""
        label = f".{self.label}." if self.label != TOP else TOP
        return label == key or label.startswith(f".{key}.") or label.endswith(f".{key}.")


def find_copy(
    raw: Mapping[str, Any], wanted: Mapping[str, Tensor], translate: Translate, source: str, key: str = ""
) -> tuple[Copy, tuple[str, ...]]:
    """Return the copy of a network that fits best, and the names of other whole copies that were not meant.

    Args:
        raw: Content of the checkpoint.
        wanted: The network's tensors.
        translate: Renames the tensors of a dictionary to the network's names.
        source: Name of the file, for messages.
        key: The copy that the user chose.

    Raises:
        UserError: No copy is called as the user said, or several whole ones differ and none was chosen.
    """
    everything = sorted(_copies(raw, wanted, translate), key=lambda copy: (-copy.fit, -copy.known, len(copy.prefix)))
    if not everything:
        return Copy("", "", "", {}, 0, 0), ()
    called = [copy for copy in everything if not key or copy.is_called(key)]
    if not called:
        raise UserError(
            f"{source} has no copy of the network called '{key}'.", f"It has: {shorten(_labels(everything), 8)}."
        )
    best = called[0]
    equals = [copy for copy in everything if copy.fit == best.fit and copy.known == best.known and copy is not best]
    others = [copy for copy in equals if best.fit and copy.label != best.label and not _same(copy, best, wanted)]
    asked = [copy for copy in others if copy in called]
    if asked:
        labels = _labels([best, *asked])
        raise UserError(
            f"{source} holds {len(labels)} copies of the network that fit and differ: {shorten(labels, 8)}.",
            f"Say which is meant: {' or '.join(f'weights={source}:{label}' for label in labels[:3])}.",
        )
    return best, tuple(_labels(others))


def dictionaries(raw: Mapping[str, Any], key: str = "", depth: int = DEPTH) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Yield each dictionary of tensors in a checkpoint with its dotted keys; of our own, the model's alone."""
    if not key and raw.get("format") == "tta-bench" and isinstance(raw.get("model"), Mapping):
        raw, key, depth = raw["model"], "model", 1
    tensors = {_clean(str(name)): value for name, value in raw.items() if isinstance(value, Tensor)}
    if tensors:
        yield key, tensors
    for name, value in raw.items() if depth > 1 else ():
        if isinstance(value, Mapping) and isinstance(name, str):
            yield from dictionaries(value, f"{key}.{name}".lstrip("."), depth - 1)


def outers(names: Collection[str]) -> list[str]:
    """Return the prefixes that all of a module's names share, from none to the longest, whole parts each."""
    found = [""]
    while True:
        rest = [name.removeprefix(found[-1]) for name in names]
        first = {name.partition(".")[0] for name in rest}
        if len(first) != 1 or not any(name.count(".") > 1 for name in rest):
            return found
        found.append(f"{found[-1]}{first.pop()}.")


def _copies(raw: Mapping[str, Any], wanted: Mapping[str, Tensor], translate: Translate) -> Iterator[Copy]:
    """Yield the copies in a checkpoint, as the best of the module's outer prefixes sees them."""
    translated = [(key, translate(tensors)) for key, tensors in dictionaries(raw)]
    by_outer = []
    for outer in outers(wanted):
        inner = {name.removeprefix(outer): tensor for name, tensor in wanted.items()}
        found = [
            Copy(key, prefix, outer, tensors, _fit(tensors, prefix, inner), known)
            for key, tensors in translated
            for prefix, known in _prefixes(tensors, inner).items()
        ]
        best = max(((copy.fit, copy.known) for copy in found), default=(0, 0))
        by_outer.append((*best, len(outer), found))
    yield from max(by_outer, key=lambda entry: entry[:3])[3]


def _prefixes(names: Collection[str], wanted: Collection[str]) -> Counter[str]:
    """Count the wanted names behind each prefix."""
    hits = Counter({"": 0})
    for name in names:
        parts = name.split(".")
        for start in range(len(parts)):
            if ".".join(parts[start:]) in wanted:
                hits[".".join([*parts[:start], ""])] += 1
    return hits


def _fit(tensors: Mapping[str, Tensor], prefix: str, wanted: Mapping[str, Tensor]) -> int:
    found = ((tensors.get(prefix + name), tensor) for name, tensor in wanted.items())
    return sum(theirs is not None and theirs.shape == ours.shape for theirs, ours in found)


def _same(first: Copy, second: Copy, wanted: Collection[str]) -> bool:
    names = [name.removeprefix(first.outer) for name in wanted]
    one, two = first.inside, second.inside
    return all(
        name not in one or name not in two or one[name] is two[name] or torch.equal(one[name], two[name])
        for name in names
    )


def _clean(name: str) -> str:
    """Take out what ``torch.compile`` and activation checkpointing put into names."""
    return re.sub(r"(_orig_mod|_checkpoint_wrapped_module|_fsdp_wrapped_module)\.", "", name)


def _labels(copies: Collection[Copy]) -> list[str]:
    return list(dict.fromkeys(copy.label for copy in copies))
