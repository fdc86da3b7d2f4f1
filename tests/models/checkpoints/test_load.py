from __future__ import annotations

import re
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import nn

from tests.models.checkpoints.released import released
from tta_bench.cards.catalog import backbone_card, weights_card
from tta_bench.cards.families import with_timm_defaults
from tta_bench.cards.files import card_files
from tta_bench.errors import UserError
from tta_bench.experiments.base import ResolvedClip
from tta_bench.models.backbones.mmaction2_compat import import_mmaction
from tta_bench.models.backbones.timm_images import TimmBackbone
from tta_bench.models.backbones.videomae import VideoMAEV2
from tta_bench.models.build import build_backbone
from tta_bench.models.checkpoints.load import backbone_state, load_backbone, load_classifier
from tta_bench.models.checkpoints.read import read_checkpoint, save_checkpoint
from tta_bench.models.classifier import Classifier

TINY = {"size": 16, "frames": 4, "patch": 8, "width": 16, "depth": 3, "heads": 2, "mlp_width": 64}
CLASSES = 5


def randomised(module: nn.Module, seed: int) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    return module.eval()


def make(seed: int = 0, **arguments: int) -> Classifier:
    encoder = VideoMAEV2(**{**TINY, **arguments})
    return randomised(Classifier(encoder, encoder.width, CLASSES), seed)


@pytest.fixture
def source() -> Classifier:
    return make(seed=1)


@pytest.fixture
def clip() -> torch.Tensor:
    return torch.randn(2, 3, 4, 16, 16, generator=torch.Generator().manual_seed(2))


def official(source: Classifier) -> dict[str, torch.Tensor]:
    """The official fine-tuning names, which are ours without ``backbone.``."""
    return {name.removeprefix("backbone."): tensor for name, tensor in source.state_dict().items()}


def pretraining(source: Classifier) -> dict[str, torch.Tensor]:
    encoder = {name: tensor for name, tensor in official(source).items() if not name.startswith(("head", "fc_norm"))}
    state = {f"encoder.{name}": tensor for name, tensor in encoder.items()}
    decoder = VideoMAEV2(**{**TINY, "depth": 2}).state_dict()
    state |= {f"decoder.{name}": tensor for name, tensor in decoder.items() if name.startswith("blocks")}
    state |= {"encoder.norm.weight": torch.ones(16), "encoder.norm.bias": torch.ones(16)}
    state |= {"decoder.norm.weight": torch.ones(16), "decoder.head.weight": torch.ones(4, 16)}
    return state | {"mask_token": torch.ones(1, 1, 16), "encoder_to_decoder.weight": torch.ones(16, 16)}


def hugging_face(source: Classifier, version: int) -> dict[str, torch.Tensor]:
    state = {}
    for name, tensor in official(source).items():
        if name.endswith("qkv.weight"):
            block = re.sub(r"blocks\.(\d+)\.attn.*", r"videomae.encoder.layer.\1.attention.attention", name)
            for part, rows in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                state[f"{block}.{part}.weight"] = rows.clone()
            continue
        for ours, theirs in (
            (r"^patch_embed\.proj", "videomae.embeddings.patch_embeddings.projection"),
            (r"^blocks\.", "videomae.encoder.layer."),
            (r"\.norm1\.", ".layernorm_before."),
            (r"\.norm2\.", ".layernorm_after."),
            (r"\.attn\.proj\.", ".attention.output.dense."),
            (r"\.attn\.q_bias", ".attention.attention." + ("q_bias" if version == 4 else "query.bias")),
            (r"\.attn\.v_bias", ".attention.attention." + ("v_bias" if version == 4 else "value.bias")),
            (r"\.mlp\.fc1\.", ".intermediate.dense."),
            (r"\.mlp\.fc2\.", ".output.dense."),
            (r"^head\.", "classifier."),
        ):
            name = re.sub(ours, theirs, name)
        state[name] = tensor
    return state


def mmaction(source: Classifier) -> dict[str, torch.Tensor]:
    state = {}
    for name, tensor in source.state_dict().items():
        for ours, theirs in (
            (r"patch_embed\.proj", "patch_embed.projection"),
            (r"\.mlp\.fc1\.", ".mlp.layers.0.0."),
            (r"\.mlp\.fc2\.", ".mlp.layers.1."),
            (r"^head\.", "cls_head.fc_cls."),
        ):
            name = re.sub(ours, theirs, name)
        state[name] = tensor
    return state


FINE_TUNED = {
    "ours": lambda source: {"model": source.state_dict(), "step": 3},
    "official": lambda source: {"model": official(source), "epoch": 9},
    "official, DeepSpeed": lambda source: {"module": official(source)},
    "official, bare": official,
    "official, compiled": lambda source: {"model": {f"_orig_mod.{k}": v for k, v in official(source).items()}},
    "official, distributed": lambda source: {f"module._orig_mod.{k}": v for k, v in official(source).items()},
    "Hugging Face 4": lambda source: hugging_face(source, 4),
    "Hugging Face 5": lambda source: hugging_face(source, 5),
    "MMAction2": lambda source: {"meta": {"epoch": 1}, "state_dict": mmaction(source)},
}


@pytest.mark.parametrize("file", ["a.pth", "a.safetensors"])
@pytest.mark.parametrize("form", FINE_TUNED)
def test_every_fine_tuned_form_gives_bit_identical_outputs(source, clip, tmp_path, form, file):
    content, path = FINE_TUNED[form](source), tmp_path / file
    if file == "a.pth":
        torch.save(content, path)
    else:
        tensors = next((value for value in content.values() if isinstance(value, dict) and len(value) > 1), content)
        safetensors.torch.save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    raw = read_checkpoint(path)
    tested = make(seed=7)
    report = load_classifier(tested, raw)
    assert torch.equal(tested(clip), source(clip))
    assert report.missing == report.unexpected == report.mismatched == ()
    assert report.loaded == len(source.backbone.state_dict())
    tuned = make(seed=8)
    head = tuned.head.weight.clone()
    load_backbone(tuned.backbone, raw)
    assert torch.equal(tuned.backbone(clip), source.backbone(clip))
    assert torch.equal(tuned.head.weight, head)


PRE_TRAINED = {
    "official": lambda source: {"model": pretraining(source), "epoch": 799},
    "official, compiled": lambda source: {"model": {f"_orig_mod.{k}": v for k, v in pretraining(source).items()}},
    "Hugging Face": lambda source: {
        **{k: v for k, v in hugging_face(source, 4).items() if k.startswith("videomae.")},
        "videomae.layernorm.weight": torch.ones(16),
        "mask_token": torch.ones(1, 1, 16),
        "decoder.decoder_layers.0.attention.attention.q_bias": torch.ones(16),
    },
    "Hugging Face, encoder only": lambda source: {
        **{k[9:]: v for k, v in hugging_face(source, 5).items() if k.startswith("videomae.")},
        "layernorm.weight": torch.ones(16),
    },
}


@pytest.mark.parametrize("form", PRE_TRAINED)
def test_every_pre_trained_form_fills_the_encoder_and_starts_fc_norm_fresh(source, clip, form):
    target, raw = make(seed=7), PRE_TRAINED[form](source)
    fresh = {name: tensor.clone() for name, tensor in target.backbone.fc_norm.state_dict().items()}
    report = load_backbone(target.backbone, raw)
    expected = source.backbone
    expected.fc_norm.load_state_dict(fresh)
    assert torch.equal(target.backbone(clip), expected(clip))
    assert report.missing == ("fc_norm.weight", "fc_norm.bias")
    assert report.unexpected == ()
    assert "2 start fresh (fc_norm.weight, fc_norm.bias)" in report.summary()
    assert any("norm" in name for name in report.dropped)
    with pytest.raises(UserError, match="fc_norm"):
        load_classifier(make(), raw)


def test_the_decoder_never_ends_up_in_the_encoder(source):
    _, report = backbone_state({"model": pretraining(source)}, source.backbone)
    assert {name.partition(".")[0] for name in report.dropped} == {
        "decoder",
        "norm",
        "mask_token",
        "encoder_to_decoder",
    }


@pytest.fixture(scope="module")
def mmaction_encoder():
    import_mmaction()
    from mmaction.models.backbones.vit_mae import VisionTransformer

    return VisionTransformer


def test_mmactions_own_encoder_gives_the_same_features(clip, mmaction_encoder):
    arguments = {"img_size": 16, "patch_size": 8, "embed_dims": 16, "depth": 3, "num_heads": 2, "mlp_ratio": 4}
    theirs = randomised(mmaction_encoder(**arguments, num_frames=4, norm_cfg={"type": "LN", "eps": 1e-6}), seed=3)
    state = {f"backbone.{name}": tensor for name, tensor in theirs.state_dict().items()}
    assert "backbone.pos_embed" in state
    ours = make().backbone
    report = load_backbone(ours, {"state_dict": state})
    torch.testing.assert_close(ours(clip), theirs(clip), rtol=1e-5, atol=1e-5)
    assert report.dropped == ("pos_embed",)


def test_learned_positions_are_refused(source):
    raw = official(source) | {"pos_embed": torch.randn(1, 8, 16)}
    with pytest.raises(UserError, match="learned positions"):
        load_backbone(make().backbone, raw)


def refused(target: Classifier, content: dict, tmp_path) -> str:
    """Load from a file, and return the message; the target must be as it was."""
    before = {name: tensor.clone() for name, tensor in target.state_dict().items()}
    save_checkpoint(tmp_path / "file.pth", content)
    raw = read_checkpoint(tmp_path / "file.pth")
    with pytest.raises(UserError) as error:
        load_backbone(target.backbone, raw)
    assert str(tmp_path / "file.pth") in error.value.message
    assert all(torch.equal(tensor, before[name]) for name, tensor in target.state_dict().items())
    return error.value.message


def test_a_partial_backbone_is_refused(source, tmp_path):
    state = official(source)
    del state["blocks.1.attn.q_bias"], state["blocks.2.mlp.fc1.weight"]
    message = refused(make(), {"model": state}, tmp_path)
    assert "2 missing (blocks.1.attn.q_bias, blocks.2.mlp.fc1.weight)" in message


def test_another_width_another_patch_and_another_depth_are_refused(source, tmp_path):
    assert "of another shape (patch_embed.proj.weight (16, 3, 2, 8, 8), expected (24, 3, 2, 8, 8)" in refused(
        make(width=24), {"model": official(source)}, tmp_path
    )
    message = refused(make(size=16, patch=4), {"model": official(source)}, tmp_path)
    assert "1 of another shape (patch_embed.proj.weight (16, 3, 2, 8, 8), expected (16, 3, 2, 4, 4))" in message
    assert "13 missing (blocks.3." in refused(make(depth=4), {"model": official(source)}, tmp_path)
    assert "13 that the backbone does not have (blocks.2." in refused(
        make(depth=2), {"model": official(source)}, tmp_path
    )


def test_layer_scale_would_change_the_outputs_and_is_refused(source, tmp_path):
    state = official(source) | {"blocks.0.gamma_1": torch.ones(16)}
    assert "1 that the backbone does not have (blocks.0.gamma_1)" in refused(make(), {"model": state}, tmp_path)


def test_another_architecture_or_no_parameters_at_all_are_refused(tmp_path):
    assert "0 tensors fit" in refused(make(), {"state_dict": TimmBackbone("resnet18").state_dict()}, tmp_path)
    assert "0 tensors fit" in refused(make(), {"epoch": 3}, tmp_path)


def test_what_nothing_here_knows_is_reported(source):
    report = load_backbone(make().backbone, official(source) | {"projector.weight": torch.ones(2)})
    assert report.unexpected == ("projector.weight",)
    assert "1 unknown (projector.weight)" in report.summary()


def test_the_head_must_be_there_and_have_the_datasets_classes(source):
    state = official(source)
    with pytest.raises(UserError, match=r"tells 51 classes apart \(head \(51, 16\)\), the dataset has 5"):
        load_classifier(make(), state | {"head.weight": torch.zeros(51, 16), "head.bias": torch.zeros(51)})
    del state["head.weight"], state["head.bias"]
    with pytest.raises(UserError, match="no classifier: it can be fine-tuned, not tested"):
        load_classifier(make(), state)


@pytest.mark.parametrize(
    "names",
    [
        ["temporal.lstm.weight"],
        ["head_drop.norm.weight", "head_drop.norm.bias"],
        ["cls_head.proj.weight"],
        ["adapter.0.weight", "adapter.2.weight"],
    ],
)
def test_a_test_without_a_layer_of_the_file_is_refused_by_its_name(source, names):
    """Fine-tuning leaves such layers out and says so; a test without them would be of another network."""
    state = official(source) | {name: torch.ones(16, 16) for name in names}
    with pytest.raises(UserError, match=f"layers besides the backbone .* {len(names)} tensors .*{re.escape(names[0])}"):
        load_classifier(make(), state)
    report = load_backbone(make().backbone, state)
    assert set(names) <= {*report.unexpected, *report.dropped}


@pytest.mark.parametrize(
    "names",
    [
        ["criterion.weight"],
        ["n_averaged", "loss_fn.margin"],
        ["train_metrics.total"],
        ["val_acc.correct", "val_acc.total"],
        ["best.tp", "best.fp", "train_top5.mean_value"],
        ["blocks.0.attn.relative_coords_table"],
        ["embeddings.position_ids"],
    ],
)
def test_what_no_forward_pass_uses_is_no_layer(source, names):
    report = load_classifier(make(), official(source) | {name: torch.ones(3) for name in names})
    assert report.head == "head"


@pytest.mark.parametrize("wrapped", [True, False])
def test_parameters_that_are_numpy_arrays_are_told(source, wrapped, tmp_path):
    arrays = {name: tensor.numpy() for name, tensor in official(source).items()}
    torch.save({"model": arrays} if wrapped else arrays, tmp_path / "arrays.pth")
    with pytest.raises(UserError, match="0 tensors fit") as refused:
        load_backbone(make().backbone, read_checkpoint(tmp_path / "arrays.pth"))
    assert "NumPy arrays" in refused.value.hint


def test_half_precision_files_fill_a_single_precision_backbone(source, clip):
    half = {name: tensor.bfloat16() for name, tensor in official(source).items()}
    target = make().backbone
    load_backbone(target, half)
    assert {parameter.dtype for parameter in target.parameters()} == {torch.float32}
    assert torch.equal(target.fc_norm.weight, half["fc_norm.weight"].float())


@pytest.mark.parametrize("name", ["resnet18", "convnext_atto"])
def test_timm_files_and_our_own_fill_a_lifted_image_encoder(name, tmp_path):
    import timm

    torch.manual_seed(0)
    theirs = timm.create_model(name, num_classes=7).eval()
    ours = Classifier(TimmBackbone(name), theirs.num_features, CLASSES).eval()
    report = load_backbone(ours.backbone, {"state_dict": theirs.state_dict()})
    clip = torch.randn(1, 3, 2, 32, 32)
    expected = theirs.forward_head(theirs.forward_features(clip[:, :, 0]), pre_logits=True)
    torch.testing.assert_close(ours.backbone(clip)[:, 0], expected)
    assert report.missing == report.unexpected == ()
    assert len(report.dropped) == 2
    save_checkpoint(tmp_path / "own.pt", {"model": ours.state_dict()})
    again = Classifier(TimmBackbone(name), theirs.num_features, CLASSES).eval()
    load_classifier(again, read_checkpoint(tmp_path / "own.pt"))
    assert torch.equal(again(clip), ours(clip))


def test_a_backbone_with_a_layer_called_head_keeps_it_apart_from_the_classifiers(tmp_path):
    class Headed(nn.Module):
        def __init__(self):
            super().__init__()
            self.neck, self.head = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, clip):
            return self.head(self.neck(clip.mean((2, 3, 4))))

    source, target = (randomised(Classifier(Headed(), 3, 3), seed) for seed in (1, 2))
    save_checkpoint(tmp_path / "own.pt", {"model": source.state_dict()})
    load_classifier(target, read_checkpoint(tmp_path / "own.pt"))
    assert all(torch.equal(tensor, source.state_dict()[name]) for name, tensor in target.state_dict().items())


COMPUTING = ("mmaction2/mvit", "mmaction2/swin3d", "mmaction2/tsm", "mmaction2/uniformerv2")
"""Backbones that compute with numbers as they are built, and so need memory; the others are built without."""


@pytest.mark.parametrize("backbone", sorted({weights_card(name).backbone for name in card_files("weights")}))
def test_each_weights_card_loads_a_file_of_its_projects_names_and_shapes(backbone: str) -> None:
    card = with_timm_defaults(backbone_card(backbone))
    names = [name for name in card_files("weights") if weights_card(name).backbone == backbone]
    if backbone.startswith("vjepa2") or any(weights_card(name).format == "huggingface" for name in names):
        pytest.importorskip("transformers")
    with torch.device("cpu" if backbone.startswith(COMPUTING) else "meta"):
        net = build_backbone(card, ResolvedClip(span=64, frames=card.frames, stride=1, size=card.size))
    for name in names:
        content = released(weights_card(name), card, net)
        report = load_backbone(net, content)
        fresh = 2 if "decoder" in str(report.dropped) and card.component == "VideoMAEV2" else 0
        assert len(report.missing) == fresh, name
        assert report.mismatched == (), name
        with pytest.raises(UserError, match="does not fit"):
            load_backbone(net, without_biases(content))
    assert len(card_files("weights")) >= 30


def without_biases(content: dict[str, Any]) -> dict[str, Any]:
    """The tensors of a file but for the biases, which every backbone has."""
    tensors = next((content[key] for key in ("module", "model", "state_dict") if key in content), content)
    left = {name: tensor for name, tensor in tensors.items() if not name.endswith("bias")}
    assert 0 < len(left) < len(tensors)
    return {"state_dict": left}
