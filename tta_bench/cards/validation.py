"""Pydantic's validation errors as messages for the user."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from tta_bench.cards.files import line_of
from tta_bench.errors import UserError
from tta_bench.utils.strict import Strict

AnyCard = TypeVar("AnyCard", bound=Strict)


def validate(model: type[AnyCard], data: Mapping[str, Any], source: str | Path) -> AnyCard:
    """Return a card made from data.

    Raises:
        UserError: A key is unknown or missing or a value is wrong; each is named, with its line in a file.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise UserError(f"{source}: {explain(error, source if isinstance(source, Path) else None)}") from None


def explain(error: ValidationError, path: Path | None = None) -> str:
    """Return what a validation found wrong, one line for each field, with where it stands in a file."""
    lines = []
    for problem in error.errors(include_url=False):
        where = ".".join(str(part) for part in problem["loc"])
        line = line_of(path, problem["loc"]) if path is not None else None
        at = f"line {line}, " if line is not None else ""
        lines.append(f"{at}{where}: {problem['msg']} (found {problem['input']!r})")
    return "\n".join(lines)
