"""``tta-bench compare``: whether runs differ, or whether two protocols rank backbones alike."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tta_bench.cli.completion import complete_runs
from tta_bench.cli.documents import echo_json, json_option
from tta_bench.cli.options import load_plugins, plugin_option

if TYPE_CHECKING:
    from tta_bench.boards.agreement import Agreement
    from tta_bench.boards.comparison import Comparison, Comparisons
    from tta_bench.metrics.paired import Difference

APART = 0.05
"""Largest p of two that are told apart."""


@click.command("compare")
@click.argument("arguments", nargs=-1, metavar="A B [C...] [KEY=VALUE...]", shell_complete=complete_runs)
@click.option("--protocols", nargs=2, metavar="P Q", help="Compare the orders of backbones of two protocols' boards.")
@click.option(
    "--records",
    type=click.Path(file_okay=False, path_type=Path),
    multiple=True,
    help="With --protocols: folder of records, or a work folder; several are merged.  [default: as for leaderboard]",
)
@plugin_option
@json_option()
def command(
    arguments: tuple[str, ...],
    protocols: tuple[str, str] | None,
    records: tuple[Path, ...],
    plugins: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Compare records on the same test clips.

    Differences of their scores have intervals, p and discordant clips. Of more than two records all pairs are compared
    at once, as for the ranks of a board: the intervals and the p-values are adjusted for the number of pairs. Records
    of data whose labels may not be published need data.root=DIR, or labels=FILE.

    \b
    tta-bench compare RECORD RECORD
    tta-bench compare --protocols ucf101_knn ucf101_ft
                       Spearman's rank correlation over backbones of both
    """
    from tta_bench.boards.comparison import compare, compare_several
    from tta_bench.cli.options import label_words, paths_and_words
    from tta_bench.errors import UserError
    from tta_bench.records.store import read_record
    from tta_bench.results import labels_for

    load_plugins(plugins)
    if protocols is not None:
        if arguments:
            raise UserError("--protocols compares boards, and records were named too.", "Say one or the other.")
        _protocols(*protocols, records, as_json)
        return
    if records:
        raise UserError("--records goes with --protocols.", "Name the records by their files.")
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
        discordant, _ = data.pop("discordant"), data.pop("interval")
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
        f"({difference.n_groups} groups of {difference.n:,} clips: {result.interval}, p from flipping groups' signs)"
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


def _protocols(first: str, second: str, records: tuple[Path, ...], as_json: bool) -> None:
    """Print the agreement of two protocols, at each tier where they share backbones."""
    from dataclasses import asdict

    from tta_bench.boards.agreement import agreement, measured, tier_key
    from tta_bench.boards.collect import collect_entries
    from tta_bench.cards.kinds import Tier
    from tta_bench.cli.leaderboard import find_place
    from tta_bench.experiments.kinds import protocol_card

    for name in (first, second):
        protocol_card(name)
    place = find_place(None, None, records, "json")
    folders = [folder for folder in place.records if folder.is_dir()]
    collected = collect_entries(folders, place.boards, place.official)
    tiers: tuple[Tier, ...] = ("full", "sample")
    found = []
    for tier in tiers:
        rows = [measured(collected.entries.get(tier_key(name, tier), [])) for name in (first, second)]
        found.append(agreement(rows[0], rows[1], tier))
    if as_json:
        echo_json({one.tier: {**asdict(one), "pairs": [pair._asdict() for pair in one.pairs]} for one in found})
        return
    shown = [one for one in found if one.pairs] or found[:1]
    for one in shown:
        click.echo(f"{first} and {second}, {one.tier} tier: {_said(one)}")
        for pair in one.pairs:
            click.echo(f"  {pair.backbone}, weights {pair.weights}: {pair.first:.4f} and {pair.second:.4f}")
    for problem in collected.problems:
        click.echo(f"left out: {problem}", err=True)


def _said(one: Agreement) -> str:
    """Return a rank correlation in words."""
    from tta_bench.boards.agreement import LEAST

    n = len(one.pairs)
    shared = f"{n} {'backbone' if n == 1 else 'backbones'} in common"
    if n < LEAST:
        return f"{shared}, and of fewer than {LEAST} it cannot be said whether their orders agree"
    if one.rho is None:
        return f"{shared}, all of one score under a protocol, so there is no order to compare"
    over = "backbones and groups of test clips" if one.with_groups else "backbones alone; not all outcomes are at hand"
    rough = "; of so few backbones the interval is rough" if n < 10 else ""
    return (
        f"Spearman's rank correlation {one.rho:+.3f} over {shared}, 95 % interval {one.low:+.3f} to {one.high:+.3f} "
        f"(bootstrap over {over}{rough})"
    )
