from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.contract.broken import BROKEN
from tta_bench.cards.catalog import backbone_card
from tta_bench.cards.files import card_files
from tta_bench.contract.check import check
from tta_bench.contract.contract import check_backbone, require_contract
from tta_bench.contract.report import as_markdown, as_table, is_kept, verdict
from tta_bench.contract.rules import QUICK, RULES
from tta_bench.contract.subject import own_clip
from tta_bench.errors import UserError
from tta_bench.registry import load_files, register_backbone

README = """
import torch.nn as nn
from tta_bench import register_backbone

@register_backbone("my_net", modality="video", frames=8, size=64)
def my_net():
    return nn.Sequential(nn.Conv3d(3, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten())
"""


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def plugin(folder: Path, source: str, name: str = "broken") -> Path:
    path = folder / f"{name}.py"
    path.write_text(source)
    return path


def test_the_least_code_keeps_the_contract(tmp_path: Path) -> None:
    code, findings = check("my_net", [plugin(tmp_path, README, "my_net")])
    assert is_kept(findings), as_table(findings)
    assert [to.name for to in code] == ["my_net.py"]
    assert len(findings) == len(RULES) + 1


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_caught_with_its_own_message(tmp_path: Path, case: str) -> None:
    source, rule, message = BROKEN[case]
    _, findings = check("broken", [plugin(tmp_path, source)])
    broken = {finding.rule: finding for finding in findings if finding.result == "broken"}
    assert rule in broken, as_table(findings)
    assert message in broken[rule].found
    assert broken[rule].expected
    assert next(iter(broken)) == rule  # it is the first that is named


def test_every_rule_can_be_broken() -> None:
    assert {rule.__name__.replace("_", " ") for rule in RULES} <= {rule for _, rule, _ in BROKEN.values()}


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


def test_frozen_parameters_are_excused_by_the_card(tmp_path: Path) -> None:
    source, _, _ = BROKEN["has parameters that nothing reaches"]
    _, findings = check("broken", [plugin(tmp_path, source.replace("size=16", 'size=16, frozen=("idle.",)'))])
    assert is_kept(findings), as_table(findings)


def test_the_report_says_what_was_tested_and_what_is_wrong(tmp_path: Path) -> None:
    source, rule, _ = BROKEN["changes its input"]
    code, findings = check("broken", [plugin(tmp_path, source)])
    text = as_markdown("broken", code, findings)
    assert verdict("broken", findings) in text
    assert "broken.py (sha256 " in text
    assert f"torch {torch.__version__.partition('+')[0]}" in text
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {rule} ")]
    assert "| broken " in line
    assert "changed in place" in line


@pytest.mark.parametrize(
    ("name", "smaller"),
    [
        ("videomaev2_vit_tiny", {}),
        ("timm/test_resnet", {"size": 64}),
        ("torchvision/r3d_18", {"size": 32, "frames": 8, "gmacs": None}),
        ("mmaction2/x3d_s", {}),
    ],
)
def test_a_small_member_of_every_family_keeps_the_contract(name: str, smaller: dict[str, object]) -> None:
    findings = check_backbone(backbone_card(name).model_copy(update=smaller))
    assert is_kept(findings), as_table(findings)


ZOO = [name for name in card_files("backbones") if not name.endswith("/any") and backbone_card(name).sees]


@pytest.mark.parametrize("name", ["egemaps", "egemaps_lld", "compare2016", "mfcc", "features/FAUs"])
def test_backbones_of_sound_and_of_files_keep_theirs(name: str) -> None:
    findings = check_backbone(backbone_card(name))
    assert is_kept(findings), as_table(findings)
    assert len(findings) == (1 if "/" in name else 5)


def test_the_parts_of_a_joined_backbone_are_tested_each() -> None:
    findings = check_backbone(backbone_card("egemaps+mfcc"))
    assert is_kept(findings), as_table(findings)
    assert [to.rule for to in findings][::5] == ["egemaps: builds", "mfcc: builds"]


def changing(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    signal *= 0
    return np.ones(2, np.float32)


BROKEN_SOUND: list[tuple[Callable[[], object], str]] = [
    (lambda: lambda signal: np.full(3, np.nan), "finite features"),
    (lambda: lambda signal: signal[: len(signal) // 2], "output shape"),
    (lambda: lambda signal: np.zeros((2, 2, 2)), "output shape"),
    (lambda: lambda signal: np.random.default_rng().random(4), "determinism"),
    (lambda: changing, "input untouched"),
    (lambda: 3, "builds"),
    (lambda: {}["no key"], "builds"),
]


@pytest.mark.parametrize(("made", "rule"), BROKEN_SOUND)
def test_a_broken_backbone_of_sound_is_found(made: Callable[[], object], rule: str) -> None:
    register_backbone("hears", modality="audio")(made)
    assert backbone_card("hears").recipe == "audio"
    findings = check_backbone(backbone_card("hears"))
    assert [to.rule for to in findings if to.result == "broken"] == [rule], as_table(findings)


def test_a_backbone_that_is_shown_frames_must_say_how_many() -> None:
    with pytest.raises(UserError, match="frames and size are needed"):
        register_backbone("shown")(lambda: None)


@pytest.mark.zoo
@pytest.mark.parametrize("name", ZOO)
def test_the_whole_zoo_keeps_the_contract(name: str) -> None:
    card = backbone_card(name)
    if (card.parameters or 0) > 1e9:  # whose activations would take 20 GB
        card = card.model_copy(update={"arguments": {**card.arguments, "checkpointing": True}})
    findings = check_backbone(card)
    assert is_kept(findings), as_table(findings)
