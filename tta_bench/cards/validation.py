"""Strict pydantic models, and their validation errors as messages for the user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tta_bench.cards.wording import found, in_words, known_beside, place
from tta_bench.cards.yaml_text import line_of
from tta_bench.errors import UserError, did_you_mean

Model = TypeVar("Model", bound=BaseModel)
NUMBERS = (int, float, int | None, float | None)
"""Types of which true and false are no values, though pydantic reads them as 1 and 0."""


class Strict(BaseModel):
    """A frozen model that refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


def optional_since_v1(**limits: Any) -> Any:
    """Return an optional field that is left out of dumps while null, so that adding it changes no old digest."""
    return Field(default=None, exclude_if=lambda value: value is None, **limits)


def validate(model: type[Model], data: Mapping[str, Any], source: str | Path) -> Model:
    """Return a card made from data.

    Raises:
        UserError: A key is unknown or missing or a value is wrong; each is named, with its line in a file.
    """
    path = source if isinstance(source, Path) else None
    if wrong := next(_truth_for_number(model, data, ()), None):
        line = line_of(path, wrong) if path is not None else None
        at = f"line {line}, " if line is not None else ""
        raise UserError(f"{source}: {at}{'.'.join(wrong)}: a number was expected, and true or false was found.")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise UserError(f"{source}: {explain(error, path, data, model)}") from None


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
        raise UserError("\n".join(_wrong_keys(error, data, prefix))) from None


def explain(
    error: ValidationError, path: Path | None = None, data: object = None, model: type[BaseModel] | None = None
) -> str:
    """Return the errors of a validation, one line for each field, with its line in the file that was read.

    Args:
        error: What pydantic found.
        path: The file that was read.
        data: What was validated; without it the place is pydantic's, with the types that it tried.
        model: The model, for the nearest field to an unknown one.
    """
    lines: dict[str, None] = {}
    for problem in error.errors(include_url=False):
        at = problem["loc"] if data is None else place(problem, data)
        line = line_of(path, at) if path is not None else None
        where = (f"line {line}, " if line is not None else "") + ".".join(map(str, at))
        said = f"{where}: {in_words(problem)}" if where else in_words(problem)
        if problem["type"] == "extra_forbidden":
            near = known_beside(model, problem["loc"]) if model is not None else None
            said += f". Did you mean '{near}'?" if near else ""
        elif problem["type"] != "missing":
            said += f" (found {found(problem['input'])})"
        lines[said] = None
    return _few([*lines])


def _truth_for_number(model: type[BaseModel], data: object, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the places of true and false where a model takes a number."""
    for name, field in model.model_fields.items():
        value = data.get(name) if isinstance(data, Mapping) else None
        kind = field.annotation
        if isinstance(value, bool) and kind in NUMBERS:
            yield (*above, name)
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _truth_for_number(kind, value, (*above, name))


def _wrong_keys(error: ValidationError, data: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for problem in error.errors(include_url=False):
        where = ".".join(str(part) for part in place(problem, data) if not isinstance(part, int))
        value = problem["input"]
        if not where or isinstance(value, Mapping | BaseModel):
            yield f"{(prefix + where).rstrip('.')}: {in_words(problem)}."
        else:
            text = ",".join(map(str, value)) if isinstance(value, list | tuple) else found(value).strip("'")
            yield f"{prefix}{where}={text}: {in_words(problem)}. {_nearest(problem)}".rstrip()


def _few(lines: list[str], most: int = 5) -> str:
    kept = lines[:most] if len(lines) <= most else [*lines[: most - 1], f"and {len(lines) - most + 1} more errors"]
    return "\n".join(kept)


def _nearest(problem: Mapping[str, Any]) -> str:
    if problem["type"] != "literal_error":
        return ""
    choices = [str(part).strip("' ") for part in problem["ctx"]["expected"].replace(" or ", ",").split(",")]
    near = did_you_mean(str(problem["input"]), choices)
    return near if near.startswith("Did") else ""
