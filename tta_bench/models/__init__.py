"""The models: VideoMAE V2, images, sound and ready features, the classifier, and safe checkpoints."""

from __future__ import annotations

from tta_bench.models.audio import Mfcc, OpenSmile
from tta_bench.models.feature_files import FeatureFiles
from tta_bench.models.frames import PerFrame, TimmBackbone
from tta_bench.models.huggingface import HuggingFaceVideoMAE
from tta_bench.models.mmaction2 import MMAction2Backbone
from tta_bench.models.torchvision_video import TorchvisionVideo
from tta_bench.models.videomae import VideoMAEV2

__all__ = [
    "FeatureFiles",
    "HuggingFaceVideoMAE",
    "MMAction2Backbone",
    "Mfcc",
    "OpenSmile",
    "PerFrame",
    "TimmBackbone",
    "TorchvisionVideo",
    "VideoMAEV2",
]
