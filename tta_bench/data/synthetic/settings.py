"""The settings of an embedded sample: plain values checked against a dataclass of numbers, which are its identity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from tta_bench.errors import UserError, unknown

Settings = TypeVar("Settings")


def fill(kind: type[Settings], values: Mapping[str, Any], version: int, noun: str) -> Settings:
    """Return a dataclass of numbers with the given values in place of its defaults.

    Args:
        kind: The dataclass; its field ``version`` says which generator is wanted.
        values: The values that differ from the defaults.
        version: The version of the generator that there is.
        noun: Noun for the generator's product, for errors.

    Raises:
        UserError: A value is unknown or of the wrong kind, or another version of the generator is needed.
    """
    defaults = {field.name: field.default for field in fields(kind)}  # type: ignore[arg-type]
    for key, value in values.items():
        if key not in defaults:
            raise unknown(f"setting of the {noun}", key, defaults)
        _check_number(key, value, defaults[key], noun)
    wanted = values.get("version", version)
    if wanted != version:
        raise UserError(
            f"{noun} of version {wanted} are wanted, but this program makes {version}.",
            "Use the version of tta-bench that made them, or leave the version out.",
        )
    return kind(**values)


def _check_number(key: str, value: Any, default: Any, noun: str) -> None:
    """Check that a value is a number, and a whole one where the default is whole."""
    whole = isinstance(default, int)
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise UserError(f"the {noun}' {key} must be a {'whole ' if whole else ''}number, not {value!r}.")
