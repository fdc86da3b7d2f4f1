"""``tta-bench compare``: whether two runs differ."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("compare")
@click.argument("a", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("b", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(a: Path, b: Path, as_json: bool) -> None:
    """Compare two records on the same test clips: difference in top-1, its interval, p, and discordant clips."""
    from tta_bench.boards.comparison import compare

    found = compare(a, b)
    if as_json:
        click.echo(json.dumps(found._asdict(), indent=2))
        return
    low, high = found.difference.low, found.difference.high
    told_apart = "differ" if low > 0 or high < 0 else "cannot be told apart"
    click.echo(
        f"top-1: {found.a:.2%} and {found.b:.2%}, difference {100 * found.difference.value:+.2f} points\n"
        f"95 % interval {100 * low:+.2f} to {100 * high:+.2f}, p {found.difference.p:.4f} "
        f"(paired bootstrap over {found.difference.n_groups} groups of {found.difference.n:,} clips)\n"
        f"only A right {found.only_a}, only B right {found.only_b}, exact McNemar p {found.mcnemar:.4f}\n"
        f"The two {told_apart} at 95 %."
    )
