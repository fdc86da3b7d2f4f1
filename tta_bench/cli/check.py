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
    """Test a backbone, dataset or protocol against its contract, rule by rule; exit with 1 if a rule is broken.

    \b
    tta-bench check my_net --plugin my_net.py       features, gradients, sizes and figures of a backbone
    tta-bench check my_probe --plugin my_probe.py   methods, cards and keys of a protocol
    tta-bench check ucf101                          class and arguments of a dataset, and its folder if configured

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
