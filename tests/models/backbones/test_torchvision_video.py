from __future__ import annotations

import pytest
import torch
from torchvision.models import get_model, get_model_weights, list_models, video
from torchvision.ops import StochasticDepth

from tta_bench.cards.catalog import backbone_card
from tta_bench.engine.optimizer import parameter_groups
from tta_bench.errors import UserError
from tta_bench.models.backbones.torchvision_video import HEADS, TorchvisionVideo
from tta_bench.models.checkpoints.load import load_backbone
from tta_bench.models.classifier import Classifier

NAMES = list_models(module=video)
HEAD_CLASSES = 400


@pytest.mark.parametrize("name", NAMES)
def test_every_video_model_of_torchvision_has_a_card_with_its_published_size_and_cost(name: str) -> None:
    card = backbone_card(f"torchvision/{name}")
    meta = get_model_weights(name).DEFAULT.meta
    with torch.device("meta"):
        width = TorchvisionVideo(name)(torch.zeros(1, 3, card.frames, card.size, card.size)).shape[1]
    assert card.parameters == meta["num_params"] - (width + 1) * HEAD_CLASSES
    if name != "swin3d_b":  # the weights that are published for it have another window
        frames = 2 if name.startswith("swin3d") else 1  # torchvision counts half as many frames
        assert card.gmacs == pytest.approx(frames * meta["_ops"], rel=0.01)


@pytest.mark.parametrize("name", ["r3d_18", "s3d", "mvit_v2_s", "swin3d_t"])
def test_layers_follow_the_network_and_leave_nothing_out(name: str) -> None:
    with torch.device("meta"):
        model = TorchvisionVideo(name)
        classifier = Classifier(model, 8, 2)
    groups, source = parameter_groups(classifier, 0.05, 0.5)
    assert source == "layer_groups"
    assert len({group["lr_scale"] for group in groups}) >= 9
    (head,) = [group for group in groups if any(p is classifier.head.weight for p in group["params"])]
    assert head["lr_scale"] == 1.0
    assert min(group["lr_scale"] for group in groups) == 0.5 ** (len(model.layer_groups()) - 1)


def test_drop_path_grows_from_nothing() -> None:
    with torch.device("meta"):
        depths = [m.p for m in TorchvisionVideo("swin3d_t", drop_path=0.2).modules() if isinstance(m, StochasticDepth)]
    assert depths[0] == 0.0
    assert depths[-1] == pytest.approx(0.2)
    assert depths == sorted(depths)


@pytest.mark.parametrize("name", ["r3d_18", "s3d"])
def test_a_file_of_torchvision_loads_under_its_own_names(name: str) -> None:
    theirs, ours = get_model(name, weights=None).eval(), TorchvisionVideo(name).eval()
    report = load_backbone(ours, theirs.state_dict())
    assert not report.missing
    head = next(child for child, _ in theirs.named_children() if child in HEADS)
    setattr(theirs, head, torch.nn.Identity())
    clip = torch.randn(1, 3, 16, 224, 224) if name == "s3d" else torch.randn(1, 3, 8, 32, 32)
    with torch.no_grad():
        assert torch.equal(ours(clip), theirs(clip))


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UserError, match="Did you mean 'r3d_18'"):
        TorchvisionVideo("r3d18")
    with pytest.raises(UserError, match="Did you mean 'torchvision/r3d_18'"):
        backbone_card("torchvision/r3d18")
