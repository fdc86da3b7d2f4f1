"""Errors for the user: a message, a hint, and an exit code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class BenchError(Exception):
    """An error whose message is for the user, so it is printed without a traceback.

    Args:
        message: The fault, and the value that was found.
        hint: A remedy, if there is one.
    """

    exit_code = 3

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Return the message and, on a line of its own, the way out."""
        return f"{self.message}\n{self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        """Return the parts that another process makes the same error of, whatever arguments its class takes."""
        return _again, (type(self), self.args, self.__dict__)


def _again(kind: type[BenchError], args: tuple[object, ...], fields: dict[str, object]) -> BenchError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(fields)
    return error


class CheckFailed(BenchError):
    """A check that the user asked for did not hold."""

    exit_code = 1


class UserError(BenchError):
    """The user's mistake: a wrong key, name, value, file or folder."""

    exit_code = 2


class RunFailed(BenchError):
    """A run that started and ended in status ``error``."""

    exit_code = 3


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return a sentence naming the choice nearest to a misspelt word, or the choices themselves if none is near."""
    known = sorted(set(choices))
    near = nearest(word, known)
    if near is not None:
        return f"Did you mean '{near}'?"
    return f"Known: {shorten(known, 12)}." if known else ""


def nearest(word: str, choices: Iterable[str], likeness: float = 0.5) -> str | None:
    """Return the choice that a misspelt word means: the same but for case, or the most alike; None where none is."""
    known = sorted(set(choices) - ({"none"} if {".", "/"} & set(word) else set()))  # a file's name is not none
    folded = {name.casefold(): name for name in known}
    if word.strip().casefold() in folded:
        return folded[word.strip().casefold()]
    import difflib  # only mistakes need it

    near = difflib.get_close_matches(word[:200], known, n=1, cutoff=likeness)
    return near[0] if near else None


def unknown(kind: str, word: str, choices: Iterable[str]) -> UserError:
    """Return the error for a name that does not exist, with the nearest one that does."""
    return UserError(f"unknown {kind} '{word}'.", did_you_mean(word, choices))


def shorten(names: Sequence[str], most: int = 5) -> str:
    """Join names with commas, keeping the first few and counting the rest."""
    kept = ", ".join(names[:most])
    return kept if len(names) <= most else f"{kept} and {len(names) - most:,} more"
