from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch

from tta_bench.cards.catalog import backbone_card
from tta_bench.config.resolve import resolve
from tta_bench.contract.contract import check_backbone
from tta_bench.contract.report import as_table, is_kept
from tta_bench.errors import UserError
from tta_bench.models.backbones.huggingface import HuggingFaceVideoMAE
from tta_bench.models.checkpoints.load import load_backbone

CONFIG = {
    "model_type": "videomae",
    "image_size": 32,
    "num_frames": 4,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "my-videomae"
    path.mkdir()
    (path / "config.json").write_text(json.dumps(CONFIG))
    return path


def test_a_local_folder_is_a_backbone_whose_name_has_no_path(folder: Path) -> None:
    (experiment,) = resolve(["protocol=ucf101_ft", f"backbone=hf/{folder}"])
    assert experiment.backbone.name == "hf/my-videomae"
    assert (experiment.clip.frames, experiment.clip.size, experiment.backbone.recipe) == (4, 32, "vit")
    assert str(folder) not in experiment.backbone.model_dump_json()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no"),
        ("{", "is not JSON"),
        ("[]", "lacks settings"),
        ('{"image_size": 32}', "lacks num_frames"),
        ('{"image_size": 32.5, "num_frames": 4}', "size: a whole number was expected"),
    ],
)
def test_a_folder_without_a_sound_config_is_told(folder: Path, text: str | None, message: str) -> None:
    (folder / "config.json").unlink()
    if text is not None:
        (folder / "config.json").write_text(text)
    with pytest.raises(UserError, match=message):
        backbone_card(f"hf/{folder}")


def test_another_kind_of_model_is_refused() -> None:
    pytest.importorskip("transformers")
    with pytest.raises(UserError, match="type 'bert'"):
        HuggingFaceVideoMAE({"model_type": "bert"})


def test_it_keeps_the_contract(folder: Path) -> None:
    pytest.importorskip("transformers")
    findings = check_backbone(backbone_card(f"hf/{folder}"))
    assert is_kept(findings), as_table(findings)


def test_files_of_transformers_4_and_5_load_into_it() -> None:
    transformers = pytest.importorskip("transformers")
    theirs = transformers.VideoMAEForPreTraining(transformers.VideoMAEConfig.from_dict(CONFIG))
    state = {
        name: torch.randn_like(tensor) if name.endswith("bias") else tensor
        for name, tensor in theirs.state_dict().items()
    }
    older = {re.sub(r"\.query\.bias$", ".q_bias", re.sub(r"\.value\.bias$", ".v_bias", n)): t for n, t in state.items()}
    assert any(name.endswith("q_bias") for name in older)
    for file in (state, older):
        ours = HuggingFaceVideoMAE(CONFIG)
        assert not load_backbone(ours, file).missing
        for name, tensor in ours.model.state_dict().items():
            assert torch.equal(tensor, state[f"videomae.{name}"])
