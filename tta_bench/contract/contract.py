"""Testing a backbone against the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from tta_bench.cards.kinds import BackboneCard
from tta_bench.contract.rules import FIRST, QUICK, RULES, Broken, Unclaimed
from tta_bench.contract.sound_rules import SOUND_RULES, SoundSubject
from tta_bench.contract.subject import Subject
from tta_bench.errors import BenchError, UserError
from tta_bench.experiments.base import ResolvedClip

Rule = Callable[[Any], str]
Result = Literal["kept", "broken", "not claimed", "not tried"]


@dataclass(frozen=True)
class Finding:
    """What one rule found."""

    rule: str
    result: Result
    expected: str
    found: str


def check_backbone(card: BackboneCard) -> list[Finding]:
    """Test a backbone against every rule of the contract, with its own clip and seed 0's initial weights.

    One of sound is tested with sounds; of several that are joined, each. One of ready files has nothing to be tested.
    """
    if card.parts:
        return [replace(to, rule=f"{part.name}: {to.rule}") for part in card.parts for to in check_backbone(part)]
    if card.modality == "audio":
        return list(_tried(SOUND_RULES, SoundSubject(card)))
    if card.modality == "features":
        expected = "Ready files of the dataset, which a run reads and checks."
        return [Finding("ready files", "not claimed", expected, f"feats/{card.arguments.get('name')}")]
    return list(_tried(RULES, Subject(card)))


def require_contract(card: BackboneCard, clip: ResolvedClip) -> None:
    """Test a backbone against the quick rules, as a run does before anything is spent.

    Raises:
        UserError: Rules are broken; names each, with what was expected and found.
    """
    broken = [finding for finding in _tried(QUICK, Subject(card, clip)) if finding.result == "broken"]
    if broken:
        raise UserError(
            f"backbone {card.name} breaks the contract.\n{describe(broken)}",
            f"tta-bench check {card.name}, with the same --plugin if there was one, tries every rule.",
        )


def describe(broken: Iterable[Finding]) -> str:
    """Return a line for each broken rule, with what was expected and found."""
    return "\n".join(f"{to.rule}: expected: {to.expected} Found: {to.found}" for to in broken)


def _tried(rules: Sequence[Rule], subject: Subject | SoundSubject) -> Iterator[Finding]:
    """Yield what each rule found; where one of the first is broken the others cannot be tried."""
    hopeless = False
    for rule in rules:
        finding = Finding(_name(rule), "not tried", _expected(rule), "") if hopeless else try_rule(rule, subject)
        hopeless = hopeless or (rule in (*FIRST, SOUND_RULES[0]) and finding.result == "broken")
        yield finding


def try_rule(rule: Rule, subject: Subject | SoundSubject) -> Finding:
    """Return what a rule found. Whatever a plug-in raises is a finding, not the end of the check."""
    result: Result = "kept"
    expected = _expected(rule)
    try:
        found = rule(subject)
    except Unclaimed as nothing:
        result, found = "not claimed", str(nothing)
    except Broken as broken:
        result, found, expected = "broken", str(broken), broken.expected or expected
    except BenchError as error:
        result, found = "broken", error.message
    except Exception as error:
        result, found = "broken", f"{type(error).__name__}: {error}"
    return Finding(_name(rule), result, expected, found)


def _name(rule: Rule) -> str:
    return rule.__name__.replace("_", " ")


def _expected(rule: Rule) -> str:
    return (rule.__doc__ or "").splitlines()[0]
