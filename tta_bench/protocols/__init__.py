"""Protocols, a folder each: every one turns an experiment into records. The registry imports them all."""

from __future__ import annotations

from tta_bench.errors import UserError, unknown
from tta_bench.protocols.base.protocol_run import METHODS, ProtocolRun
from tta_bench.registry import PROTOCOLS

__all__ = ["ProtocolRun", "load_protocol"]


def load_protocol(component: str) -> type[ProtocolRun]:
    """Return the protocol class that a card's ``component`` names.

    Raises:
        UserError: Nothing registers that component (names the nearest), or its class lacks a method of the contract.
    """
    protocol: type[ProtocolRun] | None = PROTOCOLS.get(component)
    if protocol is None:
        raise unknown("protocol component", component, PROTOCOLS.module_dict)
    missing = [
        name for name in METHODS if not callable(method := getattr(protocol, name, None)) or _is_abstract(method)
    ]
    if missing:
        raise UserError(
            f"protocol component {component} lacks {', '.join(f'{name}()' for name in missing)}.",
            "Derive it from tta_bench.protocols.base.protocol_run.ProtocolRun, which documents each of them.",
        )
    return protocol


def _is_abstract(method: object) -> bool:
    return bool(getattr(method, "__isabstractmethod__", False))
