"""The command that measures a record again."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence

from tta_bench.records.schema import Record

_OF_THE_MACHINE = ("data.root", "registry.path")
"""Keys that say where something is; a record does not know it."""


def run_words(record: Record, more: Sequence[str] = ()) -> list[str]:
    """Return the ``key=value`` words of the experiment: what a record's identity says, then what else was typed.

    Args:
        record: The record of a run.
        more: Words of one's own, such as ``data.root=DIR``, which go before the record's.
    """
    what = record.identity
    said = {
        "protocol": what.protocol.name,
        "backbone": what.backbone,
        "weights": what.weights.name if what.weights else "none",
        "dataset": what.dataset.name,
        "tier": what.tier,
        "seed": str(what.seed),
        "precision": what.precision or "auto",
    }
    if what.split.isdigit():  # a protocol with parts scores the one that it names itself, unless another was typed
        said["split"] = what.split
    typed = {key: value for key, value in _pairs(record.given) if not key.startswith(_OF_THE_MACHINE)}
    if what.weights is None:
        typed.pop("phase", None)  # a test of its own training: here both are done
    return [f"{key}={value}" for key, value in (typed | said | dict(_pairs(more))).items()]


def script(record: Record, more: Sequence[str] = ()) -> str:
    """Return the shell commands that measure a record again, and as comments what they cannot say."""
    return "\n".join([*_comments(record), *_set_up(record), _command(record, more)])


def _command(record: Record, more: Sequence[str]) -> str:
    if record.origin == "scored":
        return shlex.join(["tta-bench", "eval", *(word for word in record.given if not word.startswith("data.root"))])
    words = run_words(record, more)
    if record.identity.tier == "full" and not any(word.startswith("data.root") for word in words):
        words.append("data.root=DIR")
    return shlex.join(["tta-bench", "run", *words])


def _comments(record: Record) -> Iterator[str]:
    what, found = record.identity, record.environment
    if what.weights is not None:
        yield f"# weights {what.weights.name}: sha256 {what.weights.sha256}"
    if found is None:
        return
    if found.dirty:
        yield "# The code had been changed since that commit: this may give another number."
    yield f"# Python {found.python}, {found.platform}, {found.device}" + (f", {found.driver}" if found.driver else "")
    for plugin in found.plugins:
        yield f"# needs the plug-in {plugin.name} {plugin.version or ''} (sha256 {plugin.sha256})"


def _set_up(record: Record) -> Iterator[str]:
    found = record.environment
    if found is None:
        return
    if found.commit:
        yield f"git checkout {found.commit}"
    suite = [] if found.commit else [f"tta-bench=={found.suite_version}"]
    yield shlex.join(["pip", "install", *suite, *(f"{name}=={version}" for name, version in found.packages.items())])


def _pairs(words: Iterable[str]) -> Iterator[tuple[str, str]]:
    for word in words:
        key, _, value = word.partition("=")
        yield key, value
