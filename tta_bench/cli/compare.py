"""``tta-bench compare``: whether two runs differ."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("compare")
@click.argument("a", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("b", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("words", nargs=-1, metavar="[KEY=VALUE...]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(a: Path, b: Path, words: tuple[str, ...], as_json: bool) -> None:
    """Compare two records on the same test clips: difference of their scores, its interval, p, and discordant clips.

    Records of data whose labels may not be published need data.root=DIR, or labels=FILE.
    """
    from tta_bench.boards.comparison import compare
    from tta_bench.boards.markdown import figure, heading, signed
    from tta_bench.cli.options import label_words, labels_for
    from tta_bench.records.store import read_record

    found = compare(a, b, labels_for(read_record(a), label_words(words)))
    if as_json:
        data = found._asdict()
        discordant = data.pop("discordant")
        data |= discordant._asdict() if discordant else {}
        click.echo(json.dumps(data, indent=2))
        return
    value, low, high = (signed(found.metric, end) for end in found.difference[:3])
    told_apart = "differ" if found.difference.low > 0 or found.difference.high < 0 else "cannot be told apart"
    click.echo(
        f"{heading(found.metric)}: {figure(found.metric, found.a)} and {figure(found.metric, found.b)}, "
        f"difference {value}\n95 % interval {low} to {high}, p {found.difference.p:.4f} "
        f"(paired bootstrap over {found.difference.n_groups} groups of {found.difference.n:,} clips)"
    )
    if found.discordant is not None:
        only_a, only_b, p = found.discordant
        click.echo(f"only A right {only_a}, only B right {only_b}, exact McNemar p {p:.4f}")
    click.echo(f"The two {told_apart} at 95 %.")
