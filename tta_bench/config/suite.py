"""From a suite's card and ``key=value`` words to experiments, each on its own: one that cannot be had ends no other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tta_bench.cards.catalog import backbone_card, dataset_card, names, weights_card
from tta_bench.cards.suite import RELEASED, SuiteCard, SuitePart
from tta_bench.config.overrides import key_types, parse
from tta_bench.config.resolve import data_root, resolve
from tta_bench.errors import BenchError, UserError, did_you_mean
from tta_bench.experiments.base import Experiment
from tta_bench.experiments.kinds import protocol_card
from tta_bench.plugins import PluginCode

CHOOSE = ("protocol", "backbone", "weights")
"""Words that choose among what a card names."""


@dataclass(frozen=True)
class Planned:
    """An experiment of a suite, or the reason why it cannot be had."""

    name: str
    """Protocol, backbone, weights, split and seed, for a reader."""
    experiment: Experiment | None
    error: BenchError | None = None


@dataclass(frozen=True)
class _Product:
    """One protocol, backbone and weights of a part."""

    protocol: str
    backbone: str | None
    weights: str
    part: SuitePart


def planned(card: SuiteCard, words: Sequence[str], plugins: Iterable[PluginCode] = ()) -> list[Planned]:
    """Return the experiments of a suite, in the order in which one encoding serves the most of them.

    Args:
        card: The suite.
        words: The user's words: protocol, backbone and weights choose among what the card names, others go before it.
        plugins: Plug-in files that were imported.

    Raises:
        UserError: A word is wrong, or chooses nothing.
    """
    given, code = _given(words), tuple(plugins)
    products = [product for part in card.parts for product in _products(part)]
    for key in CHOOSE:
        products = _chosen(products, key, given.get(key))
    rest = {key: text for key, text in given.items() if key not in CHOOSE}
    for name in dict.fromkeys(product.protocol for product in products):
        parse([f"{key}={text}" for key, text in rest.items()], key_types(type(protocol_card(name))))
    if "data.root" in rest and len(_datasets(products, card)) > 1:
        raise UserError(
            f"data.root is the folder of one dataset, and this suite uses {', '.join(_datasets(products, card))}.",
            "Say data.roots.NAME=DIR for each.",
        )
    return [one for product in products for one in _of_product(product, card, rest, code)]


def _given(words: Sequence[str]) -> dict[str, str]:
    """Return the words as key and text; raises UserError for one without ``=`` or given twice."""
    parse(words)
    return dict(word.partition("=")[::2] for word in words)


def _products(part: SuitePart) -> Iterator[_Product]:
    """Yield the products of a part: all protocols of a backbone and its weights, then those of the next."""
    for backbone in part.backbones or (None,):
        for weights in part.weights:
            for protocol in part.protocols:
                left_out = any(exclusion.holds(protocol, backbone, weights) for exclusion in part.exclude)
                if not left_out and _fits(weights, backbone):
                    yield _Product(protocol, backbone, weights, part)


def _fits(weights: str, backbone: str | None) -> bool:
    """Return False for a card of weights of another backbone."""
    return backbone is None or weights not in names("weights") or weights_card(weights).backbone in backbone.split("+")


def _chosen(products: list[_Product], key: str, text: str | None) -> list[_Product]:
    """Return the products that a user's word chooses.

    Raises:
        UserError: One of its names is none of the card's.
    """
    if text is None:
        return products
    wanted = text.split(",")
    known = sorted({value for product in products if (value := getattr(product, key)) is not None})
    for name in wanted:
        if name not in known:
            raise UserError(f"{key}={name} is not in this suite.", did_you_mean(name, known))
    return [product for product in products if getattr(product, key) in wanted]


def _datasets(products: Iterable[_Product], card: SuiteCard) -> list[str]:
    return sorted({protocol_card(product.protocol).tier(card.tier).dataset for product in products})


def _of_product(
    product: _Product, card: SuiteCard, rest: Mapping[str, str], plugins: tuple[PluginCode, ...]
) -> Iterator[Planned]:
    """Yield the experiments of a product: one for each split and seed, or one error for all."""
    protocol, part = product.protocol, product.part
    label = ", ".join(filter(None, [protocol, product.backbone]))
    try:
        settings = protocol_card(protocol).tier(card.tier)
        splits = dataset_card(settings.dataset).splits if part.splits == "all" else part.splits
        backbone = product.backbone or settings.backbone
        own = {"split": ",".join(map(str, splits)), "seed": ",".join(map(str, part.seeds))}
        keys = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in part.keys.items()}
        chosen = {"protocol": protocol, "backbone": backbone, "tier": card.tier}
        if product.weights != "default":
            chosen["weights"] = released(backbone) if product.weights == RELEASED else product.weights
        found = resolve([f"{key}={text}" for key, text in {**chosen, **own, **keys, **rest}.items()], plugins)
    except BenchError as error:
        yield Planned(label, None, error)
        return
    for one in found:
        yield Planned(
            f"{protocol}, {one.backbone.name}, {one.weights}, split {one.split}, seed {one.seed}",
            one,
        )


def released(backbone: str) -> str:
    """Return the weights that a backbone was released with: its default, else the only card of weights for it.

    Raises:
        UserError: There is none, or there are several; names them.
    """
    default = backbone_card(backbone).weights
    if default != "none":
        return default
    found = [name for name in names("weights") if weights_card(name).backbone == backbone]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UserError(f"no card names released weights of {backbone}.", "`tta-bench list weights` prints all.")
    raise UserError(
        f"{backbone} has {len(found)} cards of weights: {', '.join(found)}.", "Name one of them in the suite's card."
    )


def unconfigured(card: SuiteCard, words: Sequence[str]) -> list[str]:
    """Return the datasets of a full suite whose folders neither the words nor the machine name."""
    given = {word.partition("=")[0] for word in words}
    if card.tier == "sample" or "data.root" in given:
        return []
    products = [product for part in card.parts for product in _products(part)]
    for key in CHOOSE:
        named = next((word.partition("=")[2] for word in words if word.startswith(f"{key}=")), None)
        products = _chosen(products, key, named)
    return [
        name for name in _datasets(products, card) if f"data.roots.{name}" not in given and data_root(name, {}) is None
    ]
