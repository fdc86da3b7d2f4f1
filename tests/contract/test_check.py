from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.contract.broken import BROKEN, README, plugin
from tta_bench.contract.check import check
from tta_bench.contract.report import as_table, is_kept
from tta_bench.contract.rules import RULES
from tta_bench.errors import UserError
from tta_bench.protocols import load_protocol


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_the_least_code_keeps_the_contract(tmp_path: Path) -> None:
    code, findings = check("my_net", [plugin(tmp_path, README, "my_net")])
    assert is_kept(findings), as_table(findings)
    assert [to.name for to in code] == ["my_net.py"]
    assert len(findings) == len(RULES) + 2  # the card, and the seeded start


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_caught_with_its_own_message(tmp_path: Path, case: str) -> None:
    source, rule, message = BROKEN[case]
    _, findings = check("broken", [plugin(tmp_path, source)])
    broken = {finding.rule: finding for finding in findings if finding.result == "broken"}
    assert rule in broken, as_table(findings)
    assert message in broken[rule].found
    assert broken[rule].expected
    assert next(iter(broken)) == rule  # it is the first that is named


def test_frozen_parameters_are_excused_by_the_card(tmp_path: Path) -> None:
    source, _, _ = BROKEN["has parameters that nothing reaches"]
    _, findings = check("broken", [plugin(tmp_path, source.replace("size=16", 'size=16, frozen=("idle.",)'))])
    assert is_kept(findings), as_table(findings)


@pytest.mark.parametrize("name", ["ucf101_ft", "abaw_eri", "tta_pretrain", "tta_scaling", "ucf101", "tiktok_actions"])
def test_shipped_protocols_and_datasets_keep_theirs(name: str) -> None:
    code, findings = check(name, (), load_protocol)
    assert is_kept(findings), as_table(findings)
    assert code == ()
    assert [finding.result for finding in findings][:3] == ["kept"] * 3


def test_only_names_without_rules_are_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match="Did you mean 'ucf101_ft'"):
        check("ucf101_f")
    with pytest.raises(UserError, match="unknown name 'videomae_vit_b_k400'"):
        check("videomae_vit_b_k400")  # weights
