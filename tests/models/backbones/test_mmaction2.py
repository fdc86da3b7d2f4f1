from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tta_bench.cards.catalog import backbone_card
from tta_bench.cards.files import card_files
from tta_bench.cards.kinds import BackboneCard
from tta_bench.engine.optimizer import parameter_groups
from tta_bench.errors import UserError
from tta_bench.experiments.base import ResolvedClip
from tta_bench.experiments.fine_tune import TrainSettings
from tta_bench.models.backbones.mmaction2 import MMAction2Backbone, c3d_width, pooled
from tta_bench.models.backbones.mmaction2_compat import build_mmaction
from tta_bench.models.build import build_backbone, build_classifier
from tta_bench.models.checkpoints.load import load_backbone
from tta_bench.models.checkpoints.read import read_checkpoint, save_checkpoint
from tta_bench.models.measure import count_gmacs, count_parameters
from tta_bench.registry import BACKBONES

NAMES = [name for name in card_files("backbones") if name.startswith("mmaction2/") and name != "mmaction2/any"]
SMALL = {"name": "ResNet3dSlowOnly", "depth": 18, "lateral": False, "base_channels": 4, "norm_eval": False}


def clip_of(card: BackboneCard, size: int) -> ResolvedClip:
    return ResolvedClip(span=64, frames=card.frames, stride=1, size=size)


def test_these_have_cards() -> None:
    convolutional = {"slowonly_r50", "slowfast_r50", "x3d_s", "tsm_r50", "c3d", "c3d_ucf101"}
    transformers = {"swin3d_t", "uniformerv2_b", "timesformer_b", "mvit_s"}
    for names, recipe in ((convolutional, "cnn"), (transformers, "vit")):
        assert all(backbone_card(f"mmaction2/{name}").recipe == recipe for name in names)
    assert {name.removeprefix("mmaction2/") for name in NAMES} == convolutional | transformers


@pytest.mark.parametrize("name", NAMES)
def test_a_card_says_what_its_backbone_costs(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    card = backbone_card(name)
    backbone = build_backbone(card, clip_of(card, card.size), drop_path=0.1)
    assert count_parameters(backbone) == card.parameters
    assert count_gmacs(backbone, (3, card.frames, card.size, card.size)) == pytest.approx(card.gmacs, rel=1e-3)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", NAMES)
def test_it_keeps_the_contract_at_the_size_of_the_sample(name: str) -> None:
    card = backbone_card(name)
    assert card.size_multiple is not None
    size = -(-48 // card.size_multiple) * card.size_multiple
    train = TrainSettings(batch=2, lr=1e-3, drop_path=0.1)
    model = build_classifier(card, clip_of(card, size), train, classes=3, seed=0)
    model.eval()
    with torch.no_grad():
        logits = model(torch.randn(1, 3, card.frames, size, size))
    assert logits.shape == (1, 3)
    assert logits.isfinite().all()
    assert parameter_groups(model, 0.05, 1.0)[1] == "one group"


def test_the_same_seed_gives_the_same_weights() -> None:
    card = backbone_card("mmaction2/x3d_s")
    one, two, other = (
        build_classifier(card, clip_of(card, 48), TrainSettings(batch=2, lr=1e-3), 3, seed).state_dict()
        for seed in (0, 0, 1)
    )
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_features_are_those_of_mmaction2_averaged() -> None:
    backbone = MMAction2Backbone(**SMALL).eval()
    clip = torch.randn(2, 3, 4, 32, 32)
    features = backbone(clip)
    assert torch.equal(features, backbone.encoder(clip).flatten(2).mean(2))
    frames = MMAction2Backbone("ResNetTSM", frames=4, depth=18).eval()
    tokens = frames(clip)
    maps = frames.encoder(clip.transpose(1, 2).reshape(8, 3, 32, 32))
    assert tokens.shape == (2, 4, 512)
    assert torch.allclose(tokens[1, 2], maps[6].mean((1, 2)))


def test_pooling_of_what_backbones_give() -> None:
    features, slow, fast = torch.randn(2, 5), torch.randn(2, 3, 4, 2, 2), torch.randn(2, 1, 8, 2, 2)
    assert pooled(features) is features
    assert torch.equal(pooled((slow, fast)), torch.cat([slow.mean((2, 3, 4)), fast.mean((2, 3, 4))], 1))
    assert pooled(([slow, features],)) is features  # a stage's map and its class token
    assert pooled(([fast, features[:1]], [slow, features])) is features


@pytest.mark.parametrize(("size", "frames"), [(112, 16), (224, 16), (48, 16), (64, 32)])
def test_c3d_is_told_the_size_of_its_last_map(size: int, frames: int) -> None:
    with torch.device("meta"):
        encoder = MMAction2Backbone("C3D", size=32, frames=16).encoder
        for name in ("fc6", "fc7", "relu", "dropout"):
            setattr(encoder, name, torch.nn.Identity())
        assert encoder(torch.zeros(1, 3, frames, size, size)).shape == (1, c3d_width(size, frames))


@pytest.mark.parametrize("prefix", ["backbone.", "module.backbone.", ""])
def test_mmaction2s_own_files_load(tmp_path: Path, prefix: str) -> None:
    source = build_mmaction({"type": SMALL["name"], **{k: v for k, v in SMALL.items() if k != "name"}})
    state = {f"{prefix}{name}": tensor for name, tensor in source.state_dict().items()}
    head = {"cls_head.fc_cls.weight": torch.zeros(400, 32)} if prefix == "backbone." else {}
    save_checkpoint(tmp_path / "a.pth", {"state_dict": state | head, "meta": {"epoch": 1}})
    backbone = MMAction2Backbone(**SMALL).eval()
    report = load_backbone(backbone, read_checkpoint(tmp_path / "a.pth"))
    assert (report.missing, report.unexpected, report.mismatched) == ((), (), ())
    clip = torch.randn(1, 3, 4, 32, 32)
    source.eval()  # which returns nothing
    assert torch.equal(backbone(clip), pooled(source(clip)))


def test_a_file_of_another_depth_is_refused(tmp_path: Path) -> None:
    other = MMAction2Backbone(**(SMALL | {"depth": 34}))
    save_checkpoint(tmp_path / "a.pth", {"state_dict": other.encoder.state_dict()})
    with pytest.raises(UserError, match=r"a\.pth does not fit MMAction2Backbone"):
        load_backbone(MMAction2Backbone(**SMALL), read_checkpoint(tmp_path / "a.pth"))


def test_the_family_card_builds_what_needs_no_arguments() -> None:
    card = backbone_card("mmaction2/C3D")
    backbone = build_backbone(card, clip_of(card, 32))
    assert type(getattr(backbone, "encoder")).__name__ == "C3D"  # noqa: B009


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mmaction2/X3DD", "Did you mean 'X3D'"),
        ("mmaction2/TSNHead", "unknown backbone of MMAction2 'TSNHead'"),
        ("mmaction2/SwinTransformer3D", "cannot be built: .*'arch'"),
    ],
)
def test_a_name_that_cannot_be_built(name: str, message: str) -> None:
    card = backbone_card(name)
    with pytest.raises(UserError, match=message):
        build_backbone(card, clip_of(card, 32))


def test_arguments_that_mmaction2_refuses_are_said() -> None:
    with pytest.raises(ValueError, match=r"MMAction2's TimeSformer refuses .*sideways"):
        MMAction2Backbone("TimeSformer", size=32, patch_size=16, attention_type="sideways")


def test_it_is_registered() -> None:
    assert BACKBONES.get("MMAction2Backbone") is MMAction2Backbone
