"""V-JEPA 2 behind this suite's contract: the library's features, and the released file's names and shapes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tta_bench.cards.catalog import backbone_card
from tta_bench.errors import UserError
from tta_bench.experiments.base import ResolvedClip
from tta_bench.models.backbones.vjepa2 import VJEPA2
from tta_bench.models.build import build_backbone
from tta_bench.models.checkpoints.load import load_backbone
from tta_bench.models.checkpoints.read import read_checkpoint
from tta_bench.models.measure import count_gmacs, count_parameters

SMALL = {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4}
PREDICTOR = {"pred_hidden_size": 24, "pred_num_attention_heads": 2, "pred_num_hidden_layers": 1}


def test_features_of_a_file_are_the_librarys(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    from safetensors.torch import save_file

    torch.manual_seed(0)
    config = transformers.VJEPA2Config(crop_size=32, **SMALL, **PREDICTOR)
    model = transformers.VJEPA2Model(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # as far from the initial values as trained ones
            parameter.add_(torch.randn_like(parameter) * 0.1)
    save_file(model.state_dict(), tmp_path / "model.safetensors")

    backbone = VJEPA2(size=32, **SMALL, **PREDICTOR).eval()
    report = load_backbone(backbone, read_checkpoint(tmp_path / "model.safetensors"))
    assert report.missing == ()
    for frames in (4, 8):
        clip = torch.randn(2, 3, frames, 32, 32)
        with torch.inference_mode():
            expected = model.get_vision_features(clip.transpose(1, 2))
            found = backbone(clip)
        assert found.shape == (2, frames // 2 * 4, 48)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_the_card_says_what_the_real_size_has() -> None:
    pytest.importorskip("transformers")
    card = backbone_card("vjepa2_vit_l")
    with torch.device("meta"):
        backbone = build_backbone(card, ResolvedClip(span=64, frames=card.frames, stride=4, size=card.size))
    assert count_parameters(backbone) == card.parameters
    assert count_gmacs(backbone, (3, card.frames, card.size, card.size)) == pytest.approx(card.gmacs, rel=1e-3)
    groups = backbone.layer_groups()  # type: ignore[operator]
    assert len(groups) == 26
    names = [name for name, _ in backbone.named_parameters()]
    assert all(sum(name.startswith(tuple(group)) for group in groups) == 1 for name in names)


def test_without_transformers_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match="needs transformers") as caught:
        VJEPA2()
    assert "tta-bench[hf]" in caught.value.hint
