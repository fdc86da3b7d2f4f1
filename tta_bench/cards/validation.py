"""Strict pydantic models, and their validation errors as messages for the user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tta_bench.cards.files import line_of
from tta_bench.errors import UserError, did_you_mean

Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """A frozen model that refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def optional_since_v1(**limits: Any) -> Any:
    """Return an optional field that is left out of dumps while null, so that adding it changes no old digest."""
    return Field(default=None, exclude_if=lambda value: value is None, **limits)


def validate(model: type[Model], data: Mapping[str, Any], source: str | Path) -> Model:
    """Return a card made from data.

    Raises:
        UserError: A key is unknown or missing or a value is wrong; each is named, with its line in a file.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise UserError(f"{source}: {explain(error, source if isinstance(source, Path) else None)}") from None


def validate_keys(model: type[Model], data: Mapping[str, Any], prefix: str = "") -> Model:
    """Return settings made from a user's ``key=value`` words.

    Args:
        model: The settings.
        data: Their values.
        prefix: Text before each key in messages, the name of a section and a dot for instance.

    Raises:
        UserError: A value is wrong; names its key, and the nearest valid spelling.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise UserError("\n".join(prefix + line for line in _wrong_keys(error))) from None


def explain(error: ValidationError, path: Path | None = None) -> str:
    """Return the errors of a validation, one line for each field, with its line in the file that was read."""
    lines = []
    for problem in error.errors(include_url=False):
        where = ".".join(str(part) for part in problem["loc"])
        line = line_of(path, problem["loc"]) if path is not None else None
        at = f"line {line}, " if line is not None else ""
        lines.append(f"{at}{where}: {problem['msg']} (found {problem['input']!r})")
    return "\n".join(lines)


def _wrong_keys(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False):
        where = ".".join(str(part) for part in problem["loc"] if not isinstance(part, int))
        yield f"{where}={problem['input']}: {problem['msg']}. {_nearest(problem)}".rstrip()


def _nearest(problem: Mapping[str, Any]) -> str:
    if problem["type"] != "literal_error":
        return ""
    choices = [str(part).strip("' ") for part in problem["ctx"]["expected"].replace(" or ", ",").split(",")]
    return did_you_mean(str(problem["input"]), choices)
