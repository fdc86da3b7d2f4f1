"""``tta-bench weights``: released weights on this machine."""

from __future__ import annotations

import click


@click.group("weights")
def command() -> None:
    """Get released weights, which have cards of their own: `tta-bench list weights`."""


@command.command("fetch")
@click.argument("name")
def fetch(name: str) -> None:
    """Download the weights of a card into the cache, and check them where their digest is known."""
    from tta_bench.cards import weights_card
    from tta_bench.download import download
    from tta_bench.places import weights_file

    card = weights_card(name)
    file = weights_file(card)
    if file.is_file():
        click.echo(f"{name} is there already: {file} ({file.stat().st_size:,} bytes). Delete it to fetch it again.")
        return
    click.echo(f"{name}: {card.summary}. Licence: {card.licence or 'not stated'}.", err=True)
    found = download(card.address, file, card.sha256)
    click.echo(f"{file} ({file.stat().st_size:,} bytes), sha256 {found}")
    if card.sha256 is None:
        click.echo("No trusted source states its digest, so it could not be checked.", err=True)
