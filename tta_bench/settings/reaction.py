"""What the reaction protocol lets users say: faces, recipe and test. Keys as users type them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tta_bench.settings.common import Strict

Cropper = Literal["none", "centre", "haar", "yunet"]


class FaceClipSettings(Strict):
    """Which frames of a reaction are shown, and what is cut from them."""

    frames: int | None = Field(default=None, gt=0)
    """Frames of a clip (the most, at one frame a second); by default the backbone's."""
    size: int | None = Field(default=None, gt=0)
    """Height and width of a face crop in pixels; by default the backbone's."""
    sampling: Literal["uniform", "1fps"] = "uniform"
    """Frames spread evenly over the clip, or one a second."""
    cropper: Cropper = "haar"
    """What finds the face: nothing, the centre square, OpenCV's Haar cascade, or YuNet with ``data.face_model``."""


class ReactionSettings(Strict):
    """A recipe for intensities. Learning rates are as written: they do not scale with ``batch``."""

    batch: int = Field(gt=0)
    """Clips in one optimisation step."""
    epochs: int | None = Field(default=None, gt=0)
    """Passes over the training part."""
    steps: int | None = Field(default=None, gt=0)
    """Optimisation steps; goes before ``epochs``."""
    warmup: float = Field(default=0.05, ge=0, lt=1)
    """Share of the steps in which the learning rate rises linearly from 0."""
    lr: float = Field(gt=0)
    """Highest learning rate of everything but the visual encoder."""
    encoder_lr: float = Field(default=0.1, ge=0)
    """Factor on it for the visual encoder; 0 freezes it."""
    min_lr: float = Field(default=0.0, ge=0)
    """Learning rate at the end of the cosine."""
    betas: tuple[float, float] = (0.9, 0.999)
    """AdamW's betas."""
    weight_decay: float = Field(default=0.05, ge=0)
    """AdamW's weight decay; none on biases and norms."""
    clip_grad: float | None = Field(default=None, gt=0)
    """Largest norm of the gradient, or null for none."""
    temporal: Literal["mean", "gru", "transformer"] = "transformer"
    """What makes one vector of a sequence."""
    layers: int = Field(default=2, gt=0)
    """Layers of the temporal head."""
    heads: int = Field(default=4, gt=0)
    """Attention heads of the temporal head."""
    width: int = Field(default=256, gt=0)
    """Width of the temporal head."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Dropout in the temporal head and before the output."""
    modality_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Probability that a modality of a clip is hidden in training; one always stays."""
    flip: float = Field(default=0.5, ge=0, le=1)
    """Probability of a horizontal flip of a clip's faces."""


class ReactionEvalSettings(Strict):
    """How intensities are tested."""

    split: Literal["val", "test"] = "val"
    """The part that is scored; the test part has no labels, and gives a file for the challenge."""
    select: Literal["last"] = "last"
    """Which epoch is scored."""
