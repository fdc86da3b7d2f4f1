from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tta_bench import api, register_backbone
from tta_bench.cards.catalog import backbone_card
from tta_bench.cards.kinds import BackboneCard
from tta_bench.engine.device import ResolvedPrecision
from tta_bench.engine.memory import counting_kept
from tta_bench.errors import UserError
from tta_bench.experiments.base import ResolvedClip
from tta_bench.models.backbones import videomae
from tta_bench.models.build import build_backbone, with_checkpointing
from tta_bench.protocols.base.launch import plan_shared, run_shared
from tta_bench.protocols.base.on_paper import PaperStep, bytes_of_text, memory_lines, on_paper

CLIP = ResolvedClip(span=8, frames=4, stride=2, size=32)
GB = 10**9
LARGE = PaperStep(weights=4 * GB, moments=8 * GB, copies=2 * GB, borders=GB // 4, inside=GB // 10)


def card(name: str = "videomaev2_vit_tiny") -> BackboneCard:
    return backbone_card(name)


def kept_on_a_cpu(net: nn.Module, clips: int, precision: ResolvedPrecision) -> int:
    """Return the bytes that clips keep in a step; norms take float32, as autocast lets them on a GPU."""
    for module in net.modules():
        if isinstance(module, nn.LayerNorm):
            module.register_forward_pre_hook(lambda _, given: tuple(value.float() for value in given))
    with counting_kept(net) as found, torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        net(torch.zeros(clips, 3, CLIP.frames, CLIP.size, CLIP.size)).float().sum()
    return found.bytes


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("checkpointing", [False, True])
def test_what_is_counted_without_data_is_what_a_gpus_step_keeps(
    checkpointing: bool, precision: ResolvedPrecision, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU's attention keeps neither its weights nor copies, as PyTorch's on a CPU if it is called as on a GPU."""
    counted = on_paper(card(), CLIP, precision, checkpointing, states=2)
    monkeypatch.setattr(videomae, "attend", F.scaled_dot_product_attention)
    net = with_checkpointing(build_backbone(card(), CLIP), checkpointing).train()
    kept = [kept_on_a_cpu(net, clips, precision) for clips in (1, 2)]
    assert counted.weights == sum(parameter.nbytes for parameter in net.parameters())
    assert counted.moments == 2 * counted.weights
    assert counted.borders == kept[1] - kept[0]
    assert (counted.inside > 0) == checkpointing


def test_checkpointing_keeps_less_and_bfloat16_copies_the_weights() -> None:
    plain, twice = (on_paper(card(), CLIP, "bf16", wanted, states=2) for wanted in (False, True))
    assert twice.borders + twice.inside < plain.borders
    assert 0.4 < plain.copies / plain.weights < 0.6
    assert on_paper(card(), CLIP, "fp32", False, states=2).copies < plain.copies


def test_nothing_without_data_is_left_for_a_run_of_this_process() -> None:
    videomae._TABLES.clear()
    on_paper(card(), CLIP, "fp32", False, states=2)
    net = build_backbone(card(), CLIP).eval()
    first = net(torch.zeros(1, 3, CLIP.frames, CLIP.size, CLIP.size))
    assert type(first) is Tensor
    on_paper(card(), CLIP, "fp32", False, states=2)  # and what a run has left does not disturb
    assert torch.equal(net(torch.zeros(1, 3, CLIP.frames, CLIP.size, CLIP.size)), first)


def test_a_module_that_asks_for_values_is_refused() -> None:
    @register_backbone("asks_for_values", modality="video", frames=4, size=32)
    class Asks(nn.Module):
        def forward(self, clip: Tensor) -> Tensor:
            return clip.flatten(1)[:, : int(clip.sum()) + 3]

    with pytest.raises(UserError, match="asks_for_values does not run without data"):
        on_paper(card("asks_for_values"), CLIP, "fp32", False, states=2)
    with pytest.raises(UserError, match="nothing in this model can compute its activations twice"):
        on_paper(card("resnet18"), CLIP, "fp32", True, states=2)


def test_a_finer_cut_holds_more_partial_sums() -> None:
    assert [LARGE.held(clips, 256) for clips in (256, 128, 32, 4)] == [1, 2, 4, 7]
    assert LARGE.bytes(4, 256) == (4 + 7 * 4 + 8 + 2) * GB + 1_820_000_000
    assert [LARGE.fit(32, 256, most * GB) for most in (80, 44, 20)] == [32, 16, None]


@pytest.mark.parametrize(("text", "count"), [("80GB", 80 * GB), ("512MB", 512 * 10**6), ("1TB", 1000 * GB)])
def test_a_size_is_read(text: str, count: int) -> None:
    assert bytes_of_text(text) == count


def test_the_lines_say_cut_and_bytes_and_what_does_not_fit() -> None:
    lines = memory_lines(LARGE, 256, 32, 80 * GB, shrinks=True, checkpointing=True)
    assert lines["memory"] == "44.6 GB of 80.0 GB, as computed and not measured"
    assert lines["cut"] == "8 parts of 32 clips in a step of 256, on one device"
    assert lines["gradients"].startswith("4 x 4.00 GB")
    with pytest.raises(UserError, match="2 clips at once need 46.9 GB, and 90% of the device are 21.6 GB") as small:
        memory_lines(LARGE, 256, 32, 24 * GB, shrinks=True, checkpointing=False)
    assert small.value.hint == "Say runtime.checkpointing=true."
    with pytest.raises(UserError, match="128 clips at once need") as asked:
        memory_lines(LARGE, 256, 128, 80 * GB, shrinks=False, checkpointing=True)
    assert asked.value.hint == "Say runtime.micro_batch=64."


def ready(tmp_path: Path, *words: str) -> Any:
    given = (*words, "data.root=nowhere", "backbone=videomaev2_vit_tiny", "clip.size=32", "clip.frames=4")
    (experiment,) = api.experiments((*given, "runtime.memory=8GB"), ())
    return api.start(experiment, tmp_path, "missing")


def test_the_plan_reads_no_data_and_a_run_is_refused(tmp_path: Path) -> None:
    plan = plan_shared(ready(tmp_path, "protocol=ucf101_ft"))
    assert "videomaev2_vit_tiny, bf16; nothing was tried, and no data was read" in plan
    assert "8 parts of 32 clips in a step of 256" in plan
    with pytest.raises(UserError, match="runtime.memory=8GB is for plans alone"):
        run_shared(ready(tmp_path, "protocol=ucf101_ft"))
    with pytest.raises(UserError, match="ucf101_knn has no plan for a device that is not at hand"):
        plan_shared(ready(tmp_path, "protocol=ucf101_knn"))
