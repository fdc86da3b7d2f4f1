"""Wording of pydantic's errors: what was expected, in the suite's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel

from tta_bench.errors import nearest
from tta_bench.utils.printable import one_line

WHOLE, NUMBER, TRUTH, TEXT, LIST, SECTION = (
    "a whole number was expected",
    "a number was expected",
    "true or false was expected",
    "a text was expected",
    "a list was expected",
    "a section (lines key: value) was expected",
)
EXPECTED = {
    "missing": "is missing",
    "int_type": WHOLE,
    "int_parsing": WHOLE,
    "int_from_float": WHOLE,
    "int_parsing_size": WHOLE,
    "float_type": NUMBER,
    "float_parsing": NUMBER,
    "finite_number": "a finite number was expected",
    "bool_type": TRUTH,
    "bool_parsing": TRUTH,
    "string_type": TEXT,
    "string_unicode": "a text in Unicode was expected",
    "path_type": "a path was expected",
    "tuple_type": LIST,
    "list_type": LIST,
    "set_type": LIST,
    "iterable_type": LIST,
    "dict_type": SECTION,
    "model_type": SECTION,
    "mapping_type": SECTION,
    "model_attributes_type": SECTION,
    "dataclass_type": SECTION,
    "none_required": "null was expected",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be {le} or less",
    "multiple_of": "must be a multiple of {multiple_of}",
    "string_pattern_mismatch": "must have the form {pattern}",
    "string_too_short": "must have {min_length} characters or more",
    "string_too_long": "must have {max_length} characters or fewer",
    "too_short": "{min_length} or more values were expected, and there are {actual_length}",
    "too_long": "{max_length} values or fewer were expected, and there are more",
    "literal_error": "not one of its values: {expected}",
    "enum": "not one of its values: {expected}",
    "value_error": "{error}",
    "assertion_error": "{error}",
    "extra_forbidden": "unknown key",
    "frozen_instance": "cannot be changed",
    "recursion_loop": "refers to itself",
    "datetime_parsing": "a date was expected, such as 2026-11-25T12:00:00Z",
    "datetime_from_date_parsing": "a date was expected, such as 2026-11-25T12:00:00Z",
}
"""Words for each type of error; braces hold the figures of pydantic."""
LONGEST = 100
"""Most characters shown of a value that was found."""


def in_words(problem: Mapping[str, Any]) -> str:
    """Return the fault of a field in words, of one of pydantic's errors."""
    template = EXPECTED.get(problem["type"])
    if template is None:
        return "is not what is taken here"
    context = {name: f"{value:g}" if isinstance(value, float) else value for name, value in _context(problem).items()}
    return one_line(template.format(**context))


def found(value: object) -> str:
    """Return the value that was found as short text: its beginning, or what it is."""
    if isinstance(value, Mapping | list | tuple) and len(value) > 8:
        return f"{len(value):,} values"
    if isinstance(value, int) and abs(value) >= 10**30:
        return "a number of more than 30 digits"
    text = one_line(repr(value))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def place(problem: Mapping[str, Any], data: object) -> tuple[str | int, ...]:
    """Return the place of a problem in the data, without the names of types that pydantic tried there."""
    path: list[str | int] = []
    for part in problem["loc"]:
        inside = isinstance(data, Mapping) and part in data
        at = isinstance(part, int) and isinstance(data, Sequence) and not isinstance(data, str) and part < len(data)
        if not inside and not at:
            if problem["type"] == "missing":
                path.append(part)
            break
        path.append(part)
        data = data[part]  # type: ignore[index]
    return tuple(path)


def known_beside(model: type[BaseModel], path: Sequence[str | int]) -> str | None:
    """Return the field of a model nearest to one that it does not know, given with its sections."""
    kind: Any = model
    for part in path[:-1]:
        field = kind.model_fields.get(part) if _is_model(kind) else None
        if field is not None:
            kind = field.annotation
        elif get_args(kind):
            kind = get_args(kind)[-1] if not _is_model(get_args(kind)[0]) else get_args(kind)[0]
    kinds = [kind, *get_args(kind)]
    return nearest(str(path[-1]), [name for kind in kinds if _is_model(kind) for name in kind.model_fields])


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _context(problem: Mapping[str, Any]) -> dict[str, Any]:
    context = dict(problem.get("ctx", {}))
    if "expected" in context:
        context["expected"] = context["expected"].replace("'", "")
    return context
