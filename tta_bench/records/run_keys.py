"""Run keys of records, computed again from what the records say of their experiments.

A run key is the digest of everything that a result depends on (`tta_bench.experiments.base`), and a record says all of
it: so a key that was invented, or copied from another record, is found without running anything. It is computed only
where this version of the suite measured the record under the card that is here; an older record keeps its key.
"""

from __future__ import annotations

from typing import Any

import tta_bench
from tta_bench.cards.catalog import backbone_card
from tta_bench.cards.files import card_files
from tta_bench.errors import UserError
from tta_bench.experiments.base import NUMERICS_VERSION, Experiment, backbone_identity, protocol_hash
from tta_bench.experiments.kinds import experiment_kind, protocol_card
from tta_bench.experiments.reaction import ReactionCard
from tta_bench.records.schema import Record
from tta_bench.utils.keyed_random import digest


def run_key_problem(record: Record) -> str | None:
    """Return the problem of a run key that is not that of a record's experiment, in words; None where none is known."""
    possible = possible_run_keys(record)
    if not possible or record.identity.run_key in possible:
        return None
    return f"run key: {record.identity.run_key[:12]} is not that of this experiment, {min(possible)[:12]}"


def possible_run_keys(record: Record) -> frozenset[str]:
    """Return the run keys that a record's experiment can have; none where they cannot be computed here.

    There are two where weights were named: of a training that started from them, and of their test.
    """
    environment, protocol = record.environment, record.identity.protocol
    if record.origin != "run" or environment is None or record.identity.dataset.manifest_sha256 is None:
        return frozenset()
    if (environment.suite_version, environment.numerics) != (tta_bench.__version__, NUMERICS_VERSION):
        return frozenset()
    try:
        card, backbone = protocol_card(protocol.name), backbone_card(record.identity.backbone)
    except (UserError, ImportError):
        return frozenset()  # somebody's own, or one that needs a package
    kind = experiment_kind(card.component)
    starts = _starts(record)
    if protocol_hash(card) != protocol.sha256 or starts is None:
        return frozenset()
    parts = backbone.parts or (backbone,)
    if any(part.component == "TimmBackbone" and part.name not in card_files("backbones") for part in parts):
        return frozenset()  # timm completes their cards, and boards are made without it
    supplied = record.identity.tier != "sample" or any(part.modality == "features" for part in parts)
    if isinstance(card, ReactionCard) and supplied:
        return frozenset()  # they depend on bytes of the training clips and on ready features, which no record says
    known = {"backbone": backbone_identity(backbone)}
    return frozenset(_run_key(record, kind, known | {"weights": start}) for start in starts)


def _starts(record: Record) -> tuple[str | None, ...] | None:
    """Return the digests of the weights that a training may start from; None where a key of theirs is not recorded."""
    weights = record.identity.weights
    if weights is None:
        return (None,)
    named = next((word for word in record.given if word.startswith("weights=")), "")
    if weights.sha256 is None or ":" in named:
        return None
    return weights.sha256, f"tested as they are: {weights.sha256}"


def _run_key(record: Record, kind: type[Experiment], known: dict[str, Any]) -> str:
    """Return the digest of a record's experiment, as its run made it."""
    identity, resolved = record.identity, record.resolved
    data, contents = identity.dataset.manifest_sha256, identity.dataset.contents_sha256
    plugins = [plugin.model_dump(mode="json") for plugin in record.environment.plugins] if record.environment else []
    training = known | {
        "numerics": NUMERICS_VERSION,
        "protocol": [identity.protocol.name, identity.protocol.version],
        "dataset": data if contents is None else digest([data, contents]),
        "split": int(identity.split) if identity.split.isdecimal() else 1,
        "seed": identity.seed,
        "limit": resolved.get("limit"),
        "precision": identity.precision,
    }
    training |= {name: resolved[name] for name in kind.training_sections() if name in resolved}
    training |= {"plugins": plugins} if plugins else {}
    tested = {"training": digest(training), "protocol": identity.protocol.sha256, "tier": identity.tier}
    return digest(tested | {name: resolved[name] for name in ("eval",) if name in resolved})
