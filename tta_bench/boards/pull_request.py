"""The way from a submission to a pull request: the commands, and a text."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from tta_bench.records.schema import Record
from tta_bench.records.verify import Word


def git_commands(records: Sequence[Record], boards: Path) -> list[str]:
    """Return the commands that commit what a submission changed, on a branch of its own."""
    first = records[0].identity
    backbone = re.sub(r"[^A-Za-z0-9._-]", "-", first.backbone)
    branch = f"records-{first.protocol.name.replace('/', '-')}-{backbone}"
    message = f"Records of {first.backbone} under {first.protocol.name}"
    return [
        shlex.join(["git", "switch", "-c", branch]),
        shlex.join(["git", "add", str(boards)]),
        shlex.join(["git", "commit", "-m", message]),
        shlex.join(["git", "push", "-u", "origin", branch]),
    ]


def pull_request_text(records: Sequence[Record], words: Sequence[Word | None], unseen: str | None = None) -> str:
    """Return a text for the pull request: what was measured, on what it rests, and what a reader must know.

    Args:
        records: The records.
        words: The word of each.
        unseen: The reason why the code of the plug-ins was not seen to be public, if it was not.
    """
    first = records[0].identity
    lines = [f"Records of `{first.backbone}` under `{first.protocol.name}`, version {first.protocol.version}", ""]
    for record, word in zip(records, words, strict=True):
        identity, score = record.identity, record.metrics[record.identity.protocol.score]
        lines.append(
            f"- {identity.dataset.name}, split {identity.split}, seed {identity.seed}: {identity.protocol.score} "
            f"{score.value:.4f} ({score.n:,} samples, {score.n_groups:,} groups); {word}"
        )
    return "\n".join([*lines, "", *_notes(records, unseen)])


def _notes(records: Sequence[Record], unseen: str | None) -> Iterator[str]:
    """Yield the other facts that a reader must know of the records."""
    first = records[0]
    yield f"Measured by {first.party or 'this project'}."
    plugins = {plugin.name for record in records if record.environment for plugin in record.environment.plugins}
    code = next((record.plugin_code for record in records if record.plugin_code), None)
    if plugins and code:
        seen = "The commit was got from there." if unseen is None else f"Not seen to be public: {unseen}."
        yield f"Code of its plug-ins ({', '.join(sorted(plugins))}): {code.address} at {code.commit}. {seen}"
    elif plugins:
        yield f"The code of its plug-ins is not public: {', '.join(sorted(plugins))}."
    published = [record.predictions for record in records if record.predictions and record.predictions.address]
    for ref in published:
        yield f"Predictions: {ref.address} (sha256 {ref.sha256}, {ref.bytes:,} bytes)."
    if not all(record.identity.standard for record in records):
        yield "Not standard: it stands below the ranked rows."
