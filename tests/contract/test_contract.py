from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.contract.broken import BROKEN, plugin
from tta_bench.cards.catalog import backbone_card
from tta_bench.contract.contract import check_backbone, require_contract, try_rules
from tta_bench.contract.report import as_table, is_kept
from tta_bench.contract.rules import QUICK, Broken, Unclaimed
from tta_bench.contract.subject import own_clip
from tta_bench.errors import UserError
from tta_bench.registry import load_files, register_backbone


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def first(subject: str) -> str:
    """It is there."""
    if subject != "there":
        raise Broken("nothing")
    return subject


def silent(subject: str) -> str:
    """It claims something."""
    raise Unclaimed(f"{subject} claims nothing")


def breaks_down(subject: str) -> str:
    """It does not raise."""
    return subject[99]


def test_a_rule_gives_its_docstring_and_what_it_found() -> None:
    findings = list(try_rules((first, silent, breaks_down), "there"))
    assert [(finding.rule, finding.result) for finding in findings] == [
        ("first", "kept"),
        ("silent", "not claimed"),
        ("breaks down", "broken"),
    ]
    assert findings[0].expected == "It is there."
    assert findings[2].found == "IndexError: string index out of range"


def test_nothing_is_tried_after_a_needed_rule_is_broken() -> None:
    assert [finding.result for finding in try_rules((first, silent), "gone")] == ["broken", "not tried"]
    findings = try_rules((first, silent), "gone", needed=(silent,))
    assert [finding.result for finding in findings] == ["broken", "not claimed"]


def test_a_run_names_the_broken_rule_before_anything_is_spent(tmp_path: Path) -> None:
    quick = [case for case, (_, rule, _) in BROKEN.items() if rule in {f.__name__.replace("_", " ") for f in QUICK}]
    assert len(quick) > 6
    for place, case in enumerate(quick):
        source, rule, message = BROKEN[case]
        name = f"broken_{place}"
        load_files([plugin(tmp_path, source.replace('"broken"', f'"{name}"'), name)])
        with pytest.raises(UserError) as error:
            require_contract(backbone_card(name), own_clip(backbone_card(name)))
        assert f"{rule}: expected: " in str(error.value)
        assert message in str(error.value)


@pytest.mark.usefixtures("uncompiled_librosa")
def test_the_parts_of_a_joined_backbone_are_tested_each() -> None:
    findings = check_backbone(backbone_card("egemaps+mfcc"))
    assert is_kept(findings), as_table(findings)
    assert [finding.rule for finding in findings][::5] == ["egemaps: builds", "mfcc: builds"]


def test_a_backbone_that_is_shown_frames_must_say_how_many() -> None:
    with pytest.raises(UserError, match="frames and size are needed"):
        register_backbone("shown")(lambda: None)
