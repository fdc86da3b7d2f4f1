"""Pydantic models that are frozen and refuse unknown fields."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """A frozen model that refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def optional_since_v1(**limits: Any) -> Any:
    """Return an optional field that is left out of dumps while null, so that adding it changes no old digest."""
    return Field(default=None, exclude_if=lambda value: value is None, **limits)
