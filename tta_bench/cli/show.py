"""``tta-bench show``: a card in full."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tta_bench.cli.options import plugin_option

if TYPE_CHECKING:
    from tta_bench.cards import TierSettings

DETECTABLE = (
    "points of top-1 that a paired test at 5 % finds with power 0.8, by the share of test clips that only one of two "
    "models gets right; clips of one source are alike, so it takes somewhat more"
)


@click.command("show")
@click.argument("name")
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(name: str, plugins: tuple[Path, ...], as_json: bool) -> None:
    """Show a backbone, weights, dataset or protocol: its resolved card, hash, locked keys, size and cost."""
    from tta_bench.cards import (
        GROUPS,
        BackboneCard,
        Card,
        FineTuneCard,
        ProtocolCard,
        backbone_card,
        card_files,
        load,
        names,
        protocol_card,
    )
    from tta_bench.errors import UserError, unknown
    from tta_bench.experiment import protocol_hash
    from tta_bench.extensions import PluginError, installed
    from tta_bench.families import complete
    from tta_bench.keys import digest
    from tta_bench.plugins import load_files

    load_files(plugins)
    found: dict[str, Card] = {}
    for group in ["backbones"] if "+" in name else GROUPS:
        try:
            found[group] = complete(backbone_card(name)) if group == "backbones" else load(group, name)
        except UserError as error:
            if "+" in name or name in names(group) or isinstance(error, PluginError):
                raise
    if not found:
        raise unknown("name", name, [*installed(), *(card for group in GROUPS for card in names(group))])
    shown: dict[str, Any] = {}
    for group, card in found.items():
        data = card.model_dump(mode="json")
        extra: dict[str, Any] = {"kind": group.rstrip("s"), "hash": digest(data)}
        if isinstance(card, BackboneCard) and card.gmacs is not None:
            extra["gmacs_x_views"] = {
                protocol.name: f"{card.gmacs:g} x {protocol.full.eval.segments * protocol.full.eval.crops}"
                for protocol in map(protocol_card, card_files("protocols"))
                if isinstance(protocol, FineTuneCard)
            }
        if isinstance(card, ProtocolCard):
            extra["hash"] = protocol_hash(card)
        if isinstance(card, FineTuneCard):
            tiers = {"full": card.full.eval, "sample": card.sample.eval}
            extra["views"] = {name: rule.segments * rule.crops for name, rule in tiers.items()}
            extra["detectable_difference"] = {"meaning": DETECTABLE} | {
                name: _detectable(getattr(card, name)) for name in tiers
            }
        shown[group] = extra | data
    click.echo(
        json.dumps(shown, indent=2) if as_json else "\n".join(_as_text(data) for data in shown.values()), nl=False
    )
    if as_json:
        click.echo()


def _detectable(settings: TierSettings) -> dict[str, float]:
    """Return the difference that a tier's test list can show, in points, by the share of clips that tell models apart.

    Nothing where the size of the list is not fixed.
    """
    from tta_bench.cards import dataset_card
    from tta_bench.metrics.paired import detectable_difference

    return {
        f"{share:.0%} of {n:,}": round(100 * detectable_difference(n, share), 1)
        for n in dataset_card(settings.dataset).test_sizes[:1]
        for share in (0.06, 0.15, 0.25)
    }


def _as_text(data: dict[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)
