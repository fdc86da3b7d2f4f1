"""The contract: rules are tried one after the other, and each gives a finding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from tta_bench.cards.kinds import BackboneCard
from tta_bench.contract.rules import FIRST, QUICK, RULES, Broken, Unclaimed
from tta_bench.contract.sound_rules import SOUND_RULES, SoundSubject
from tta_bench.contract.start_rules import START_RULES, seeded_start
from tta_bench.contract.subject import Subject
from tta_bench.errors import BenchError, UserError
from tta_bench.experiments.base import ResolvedClip

Rule = Callable[[Any], str]
Result = Literal["kept", "broken", "not claimed", "not tried"]


@dataclass(frozen=True)
class Finding:
    """The result of one rule."""

    rule: str
    result: Result
    expected: str
    found: str


def check_backbone(card: BackboneCard) -> list[Finding]:
    """Test a backbone against every rule of the contract, with its own clip and seed 0's initial weights.

    A backbone of sound is tested with sounds; of joined backbones, each part; one of ready files has no rules.
    """
    if card.parts:
        return [
            replace(finding, rule=f"{part.name}: {finding.rule}")
            for part in card.parts
            for finding in check_backbone(part)
        ]
    if card.modality == "audio":
        return list(try_rules(SOUND_RULES, SoundSubject(card), SOUND_RULES[:1]))
    if card.modality == "features":
        expected = "Ready files of the dataset, which a run reads and checks."
        return [Finding("ready files", "not claimed", expected, f"feats/{card.arguments.get('name')}")]
    return list(try_rules((*RULES, seeded_start), Subject(card), FIRST))


def require_contract(card: BackboneCard, clip: ResolvedClip) -> None:
    """Test a backbone against the quick rules, as a run does before anything is spent.

    Raises:
        UserError: Rules are broken; names each, with what was expected and found.
    """
    rules = (*QUICK, *START_RULES)
    broken = [finding for finding in try_rules(rules, Subject(card, clip), FIRST) if finding.result == "broken"]
    if broken:
        raise UserError(
            f"backbone {card.name} breaks the contract.\n{describe(broken)}",
            f"tta-bench check {card.name}, with the same --plugin if there was one, tries every rule.",
        )


def describe(broken: Iterable[Finding]) -> str:
    """Return a line for each broken rule, with what was expected and found."""
    return "\n".join(f"{finding.rule}: expected: {finding.expected} Found: {finding.found}" for finding in broken)


def try_rules(rules: Sequence[Rule], subject: object, needed: Sequence[Rule] = ()) -> Iterator[Finding]:
    """Yield the finding of each rule.

    Args:
        rules: The rules, in order.
        subject: The thing under test, which each rule is called with.
        needed: Rules without which those after them cannot be tried; by default the first.
    """
    needed = needed or rules[:1]
    hopeless = False
    for rule in rules:
        finding = Finding(_name(rule), "not tried", _expected(rule), "") if hopeless else try_rule(rule, subject)
        hopeless = hopeless or (rule in needed and finding.result == "broken")
        yield finding


def try_rule(rule: Rule, subject: object) -> Finding:
    """Return the finding of one rule. Any error that a plug-in raises breaks the rule, not the check."""
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
        result, found = "broken", " ".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
    return Finding(_name(rule), result, expected, found)


def _name(rule: Rule) -> str:
    return rule.__name__.replace("_", " ")


def _expected(rule: Rule) -> str:
    return (rule.__doc__ or "").splitlines()[0]
