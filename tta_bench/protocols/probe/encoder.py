"""Frozen backbone: what its features depend on, their size, and the features of some windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tta_bench.cards.kinds import BackboneCard
from tta_bench.data.features.encoded import Kind, WindowRule
from tta_bench.data.media.decode import decoder_version
from tta_bench.engine.device import Machine, ResolvedPrecision, memory_advice
from tta_bench.engine.pixels import normalize
from tta_bench.errors import UserError
from tta_bench.experiments.base import NUMERICS_VERSION, ResolvedClip, backbone_identity
from tta_bench.experiments.probe import FrozenExperiment
from tta_bench.models.build import build_backbone
from tta_bench.models.checkpoints.load import load_backbone
from tta_bench.models.checkpoints.read import read_checkpoint
from tta_bench.models.measure import trace
from tta_bench.plugins import PluginCode
from tta_bench.protocols.base.weights import Weights
from tta_bench.utils.keyed_random import torch_seed
from tta_bench.utils.progress import console

CLIPS_AT_ONCE = {"cpu": 1, "cuda": 32}
"""Videos in a batch of the encoding. On a CPU each is alone, so that its features depend on no other.

A shorter batch is filled up, so that a video goes through the same operations whatever stands beside it.
"""


class FrozenBackbone(nn.Module):
    """A backbone whose output is taken apart: ``float (B, 3, T, H, W) -> (pooled (B, D), tokens (B, N, D) or None)``.

    Tokens are the backbone's output, or those of its method ``token_features(clip)``, of which ``pool(tokens)`` makes
    its features; a backbone that only has features gives None.
    """

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, clip: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the pooled features and the tokens of a batch."""
        if hasattr(self.backbone, "token_features"):
            tokens: Tensor = self.backbone.token_features(clip)  # type: ignore[operator]
            return self.backbone.pool(tokens), tokens  # type: ignore[operator]
        features: Tensor = self.backbone(clip)
        return (features, None) if features.ndim == 2 else (features.mean(1), features)


class EncodingSize(NamedTuple):
    """Size of what a backbone gives for one window."""

    width: int
    tokens: int
    """Number of tokens; 0 for a backbone without."""

    def bytes(self, kind: Kind, windows: int) -> int:
        """Return the bytes of a clip's features of a kind, in half precision."""
        return 2 * windows * self.width * (self.tokens if kind == "tokens" else 1)


@dataclass(frozen=True)
class Encoder:
    """A frozen backbone, its weights, and everything that its features depend on."""

    card: BackboneCard
    clip: ResolvedClip
    weights: Weights | None
    seed: int
    """Seed of the initial weights where none are loaded."""
    machine: Machine
    plugins: tuple[PluginCode, ...] = ()
    _built: list[FrozenBackbone] = field(default_factory=list, repr=False, compare=False)

    def identity(self, rule: WindowRule, precision: ResolvedPrecision | None = None) -> dict[str, Any]:
        """Return everything that features depend on, as JSON; those of loaded weights are the same for all seeds."""
        start: dict[str, Any] = {"weights": self.weights.sha256} if self.weights else {"initial weights": self.seed}
        return {
            **{"what": "encoded", "version": 1, "numerics": NUMERICS_VERSION, "decoder": decoder_version()},
            "backbone": backbone_identity(self.card),
            "plugins": [asdict(code) for code in self.plugins],
            "precision": precision or self.machine.precision,
            **start,
            **rule.identity(),
        }

    def module(self) -> FrozenBackbone:
        """Return the backbone on its device, evaluating and without gradients; it is built once."""
        if not self._built:
            torch.manual_seed(torch_seed(self.seed, "init"))
            backbone = build_backbone(self.card, self.clip)
            if self.weights is not None:
                report = load_backbone(backbone, read_checkpoint(self.weights.path, self.weights.sha256))
                console.print(f"weights {self.weights.name}: {report.summary()}", style="dim", markup=False)
            self._built.append(FrozenBackbone(backbone).requires_grad_(False).eval().to(self.machine.device))
        return self._built[0]

    def size(self) -> EncodingSize:
        """Return the size of its features, measured on a clip of zeros.

        Raises:
            UserError: The backbone takes no such clip, or gives something else than features or tokens.
        """
        clip = self.clip
        try:
            (pooled, tokens), _ = trace(self.module(), (3, clip.frames, clip.size, clip.size))
        except (ValueError, RuntimeError, AttributeError, TypeError) as error:
            raise UserError(f"{self.card.name} does not take a clip of {clip}: {error}") from error
        if pooled.ndim != 2 or (tokens is not None and tokens.ndim != 3):
            raise UserError(f"{self.card.name} gives features of shape {tuple(pooled.shape)}; (B, D) was expected.")
        return EncodingSize(pooled.shape[-1], 0 if tokens is None else tokens.shape[1])

    def require_tokens(self, size: EncodingSize) -> None:
        """Refuse a backbone without tokens.

        Raises:
            UserError: Says which protocols take it.
        """
        if not size.tokens:
            raise UserError(
                f"{self.card.name} gives one vector for a clip and no tokens, which an attentive probe attends to.",
                "The linear and knn protocols take it. A backbone of your own has tokens if it returns (B, N, D), or "
                "has methods token_features(clip) and pool(tokens).",
            )

    def encode(self, clips: Tensor, kinds: Sequence[Kind]) -> dict[Kind, NDArray[np.float16]]:
        """Return features of some kinds for windows ``uint8 (clips, W, T, H, W, 3)``.

        Raises:
            UserError: A value is not a number, or too large for half precision.
        """
        lacking = max(0, CLIPS_AT_ONCE[self.machine.device.type] - len(clips))
        filled = torch.cat([clips, clips.new_zeros(lacking, *clips.shape[1:])]) if lacking else clips
        with memory_advice(len(filled)), self.machine.inference():
            x = normalize(filled.flatten(0, 1).to(self.machine.device), self.card.mean, self.card.std)
            pooled, tokens = self.module()(x)
        given: dict[Kind, Tensor | None] = {"pooled": pooled, "tokens": tokens}
        made: dict[Kind, NDArray[np.float16]] = {}
        for kind in kinds:
            values = given[kind]
            assert values is not None
            half = values[: clips.shape[0] * clips.shape[1]].to(torch.float16)
            if not torch.isfinite(half).all():
                raise UserError(f"{self.card.name} gives features that are no finite numbers in half precision.")
            made[kind] = half.reshape(*clips.shape[:2], *values.shape[1:]).cpu().numpy()
        return made


def token_size(experiment: FrozenExperiment) -> tuple[int, int]:
    """Return the width and the number of the tokens that an experiment's backbone gives for a window.

    Raises:
        UserError: It gives none, or cannot be built.
    """
    machine = Machine.of(experiment.runtime, experiment.precision)
    encoder = Encoder(experiment.backbone, experiment.clip, None, experiment.seed, machine, experiment.plugins)
    size = encoder.size()
    encoder.require_tokens(size)
    return size.width, size.tokens
