"""The sections of a run, as users type their keys: common ones, and those of each kind of protocol."""

from tta_bench.settings.common import DataSettings, RegistrySettings, RuntimeSettings, Strict, later
from tta_bench.settings.fine_tune import Augmentation, ClipSettings, Control, EvalSettings, TrainSettings
from tta_bench.settings.pretrain import DecoderSettings, MaskSettings, PretrainSettings
from tta_bench.settings.reaction import Cropper, FaceClipSettings, ReactionEvalSettings, ReactionSettings
from tta_bench.settings.scaling import StudySettings

__all__ = [
    "Augmentation",
    "ClipSettings",
    "Control",
    "Cropper",
    "DataSettings",
    "DecoderSettings",
    "EvalSettings",
    "FaceClipSettings",
    "MaskSettings",
    "PretrainSettings",
    "ReactionEvalSettings",
    "ReactionSettings",
    "RegistrySettings",
    "RuntimeSettings",
    "Strict",
    "StudySettings",
    "TrainSettings",
    "later",
]
