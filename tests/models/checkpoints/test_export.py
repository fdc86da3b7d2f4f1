from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.models.checkpoints.test_load import FINE_TUNED, PRE_TRAINED, make, official, pretraining
from tta_bench.errors import UserError
from tta_bench.models.backbones.timm_images import TimmBackbone
from tta_bench.models.checkpoints.export import export_fine_tuning
from tta_bench.models.checkpoints.load import load_backbone, load_classifier
from tta_bench.models.checkpoints.read import read_checkpoint, save_checkpoint


@pytest.mark.parametrize("into", ["encoder.pth", "encoder.safetensors"])
@pytest.mark.parametrize("form", FINE_TUNED)
def test_every_form_becomes_the_official_one_tensor_for_tensor(form: str, into: str, tmp_path: Path) -> None:
    source = make(seed=1)
    save_checkpoint(tmp_path / "source.pth", FINE_TUNED[form](source))
    written = export_fine_tuning(tmp_path / "source.pth", tmp_path / into)
    raw = read_checkpoint(tmp_path / into)
    found, expected = raw.get("model", raw), official(source)
    assert set(found) == set(written) == set(expected)
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    load_classifier(make(seed=7), raw)


@pytest.mark.parametrize("form", PRE_TRAINED)
def test_of_a_pretraining_only_the_encoder_is_left(form: str, tmp_path: Path) -> None:
    source, target = make(seed=1), make(seed=7).backbone
    save_checkpoint(tmp_path / "source.pth", PRE_TRAINED[form](source))
    written = export_fine_tuning(tmp_path / "source.pth", tmp_path / "new/encoder.pth")
    assert set(written) == {name for name in official(source) if not name.startswith(("fc_norm", "head"))}
    report = load_backbone(target, read_checkpoint(tmp_path / "new/encoder.pth"))
    assert (report.missing, report.dropped) == (("fc_norm.weight", "fc_norm.bias"), ())
    assert torch.equal(target.patch_embed.proj.weight, source.backbone.patch_embed.proj.weight)


def test_what_is_no_videomae_and_what_would_be_overwritten_are_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "image.pth", {"state_dict": TimmBackbone("resnet18").state_dict()})
    save_checkpoint(tmp_path / "video.pth", {"model": pretraining(make())})
    with pytest.raises(UserError, match=r"image\.pth holds no VideoMAE"):
        export_fine_tuning(tmp_path / "image.pth", tmp_path / "new.pth")
    with pytest.raises(UserError, match=r"image\.pth is there already"):
        export_fine_tuning(tmp_path / "video.pth", tmp_path / "image.pth")
    with pytest.raises(UserError, match=r"new\.bin is called neither \.safetensors nor \.pth"):
        export_fine_tuning(tmp_path / "video.pth", tmp_path / "new.bin")
    with pytest.raises(UserError, match="does not exist"):
        export_fine_tuning(tmp_path / "none.pth", tmp_path / "new.pth")
    assert not (tmp_path / "new.pth").exists()
