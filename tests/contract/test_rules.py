from __future__ import annotations

import pytest
import torch

from tests.contract.broken import BROKEN
from tta_bench.cards.catalog import backbone_card
from tta_bench.cards.files import card_files
from tta_bench.contract.contract import check_backbone
from tta_bench.contract.report import as_table, is_kept
from tta_bench.contract.rules import RULES


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_every_rule_can_be_broken() -> None:
    assert {rule.__name__.replace("_", " ") for rule in RULES} <= {rule for _, rule, _ in BROKEN.values()}


@pytest.mark.parametrize(
    ("name", "smaller"),
    [
        ("videomaev2_vit_tiny", {}),
        ("timm/test_resnet", {"size": 64}),
        ("torchvision/r3d_18", {"size": 16, "frames": 4, "gmacs": None}),
        ("mmaction2/x3d_s", {"size": 32, "gmacs": None, "golden": ()}),
    ],
)
def test_a_small_member_of_every_family_keeps_the_contract(name: str, smaller: dict[str, object]) -> None:
    findings = check_backbone(backbone_card(name).model_copy(update=smaller))
    assert is_kept(findings), as_table(findings)


ZOO = [name for name in card_files("backbones") if not name.endswith("/any") and backbone_card(name).sees]


@pytest.mark.zoo
@pytest.mark.parametrize("name", ZOO)
def test_the_whole_zoo_keeps_the_contract(name: str) -> None:
    card = backbone_card(name)
    if (card.parameters or 0) > 1e9:  # whose activations would take 20 GB
        card = card.model_copy(update={"arguments": {**card.arguments, "checkpointing": True}})
    findings = check_backbone(card)
    assert is_kept(findings), as_table(findings)
