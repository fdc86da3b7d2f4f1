"""Ranges of values that several settings share: counts, seeds, shares, and lists without repetition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field

Values = TypeVar("Values", bound=Sequence[object])

MOST = 2**31 - 1
"""Largest count of clips, steps or epochs; with more, arithmetic on devices overflows."""
Count = Annotated[int, Field(gt=0, le=MOST)]
"""A whole number of things, one or more."""
Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""A seed: NumPy's and torch's are of 32 bits."""
Share = Annotated[float, Field(gt=0, le=1)]
"""A share of a whole, above nothing."""
Ratio = Annotated[float, Field(gt=0, le=1000)]
"""Width over height."""
Decay = Annotated[float, Field(ge=0, lt=1)]
"""Decay rate of a running mean."""


def _distinct(values: Values) -> Values:
    twice = [str(value) for value, times in Counter(values).items() if times > 1]
    if twice:
        raise ValueError(f"{', '.join(twice)} {'is' if len(twice) == 1 else 'are'} there more than once")
    return values


DISTINCT = AfterValidator(_distinct)
"""Refuses a value that is given twice: two runs of one seed would be averaged as if they were two."""


def require_order(what: str, pair: tuple[float, float]) -> None:
    """Check that the first of two numbers is not the larger one.

    Raises:
        ValueError: It is.
    """
    if pair[0] > pair[1]:
        raise ValueError(f"{what}={pair[0]:g},{pair[1]:g}: the least stands first")


def require_heads(width: int, heads: int) -> None:
    """Check that attention heads share the width of tokens evenly.

    Raises:
        ValueError: They do not.
    """
    if width % heads:
        raise ValueError(f"width={width} is no multiple of heads={heads}: heads share the width evenly")
