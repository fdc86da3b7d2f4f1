"""Steps on a CUDA device, as one table: deterministic or not, and how fast.

python .ci/check_gpu.py     prints one line and ends well where there is no such device

20 steps twice, with deterministic algorithms and without: equal, or how different, and what determinism costs. Then 20
compiled bfloat16 steps of ViT-B, clips in memory (no loader): clips/s, and the share of the card's own measured peak.
"""

from __future__ import annotations

import os
import time

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tta_bench.cards.catalog import backbone_card
from tta_bench.experiments.base import ResolvedClip
from tta_bench.models.build import build_backbone

STEPS = 20
CLIPS = 8
CLIP = ResolvedClip(span=64, frames=16, stride=4, size=224)


def classifier() -> nn.Module:
    """Return ViT-B with a head of 101 classes on the device, with the weights of seed 0."""
    torch.manual_seed(0)
    return nn.Sequential(build_backbone(backbone_card("videomaev2_vit_b"), CLIP), nn.Linear(768, 101)).cuda().train()


def steps(model: nn.Module, clips: Tensor, count: int) -> float:
    """Do optimisation steps in bfloat16 and return their seconds."""
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)
    labels = torch.arange(len(clips), device="cuda") % 101
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(count):
        with torch.autocast("cuda", torch.bfloat16):
            loss = F.cross_entropy(model(clips).float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def twice(clips: Tensor, deterministic: bool) -> tuple[float, float]:
    """Return the largest difference of the weights of two equal trainings, and the seconds of the second."""
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.benchmark = False
    weights, seconds = [], 0.0
    for _ in range(2):
        model = classifier()
        seconds = steps(model, clips, STEPS)
        weights.append(torch.cat([parameter.detach().flatten() for parameter in model.parameters()]))
    torch.use_deterministic_algorithms(False)
    return float((weights[0] - weights[1]).abs().max()), seconds


def peak() -> float:
    """Return the operations in a second of a large bfloat16 product: the card's own peak, as measured."""
    a = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
    for _ in range(5):
        a @ a
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(20):
        a @ a
    torch.cuda.synchronize()
    return 20 * 2 * 8192**3 / (time.perf_counter() - start)


def main() -> None:
    """Measure and print the table."""
    if not torch.cuda.is_available():
        print("no CUDA device: nothing was measured.")
        return
    clips = torch.rand(CLIPS, 3, CLIP.frames, CLIP.size, CLIP.size, device="cuda")
    steps(classifier(), clips, 3)
    rows = []
    for deterministic in (True, False):
        apart, seconds = twice(clips, deterministic)
        name = "deterministic" if deterministic else "not deterministic"
        said = "equal" if apart == 0 else f"{apart:.1e} apart"
        rows.append((f"ViT-B, bf16, {STEPS} steps twice, {name}", said, STEPS * CLIPS / seconds))
    model = classifier()
    model.compile(dynamic=False)
    steps(model, clips, 5)
    rate = STEPS * CLIPS / steps(model, clips, STEPS)
    share = rate * 6e9 * float(backbone_card("videomaev2_vit_b").gmacs or 0) / peak()
    rows.append(("ViT-B fine-tuning, bf16, compiled, clips in memory", f"{share:.0%} of the measured peak", rate))
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}\n\n| what | result | clips/s |\n|---|---|---|")
    for what, result, speed in rows:
        print(f"| {what} | {result} | {speed:.1f} |")


if __name__ == "__main__":
    main()
