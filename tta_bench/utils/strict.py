"""Pydantic models that are frozen and refuse unknown fields."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """A frozen model that refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def later(**limits: Any) -> Any:
    """Return an optional field that was added after records had been made: while it is null no digest shows it."""
    return Field(default=None, exclude_if=lambda value: value is None, **limits)
