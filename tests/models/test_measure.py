from __future__ import annotations

import pytest
import torch
from torch import nn

from tta_bench.models.backbones.timm_images import TimmBackbone
from tta_bench.models.backbones.videomae import VideoMAEV2
from tta_bench.models.measure import count_gmacs, count_parameters, count_trained, evaluating, trace

TINY = {"size": 16, "frames": 4, "patch": 8, "width": 16, "depth": 2, "heads": 2, "mlp_width": 32}


def test_vit_b_costs_what_the_papers_print():
    with torch.device("meta"):
        encoder = VideoMAEV2()
    assert count_parameters(encoder) == 86_227_200
    assert count_gmacs(encoder, (3, 16, 224, 224)) == pytest.approx(180.34, abs=0.01)


def test_resnet50_costs_the_image_figure_times_the_frames():
    backbone = TimmBackbone("resnet50")
    assert count_parameters(backbone) == 23_508_032
    assert count_gmacs(backbone, (3, 8, 224, 224)) == pytest.approx(8 * 4.087, abs=0.01)


def test_attention_counts_and_data_do_not_change_the_count():
    tokens, width, hidden = 8, 16, 32
    attention = 4 * tokens * width**2 + 2 * tokens**2 * width
    macs = tokens * 3 * 2 * 8 * 8 * width + 2 * (attention + 2 * tokens * width * hidden)
    encoder = VideoMAEV2(**TINY)
    assert count_gmacs(encoder, (3, 4, 16, 16)) == pytest.approx(macs / 1e9)

    class NeedsData(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = encoder

        def forward(self, clip):
            assert clip.max().item() == 0
            return self.encoder(clip)

    assert count_gmacs(NeedsData(), (3, 4, 16, 16)) == pytest.approx(macs / 1e9)


def test_a_shared_parameter_counts_once_and_buffers_do_not():
    layer = nn.Linear(3, 3)
    assert count_parameters(nn.Sequential(layer, layer, nn.BatchNorm1d(3))) == 12 + 6


def test_the_probe_does_not_touch_the_module():
    class Remembers(nn.Linear):
        kept = None

        def forward(self, x):
            self.kept = x
            return super().forward(x)

    module = Remembers(3, 2)
    output, operations = trace(module, (3,))
    assert output.shape == (1, 2)
    assert operations == 2 * 3 * 2
    assert module.kept is None
    assert module(torch.ones(1, 3)).device.type == "cpu"


def test_evaluating_restores_each_mode_even_after_an_error():
    module = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(1)).train()
    module[1].eval()
    with pytest.raises(ValueError, match="expected 2D or 3D input"), evaluating(module):
        module(torch.zeros(1))
    assert [child.training for child in module.modules()] == [True, True, False]
    with evaluating(module):
        assert not any(child.training for child in module.modules())


@pytest.mark.parametrize(("frozen", "trained"), [((), None), (("0",), 15), (("0", "1"), 0)])
def test_the_trained_share_of_a_partly_frozen_module(frozen, trained):
    module = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 3))
    for name in frozen:
        module.get_submodule(name).requires_grad_(False)
    assert count_trained(module) == trained


class Around(nn.Module):
    """Holds a layer, which is given gradients by other ways than a loss; PyTorch's counter does not follow these."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(3, 3)


class Steepest(Around):
    def forward(self, clip):
        with torch.enable_grad():
            seen = clip.clone().requires_grad_()
            (slope,) = torch.autograd.grad(self.inner(seen).sum(), seen)
        return self.inner(slope)


class Slope(Around):
    def forward(self, clip):
        return torch.func.grad(lambda seen: self.inner(seen).sum())(clip)


class Slopes(Around):
    def forward(self, clip):
        return torch.func.jacrev(self.inner)(clip[0])[None]


@pytest.mark.parametrize("kind", [Steepest, Slope, Slopes])
def test_a_module_on_which_the_counter_fails_runs_uncounted(kind):
    module = kind()
    output, operations = trace(module, (3,))
    assert operations is None
    assert torch.equal(output, module(torch.zeros(1, 3)))
    assert count_gmacs(module, (3,)) is None
