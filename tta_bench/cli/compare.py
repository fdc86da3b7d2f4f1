"""``tta-bench compare``: whether two runs differ."""

from __future__ import annotations

from pathlib import Path

import click

from tta_bench.cli.documents import echo_json, json_option
from tta_bench.cli.options import RecordFile, load_plugins, plugin_option


@click.command("compare")
@click.argument("a", type=RecordFile())
@click.argument("b", type=RecordFile())
@click.argument("words", nargs=-1, metavar="[KEY=VALUE...]")
@plugin_option
@json_option()
def command(a: Path, b: Path, words: tuple[str, ...], plugins: tuple[Path, ...], as_json: bool) -> None:
    """Compare two records on the same test clips: difference of their scores, its interval, p, and discordant clips.

    Records of data whose labels may not be published need data.root=DIR, or labels=FILE.
    """
    from tta_bench.boards.comparison import compare
    from tta_bench.boards.markdown import figure, heading, signed
    from tta_bench.cli.options import label_words, labels_for
    from tta_bench.records.store import read_record

    load_plugins(plugins)
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
