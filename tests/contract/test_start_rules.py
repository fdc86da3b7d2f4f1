from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from tests.contract.broken import CARD, README, START, plugin
from tta_bench.cards.catalog import backbone_card
from tta_bench.contract.contract import check_backbone, require_contract
from tta_bench.contract.start_rules import seeded_start
from tta_bench.contract.subject import Subject, own_clip
from tta_bench.errors import UserError
from tta_bench.models.measure import layout_hint
from tta_bench.registry import load_files

FORWARD = " def forward(self, clip): return self.features(clip)\n"
INIT = " def __init__(self):\n  super().__init__()\n"
SEEN: dict[str, tuple[str, str]] = {
    "features under no_grad": (
        "class Broken(Net):\n @torch.no_grad()\n def forward(self, clip): return self.features(clip)",
        "training: ",
    ),
    "detached features": (
        "class Broken(Net):\n def forward(self, clip): return self.features(clip).detach()",
        "nothing would be trained",
    ),
    "a gradient that reaches nothing": (
        "class Broken(Net):\n"
        " def forward(self, clip): return self.features(clip).detach() + clip.requires_grad_().mean()",
        "no gradient reaches any parameter",
    ),
    "another output in training": (
        "class Broken(Net):\n def forward(self, clip):\n"
        "  x = self.features(clip)\n  return (x, x) if self.training else x",
        "a tuple in training mode",
    ),
    "PyTorch's seed": (
        f"class Broken(Net):\n{INIT}  torch.manual_seed(42)\n  self.conv = nn.Conv3d(3, 4, 3)\n{FORWARD}",
        "sets PyTorch's seed",
    ),
    "a generator of its own": (
        f"class Broken(Net):\n{INIT}  nn.init.normal_(self.conv.weight, generator=torch.Generator().manual_seed(3))\n"
        f"  nn.init.zeros_(self.conv.bias)\n{FORWARD}",
        "seeds 0 and 1 give the same weights",
    ),
    "NumPy's generator": (
        f"import numpy\nclass Broken(Net):\n{INIT}  self.conv.weight.data += float(numpy.random.random())\n{FORWARD}",
        "seed 0 gave other weights the second time (conv.weight)",
    ),
    "Python's generator": (
        f"import random\nclass Broken(Net):\n{INIT}  self.conv.bias.data += random.random()\n{FORWARD}",
        "seed 0 gave other weights the second time (conv.bias)",
    ),
}


def whole(source: str) -> str:
    """Return a plug-in that registers a class called Broken."""
    return f"{START}{source}\n{CARD.removeprefix('@')})(Broken)\n"


@pytest.mark.parametrize("kind", SEEN)
def test_a_run_finds_a_start_that_is_none(tmp_path: Path, kind: str) -> None:
    torch.set_num_threads(1)
    source, message = SEEN[kind]
    load_files([plugin(tmp_path, whole(source))])
    card = backbone_card("broken")
    with pytest.raises(UserError) as caught:
        require_contract(card, own_clip(card))
    assert message in str(caught.value)


def test_check_finds_a_seed_of_the_codes_own_too(tmp_path: Path) -> None:
    source, message = SEEN["a generator of its own"]
    load_files([plugin(tmp_path, whole(source))])
    (finding,) = (finding for finding in check_backbone(backbone_card("broken")) if finding.result == "broken")
    assert finding.rule == "seeded start"
    assert message in finding.found


def test_a_good_start_is_kept(tmp_path: Path) -> None:
    load_files([plugin(tmp_path, README, "my_net")])
    require_contract(backbone_card("my_net"), own_clip(backbone_card("my_net")))
    assert seeded_start(Subject(backbone_card("my_net"))).startswith("the same twice")


def test_the_layout_of_clips_is_hinted_at_for_transformers_alone() -> None:
    class Model(nn.Linear):
        pass

    assert layout_hint(Model(1, 1)) == ""
    Model.__module__ = "transformers.models.videomae"
    assert "(B, T, C, H, W)" in layout_hint(nn.Sequential(Model(1, 1)))
