"""``tta-bench verify``: recompute what records say, and say on what it rests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tta_bench.cli.completion import complete_runs
from tta_bench.cli.options import load_plugins, plugin_option
from tta_bench.utils.printable import counted

if TYPE_CHECKING:
    from tta_bench.records.doubles import Seen
    from tta_bench.records.verify import Standing
    from tta_bench.results import Places

_COLOURS = {"FAILED": "red", "arithmetic": "yellow"}
_UNTRUE = ("are not what they say", "is not what it says")
_DOUBLE = ("pair of records is one, or shares", "pairs of records are one, or share")
"""Words for several records or one, and for one pair or several."""


@click.command("verify")
@click.argument("arguments", nargs=-1, metavar="[RECORD...] [KEY=VALUE...]", shell_complete=complete_runs)
@click.option(
    "--predictions",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of predictions that are too large to lie beside their records.",
)
@click.option("--fetch", is_flag=True, help="Fetch predictions that a record publishes elsewhere, and compare them.")
@click.option(
    "--maintainers",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of the keys that may attest.  [default: maintainers beside the folder of records, else the suite's]",
)
@click.option(
    "--since",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the boards as they were before: each of its records must be here, or replaced by a newer run.",
)
@plugin_option
def command(
    arguments: tuple[str, ...],
    predictions: Path | None,
    fetch: bool,
    maintainers: Path | None,
    since: Path | None,
    plugins: tuple[Path, ...],
) -> None:
    """Recompute every figure of records; say on what each rests.

    \b
    tta-bench verify
    tta-bench verify runs/records/NAME.json data.root=/data/hume_reaction

    \b
    arithmetic   follows from outcomes that whoever submitted it wrote
    rescored     follows from full predictions, with the official labels
    retested     somebody ran the test phase again from the run's checkpoint,
                 and signed that it gave these predictions
    rerun        somebody trained again, and signed that the difference is
                 within chance
    FAILED       does not follow, or is not what it says

    RECORD is a record's file or name, or a folder of records; by default leaderboards/records. Records of data whose
    labels may not be published need these: data.root=DIR is the dataset's folder, labels=FILE a file of labels. A score
    that a plug-in registers is recomputed with --plugin FILE.py; a record's own plug-ins are never imported.
    """
    from tta_bench.boards.replaced import lost_records
    from tta_bench.cli.options import label_words, paths_and_words
    from tta_bench.errors import CheckFailed, UserError
    from tta_bench.records.doubles import find_doubles
    from tta_bench.records.store import record_files
    from tta_bench.results import Places

    load_plugins(plugins)
    paths, words = paths_and_words(arguments)
    folders = paths or [Path("leaderboards/records")]
    labels = label_words(words)
    if missing := [str(path) for path in folders if not path.exists()]:
        raise UserError(
            f"there is no folder {', '.join(missing)} here.",
            "Name records: tta-bench verify RECORD, or go to a clone's root.",
        )
    files = [file for path in folders for file in (record_files(path) if path.is_dir() else [path])]
    if not files:
        raise UserError(f"there are no records in {', '.join(map(str, folders))}.")
    places = Places(predictions, fetch, maintainers, labels)
    found = [_check(file, places) for file in files]
    doubles = list(find_doubles([seen for _, seen in found if seen is not None]))
    lost = [problem for folder in folders for problem in lost_records(since, folder.parent)] if since else []
    changed = [problem for folder in folders for problem in _keys_changed(since, folder)] if since else []
    for mark, problems in (("DOUBLE", doubles), ("LOST", lost), ("KEYS", changed)):
        for problem in problems:
            click.echo(f"{click.style(mark, fg='red')} {problem}")
    click.echo(_counts([standing for standing, _ in found]))
    failed = sum(standing.word == "FAILED" for standing, _ in found)
    if failed:
        raise CheckFailed(f"{failed} of {counted(len(files), 'record')} {_UNTRUE[failed == 1]}.")
    if doubles:
        raise CheckFailed(f"{counted(len(doubles), *_DOUBLE)} what is of one.")
    if lost:
        raise CheckFailed(f"{counted(len(lost), 'record')} may not disappear.")
    if changed:
        raise CheckFailed("the keys that attest may not change together with records.")
    if any(standing.unchecked for standing, _ in found):
        raise CheckFailed("signatures not checked: there is no ssh-keygen on this machine.")


def _check(file: Path, places: Places) -> tuple[Standing, Seen | None]:
    """Print the standing of a record's file and return it, with the record as it is compared with others."""
    from tta_bench.records.limits import plain
    from tta_bench.results import judge_file

    standing, seen = judge_file(file, places)
    word = standing.word or "no figure"
    said = "; ".join(standing.problems) or standing.reason
    click.echo(f"{click.style(word, fg=_COLOURS.get(word, 'green'))} {plain(file.name)}: {plain(said)}")
    return standing, seen


def _counts(standings: Sequence[Standing]) -> str:
    """Return the number of records of each word."""
    words = Counter[str](standing.word or "no figure" for standing in standings)
    order = ("rerun", "retested", "rescored", "arithmetic", "FAILED", "no figure")
    return f"{counted(len(standings), 'record')}: {', '.join(f'{words[word]} {word}' for word in order if words[word])}"


def _keys_changed(since: Path, folder: Path) -> list[str]:
    """Return the objections to a change that touches the keys and the records of the boards at once."""
    from tta_bench.records.store import record_files
    from tta_bench.records.verify import MAINTAINERS

    def content(file: Path) -> bytes | None:
        return file.read_bytes() if file.is_file() else None

    def records(boards: Path) -> dict[str, bytes]:
        files = [*record_files(boards / "records"), *sorted((boards / "records").glob("*.attestation.json"))]
        return {file.name: file.read_bytes() for file in files}

    boards = folder.parent
    if content(boards / MAINTAINERS) == content(since / MAINTAINERS) or records(boards) == records(since):
        return []
    return [f"{MAINTAINERS} was changed together with records: change the keys first, by themselves"]
