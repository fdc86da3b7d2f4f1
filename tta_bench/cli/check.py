"""``tta-bench check``: test a backbone, dataset or protocol against its contract."""

from __future__ import annotations

from pathlib import Path

import click

from tta_bench.cli.documents import echo_json, json_option
from tta_bench.cli.options import plugin_option


@click.command("check")
@click.argument("name")
@plugin_option
@click.option("--markdown", is_flag=True, help="Print a report to paste.")
@json_option()
def command(name: str, plugins: tuple[Path, ...], markdown: bool, as_json: bool) -> None:
    """Test a backbone, dataset or protocol against its contract.

    \b
    tta-bench check my_net --plugin my_net.py       features, gradients, sizes
    tta-bench check my_probe --plugin my_probe.py   methods, cards, keys
    tta-bench check ucf101                          class, arguments, folder

    Every rule has a line, and the exit code is 1 if one is broken.
    `tta-bench run` tries the quick rules on a plug-in before anything is spent.
    """
    from tta_bench import api
    from tta_bench.contract.report import as_data, as_markdown, as_table, is_kept, verdict
    from tta_bench.errors import CheckFailed

    code, findings = api.check(name, plugins)
    if as_json:
        echo_json(as_data(name, code, findings))
    elif markdown:
        click.echo(as_markdown(name, code, findings), nl=False)
    else:
        click.echo(as_table(findings))
    if not is_kept(findings):
        raise CheckFailed(verdict(name, findings))
    click.echo(verdict(name, findings), err=True)
