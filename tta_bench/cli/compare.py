"""``tta-bench compare``: whether two runs differ, or whether two protocols rank backbones alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tta_bench.cli.documents import echo_json, json_option
from tta_bench.cli.options import RecordFile, load_plugins, plugin_option

if TYPE_CHECKING:
    from tta_bench.boards.agreement import Agreement


@click.command("compare")
@click.argument("a", type=RecordFile(), required=False)
@click.argument("b", type=RecordFile(), required=False)
@click.argument("words", nargs=-1, metavar="[KEY=VALUE...]")
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
    a: Path | None,
    b: Path | None,
    words: tuple[str, ...],
    protocols: tuple[str, str] | None,
    records: tuple[Path, ...],
    plugins: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Compare two records on the same test clips: difference of their scores, its interval, p, and discordant clips.

    Records of data whose labels may not be published need data.root=DIR, or labels=FILE.

    \b
    tta-bench compare RECORD RECORD
    tta-bench compare --protocols ucf101_knn ucf101_ft     Spearman's rank correlation over backbones that both have
    """
    from tta_bench.errors import UserError

    load_plugins(plugins)
    if protocols is not None:
        if a is not None:
            raise UserError("--protocols compares boards, and records were named too.", "Say one or the other.")
        _protocols(*protocols, records, as_json)
    elif a is None or b is None:
        raise UserError("two records are compared, or two protocols.", "Say RECORD RECORD, or --protocols P Q.")
    elif records:
        raise UserError("--records goes with --protocols.", "Name the two records by their files.")
    else:
        _records(a, b, words, as_json)


def _records(a: Path, b: Path, words: tuple[str, ...], as_json: bool) -> None:
    """Print the comparison of two records."""
    from tta_bench.boards.comparison import compare
    from tta_bench.boards.markdown import figure, heading, signed
    from tta_bench.cli.options import label_words, labels_for
    from tta_bench.records.store import read_record

    result = compare(a, b, labels_for(read_record(a), label_words(words)))
    if as_json:
        data = result._asdict()
        data["difference"] = result.difference._asdict()
        discordant = data.pop("discordant")
        data |= discordant._asdict() if discordant else {}
        echo_json(data)
        return
    value, low, high = (signed(result.metric, end) for end in result.difference[:3])
    told_apart = "differ" if result.difference.low > 0 or result.difference.high < 0 else "cannot be told apart"
    click.echo(
        f"{heading(result.metric)}: {figure(result.metric, result.a)} and {figure(result.metric, result.b)}, "
        f"difference {value}\n95 % interval {low} to {high}, p {result.difference.p:.4f} "
        f"(paired bootstrap over {result.difference.n_groups} groups of {result.difference.n:,} clips)"
    )
    if result.discordant is not None:
        only_a, only_b, p = result.discordant
        click.echo(f"only A right {only_a}, only B right {only_b}, exact McNemar p {p:.4f}")
    click.echo(f"The two {told_apart} at 95 %.")


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
