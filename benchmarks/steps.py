"""A fine-tune step of ViT-B on clips of 16 x 224 x 224, as each project does it: all from the clips to new weights.

Ours and MMAction2's take uint8 clips through their own training step. The official one and Hugging Face's take floats,
as their scripts give them to the model, and are written out here: the official `engine_for_finetuning` (mixing aside,
which one clip cannot do, and which none does here) and what the Trainer of transformers does with its defaults.
bfloat16 is autocast for all.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from benchmarks.peers import HUGGING_FACE, MMACTION2, OFFICIAL, official_module
from tta_bench.engine.device import Machine
from tta_bench.experiments.fine_tune import TrainSettings
from tta_bench.models.backbones.mmaction2_compat import build_mmaction, import_mmaction
from tta_bench.models.backbones.videomae import VideoMAEV2
from tta_bench.models.classifier import Classifier
from tta_bench.protocols.fine_tune.step import FineTuneStep, FineTuneStepSettings, fine_tuning

OURS = "tta-bench"
CLASSES, LABEL, LR, DROP_PATH = 101, 3, 1e-5, 0.2
CLIPS = int(os.environ.get("TTA_BENCH_CLIPS", "1"))
"""Clips in a step."""
DEVICE = torch.device(os.environ.get("TTA_BENCH_DEVICE", "cpu"))
"""Device of all steps."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

Precision = Literal["fp32", "bf16"]
Step = Callable[[Precision], object]


def ours(prepare: Callable[[nn.Module], object] = lambda model: None) -> Step:
    """Return the suite's `FineTuneStep` with layer decay and its optimizer.

    Args:
        prepare: Called with the model beforehand, as to compile it.
    """
    train = TrainSettings(
        batch=CLIPS, steps=1, lr=LR * 256 / CLIPS, layer_decay=0.7, drop_path=DROP_PATH, dropout=0.5, smoothing=0.1
    )
    classifier = Classifier(VideoMAEV2(drop_path=DROP_PATH), 768, CLASSES, dropout=0.5, init_scale=0.001).train()
    prepare(classifier)
    trainings = {}
    for precision in get_args(Precision):
        machine = Machine(DEVICE, precision)
        settings = FineTuneStepSettings(train=train, seed=0, micro_batch=CLIPS + CLIPS % 2, machine=machine)
        step = FineTuneStep(classifier, settings, MEAN, STD).to(DEVICE)
        trainings[precision] = fine_tuning(step, [None] * CLIPS)  # type: ignore[arg-type]  # never asked for a clip
        trainings[precision].optimizer.set_rate(LR)
    clips = torch.randint(0, 256, (CLIPS, 1, 16, 224, 224, 3), dtype=torch.uint8)
    boxes = torch.tensor([60, 60, 40, 40]).repeat(CLIPS, 1, 1, 1)
    batch = {"clips": clips, "boxes": boxes, "label": torch.full((CLIPS,), LABEL)}
    numbers = {precision: itertools.count() for precision in trainings}

    def run(precision: Precision) -> object:
        training = trainings[precision]
        training.step.step = next(numbers[precision])  # stochastic depth leaves other blocks out in every step
        return training.step.train_step(batch, training.optimizer)

    return run


def official() -> Step:
    """Return the step of `train_one_epoch`: the loss, its gradient, the gradient's norm, AdamW."""
    model = (
        official_module("modeling_finetune")
        .vit_base_patch16_224(
            num_classes=CLASSES, drop_path_rate=DROP_PATH, fc_drop_rate=0.5, init_scale=0.001, use_mean_pooling=True
        )
        .to(DEVICE)
    )
    decay = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    rest = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    optimizer = torch.optim.AdamW([{"params": decay}, {"params": rest, "weight_decay": 0.0}], lr=LR, weight_decay=0.05)
    clips = torch.randn(CLIPS, 3, 16, 224, 224, device=DEVICE)
    target = torch.full((CLIPS, CLASSES), 0.1 / CLASSES, device=DEVICE)
    target[:, LABEL] += 0.9
    model.train()

    def step(precision: Precision) -> None:
        with _autocast(precision):
            loss = -(target * model(clips).log_softmax(-1)).sum(-1).mean()
        loss.backward()
        torch.norm(torch.stack([torch.norm(parameter.grad) for parameter in model.parameters()])).item()
        optimizer.step()
        optimizer.zero_grad()

    return step


def hugging_face() -> Step:
    """Return the step of transformers' Trainer: the model's own loss, clipping at 1, fused AdamW."""
    from transformers import VideoMAEConfig, VideoMAEForVideoClassification

    model = VideoMAEForVideoClassification(VideoMAEConfig(num_labels=CLASSES)).to(DEVICE).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=0.05, fused=True)
    clips = torch.randn(CLIPS, 16, 3, 224, 224, device=DEVICE)
    labels = torch.full((CLIPS,), LABEL, device=DEVICE)

    def step(precision: Precision) -> None:
        with _autocast(precision):
            loss = model(pixel_values=clips, labels=labels).loss
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


def mmaction2() -> Step:
    """Return the step of a `Recognizer3D`; in bfloat16 its head is left in float32, since its accuracy needs NumPy."""
    import_mmaction()
    from mmaction.structures import ActionDataSample
    from mmengine.optim import OptimWrapper

    model = (
        build_mmaction(
            {
                "type": "Recognizer3D",
                "backbone": {
                    "type": "VisionTransformer",
                    **{"img_size": 224, "patch_size": 16, "num_frames": 16, "embed_dims": 768, "depth": 12},
                    **{"num_heads": 12, "mlp_ratio": 4, "qkv_bias": True, "drop_path_rate": DROP_PATH},
                    "norm_cfg": {"type": "LN", "eps": 1e-6},
                },
                "cls_head": {
                    "type": "TimeSformerHead",
                    "num_classes": CLASSES,
                    "in_channels": 768,
                    "dropout_ratio": 0.5,
                },
                "data_preprocessor": {
                    "type": "ActionDataPreprocessor",
                    "mean": [255 * value for value in MEAN],
                    "std": [255 * value for value in STD],
                    "format_shape": "NCTHW",
                },
            }
        )
        .to(DEVICE)
        .train()
    )
    optimizer = OptimWrapper(torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=0.05))
    clips = torch.randint(0, 256, (CLIPS, 1, 3, 16, 224, 224), dtype=torch.uint8)
    batch = {"inputs": [*clips], "data_samples": [ActionDataSample().set_gt_label(LABEL) for _ in clips]}

    def step(precision: Precision) -> None:
        data = model.data_preprocessor(batch, True)
        with _autocast(precision):
            features: Tensor = model.extract_feat(data["inputs"], data_samples=data["data_samples"])[0]
        losses = model.cls_head.loss(features.float(), data["data_samples"])
        optimizer.update_params(model.parse_losses(losses)[0])

    return step


def _autocast(precision: Precision) -> torch.autocast:
    return torch.autocast(DEVICE.type, torch.bfloat16, enabled=precision == "bf16")


CONTENDERS: dict[str, Callable[[], Step]] = {
    OURS: ours,
    OFFICIAL: official,
    MMACTION2: mmaction2,
    HUGGING_FACE: hugging_face,
}
"""Makers of the steps by the name of the project."""
