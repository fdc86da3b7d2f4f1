"""``tta-bench compare``: whether runs differ."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tta_bench.cli.documents import echo_json, json_option
from tta_bench.cli.options import load_plugins, plugin_option

if TYPE_CHECKING:
    from tta_bench.boards.comparison import Comparison, Comparisons
    from tta_bench.metrics.paired import Difference

APART = 0.05
"""Largest p of two that are told apart."""


@click.command("compare")
@click.argument("arguments", nargs=-1, required=True, metavar="A B [C...] [KEY=VALUE...]")
@plugin_option
@json_option()
def command(arguments: tuple[str, ...], plugins: tuple[Path, ...], as_json: bool) -> None:
    """Compare records on the same test clips: differences of their scores, with intervals, p, and discordant clips.

    Of more than two records all pairs are compared at once, as for the ranks of a board: the intervals and the p-values
    are adjusted for the number of pairs. Records of data whose labels may not be published need data.root=DIR, or
    labels=FILE.
    """
    from tta_bench.boards.comparison import compare, compare_several
    from tta_bench.cli.options import label_words, labels_for, paths_and_words
    from tta_bench.errors import UserError
    from tta_bench.records.store import read_record

    load_plugins(plugins)
    paths, words = paths_and_words(arguments)
    if len(paths) < 2:
        raise UserError(f"a comparison is of two records or more, and {len(paths)} is given.", "Name another record.")
    truth = labels_for(read_record(paths[0]), label_words(words))
    if len(paths) == 2:
        _show_two(compare(paths[0], paths[1], truth), as_json)
    else:
        _show_several(compare_several(paths, truth), [path.stem for path in paths], as_json)


def _show_two(result: Comparison, as_json: bool) -> None:
    from tta_bench.boards.markdown import figure, heading, signed

    if as_json:
        data = result._asdict()
        data["difference"] = _plain(result.difference)
        discordant = data.pop("discordant")
        data |= discordant._asdict() if discordant else {}
        if not result.note:
            del data["note"]
        echo_json(data)
        return
    difference = result.difference
    click.echo(
        f"{heading(result.metric)}: {figure(result.metric, result.a)} and {figure(result.metric, result.b)}, "
        f"difference {signed(result.metric, difference.value)}\n"
        f"95 % interval {_interval(result.metric, difference)}, p {difference.p:.4f} "
        f"({difference.n_groups} groups of {difference.n:,} clips: Newcombe's interval, p from flipping groups' signs)"
    )
    if result.discordant is not None:
        only_a, only_b, p = result.discordant
        click.echo(f"only A right {only_a}, only B right {only_b}, exact McNemar p {p:.4f}")
    if result.note:
        click.echo(result.note)
    apart = difference.p <= APART
    click.echo(f"The two {'differ' if apart else 'cannot be told apart'} at 95 %.")
    if apart and difference.low <= 0 <= difference.high:
        click.echo("The interval holds 0 all the same: few groups tell the two apart, so that its size is not known.")


def _show_several(result: Comparisons, names: list[str], as_json: bool) -> None:
    from tabulate import tabulate

    from tta_bench.boards.escape import plain
    from tta_bench.boards.markdown import figure, heading, signed

    if as_json:
        rows = zip(names, result.scores, result.ranks, strict=True)
        pairs = [{"a": pair.a, "b": pair.b} | _plain(pair.difference) for pair in result.pairs]
        ranked = [{"record": name, "score": score} | rank._asdict() for name, score, rank in rows]
        note = {"note": result.note} if result.note else {}
        echo_json({"metric": result.metric, "simultaneous": True, "records": ranked, "pairs": pairs} | note)
        return
    letters = [f"{place + 1}" for place in range(len(names))]
    table = [
        [letter, plain(name), figure(result.metric, score), _rank(*rank)]
        for letter, name, score, rank in zip(letters, names, result.scores, result.ranks, strict=True)
    ]
    click.echo(
        tabulate(table, ["", "record", heading(result.metric), "rank"], tablefmt="github", disable_numparse=True)
    )
    pairs_shown = [
        [
            f"{letters[pair.a]} - {letters[pair.b]}",
            signed(result.metric, pair.difference.value),
            _interval(result.metric, pair.difference),
            f"{pair.difference.p:.4f}",
            "differ" if pair.difference.p <= APART else "not told apart",
        ]
        for pair in result.pairs
    ]
    headers = ["pair", "difference", "95 % interval", "p", ""]
    click.echo("\n" + tabulate(pairs_shown, headers, tablefmt="github", disable_numparse=True) + "\n")
    if result.note:
        click.echo(result.note)
    click.echo(
        f"Adjusted for all {len(result.pairs)} pairs at once: of equally good records any two are told apart in "
        "at most 5 % of comparisons, and all intervals hold together in 95 %."
    )


def _interval(metric: str, difference: Difference) -> str:
    from tta_bench.boards.markdown import signed

    if math.isnan(difference.low):
        return "none"
    return f"{signed(metric, difference.low)} to {signed(metric, difference.high)}"


def _rank(rank: int, lowest: int) -> str:
    return f"{rank}" if rank == lowest else f"{rank} to {lowest}"


def _plain(difference: Difference) -> dict[str, Any]:
    """Return a difference as plain data; ends that are not known are null."""
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in difference._asdict().items()
    }
