"""``tta-bench weights``: released weights on this machine, and one's own for other people's code."""

from __future__ import annotations

from pathlib import Path

import click

from tta_bench.cli.options import work_dir_option
from tta_bench.errors import UserError, did_you_mean


@click.group("weights")
def command() -> None:
    """Get released weights, or pass on those of a run.

    `tta-bench list weights` names those that have cards.
    """


@command.command("fetch")
@click.argument("name")
def fetch(name: str) -> None:
    """Download the weights of a card into the cache.

    They are checked where their digest is known.
    """
    from tta_bench.cards.catalog import weights_card, weights_file
    from tta_bench.utils.download import download

    card = weights_card(name)
    file = weights_file(card)
    if file.is_file():
        click.echo(f"{name} is there already: {file} ({file.stat().st_size:,} bytes). Delete it to fetch it again.")
        return
    click.echo(f"{name}: {card.summary}. Licence: {card.licence or 'not stated'}.", err=True)
    if card.by_hand is not None:
        raise UserError(
            f"{name} cannot be fetched: {card.by_hand}.", f"Get it from {card.address} with a browser, as {file}."
        )
    found = download(card.address, file, card.digest, size=card.bytes)
    click.echo(f"{file} ({file.stat().st_size:,} bytes), sha256 {found}")
    if card.digest is None:
        click.echo("No trusted source states its digest, so it could not be checked.", err=True)
    elif card.sha256 is None:
        click.echo(f"Of its digest only the first {len(card.digest)} digits are stated; they are right.", err=True)


@command.command("export")
@click.argument("source", metavar="RUN|FILE")
@click.argument("into", type=click.Path(dir_okay=False, path_type=Path))
@work_dir_option
def export(source: str, into: Path, work_dir: Path) -> None:
    """Write a VideoMAE's weights as official fine-tuning reads them.

    INTO is a new file, .safetensors or .pth.

    \b
    tta-bench weights export RUN encoder.pth      a pre-training's encoder
    tta-bench weights export RUN classifier.pth   a fine-tune's encoder and head
    """
    from tta_bench.models.checkpoints.export import export_fine_tuning
    from tta_bench.protocols.base.weights import checkpoint_of, runs_in

    file = checkpoint_of(source, work_dir)
    if file is None:
        raise UserError(f"{source} is neither a file nor a run in {work_dir}.", did_you_mean(source, runs_in(work_dir)))
    written = export_fine_tuning(file, into)
    head = "with its head" if "head.weight" in written else "without a head"
    click.echo(f"{into}: an encoder {head}, {len(written):,} tensors under the official names")
