"""Shell commands that measure a record again."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence

from tta_bench.records.limits import plain
from tta_bench.records.schema import Record

_OF_THE_MACHINE = ("data.root", "registry.path")
"""Keys of places on a machine, which a record does not know."""
_KEY = re.compile(r"[a-z][A-Za-z0-9_.]*")
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*")


def run_words(record: Record, more: Sequence[str] = ()) -> list[str]:
    """Return the ``key=value`` words of the experiment: those of a record's identity, then the others that were typed.

    Args:
        record: The record of a run.
        more: Words of one's own, such as ``data.root=DIR``, which go before the record's.
    """
    identity = record.identity
    said = {
        "protocol": identity.protocol.name,
        "backbone": identity.backbone,
        "weights": identity.weights.name if identity.weights else "none",
        "dataset": identity.dataset.name,
        "tier": identity.tier,
        "seed": str(identity.seed),
        "precision": identity.precision or "auto",
    }
    if identity.split.isdigit():  # a protocol with parts scores the one that it names itself, unless another was typed
        said["split"] = identity.split
    typed = {key: value for key, value in _pairs(record.given) if not key.startswith(_OF_THE_MACHINE)}
    if identity.weights is None:
        typed.pop("phase", None)  # a test of its own training: here both are done
    return [f"{key}={value}" for key, value in (typed | said | dict(_pairs(more))).items()]


def script(record: Record, more: Sequence[str] = ()) -> str:
    """Return the shell commands that measure a record again, with comments on the rest: weights, device, plug-ins.

    A record may be a stranger's: each part of it is one word of a command, or stands on one line behind ``#``.
    """
    comments = (plain(comment) for comment in _comments(record))
    return "\n".join([*comments, *map(plain, _set_up(record)), plain(_command(record, more))])


def _command(record: Record, more: Sequence[str]) -> str:
    if record.origin == "scored":
        typed = [f"{key}={value}" for key, value in _pairs(record.given) if not key.startswith("data.root")]
        return shlex.join(["tta-bench", "eval", *typed, *_plugin_files(record)])
    words = run_words(record, more)
    if record.identity.tier == "full" and not any(word.startswith("data.root") for word in words):
        words.append("data.root=DIR")
    return shlex.join(["tta-bench", "run", *words, *_plugin_files(record)])


def _plugin_files(record: Record) -> Iterator[str]:
    """Yield the options that load a record's plug-in files, by the names that they had."""
    for plugin in record.environment.plugins if record.environment else ():
        if plugin.name.endswith(".py"):
            yield from ("--plugin", plugin.name)


def _comments(record: Record) -> Iterator[str]:
    weights, environment = record.identity.weights, record.environment
    if weights is not None:
        yield f"# weights {weights.name}: sha256 {weights.sha256}"
    if environment is None:
        return
    if environment.dirty:
        yield "# The code had been changed since that commit: this may give another number."
    yield f"# Python {environment.python}, {environment.platform}, {environment.device}" + (
        f", {environment.driver}" if environment.driver else ""
    )
    for plugin in environment.plugins:
        yield f"# needs the plug-in {plugin.name} {plugin.version or ''} (sha256 {plugin.sha256})"


def _set_up(record: Record) -> Iterator[str]:
    environment = record.environment
    if environment is None:
        return
    if environment.commit:
        yield f"git checkout {environment.commit}"
    packages = environment.packages
    if not environment.commit:
        packages = {"tta-bench": environment.suite_version} | packages
    usual = {name: at for name, at in packages.items() if _PACKAGE.fullmatch(name) and _VERSION.fullmatch(at)}
    for name in packages.keys() - usual.keys():
        yield f"# left out, as no package is called so: {name!r} {packages[name]!r}"
    yield shlex.join(["pip", "install", *(f"{name}=={version}" for name, version in usual.items())])


def _pairs(words: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield keys and values of words; what has no key, as an option has none, is none of a run's words."""
    for word in words:
        key, separator, value = word.partition("=")
        if separator and _KEY.fullmatch(key):
            yield key, value
