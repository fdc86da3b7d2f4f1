"""Trained heads: features of clips to class probabilities, and a file that keeps them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tta_bench.data.features.encoded import Kind
from tta_bench.errors import UserError
from tta_bench.models.checkpoints.read import read_checkpoint, save_checkpoint
from tta_bench.protocols.probe.grid import HeadShape
from tta_bench.protocols.probe.knn import neighbour_scores
from tta_bench.protocols.probe.linear import LogisticRegression, Standardiser

HEAD_FILE = "head.pt"
"""The head in a run's folder."""
HEADS: dict[str, type[Head]] = {}
"""Kinds of heads by the name in their file; filled by the subclasses themselves."""


class Head(ABC):
    """A trained head."""

    kind: ClassVar[Kind] = "pooled"
    """Features that it takes."""

    def __init_subclass__(cls, **config: Any) -> None:
        """Make the class known by its name."""
        super().__init_subclass__(**config)
        HEADS[cls.__name__] = cls

    @abstractmethod
    def scores(self, features: NDArray[np.float16]) -> NDArray[np.float32]:
        """Return probabilities ``(clips, classes)`` for features ``(clips, W, ...)`` of the head's kind."""

    @abstractmethod
    def parameters(self) -> int:
        """Return the number of trained values."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return everything that it consists of, as tensors and plain values."""

    @classmethod
    @abstractmethod
    def of_state(cls, state: Mapping[str, Any]) -> Head:
        """Return the head of a state."""


def mean_over_windows(features: NDArray[np.float16]) -> Tensor:
    """Return a vector for each clip ``float64 (clips, D)``: the mean of its windows' features ``(clips, W, D)``."""
    return torch.from_numpy(features.astype(np.float64).mean(axis=1))


@dataclass(frozen=True)
class NeighbourHead(Head):
    """The training clips, whose nearest vote."""

    bank: Tensor
    labels: Tensor
    classes: int
    k: int
    temperature: float

    def scores(self, features: NDArray[np.float16]) -> NDArray[np.float32]:
        """Return the votes."""
        queries = mean_over_windows(features)
        return neighbour_scores(self.bank, self.labels, queries, self.classes, self.k, self.temperature)

    def parameters(self) -> int:
        """Return 0: nothing is trained."""
        return 0

    def state(self) -> dict[str, Any]:
        """Return the fields."""
        return {**vars(self)}

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> NeighbourHead:
        """Return the head of these fields."""
        return cls(**state)


@dataclass(frozen=True)
class LinearHead(Head):
    """Logistic regression of standardised features."""

    mean: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor

    def scores(self, features: NDArray[np.float16]) -> NDArray[np.float32]:
        """Return the probabilities."""
        x = Standardiser(self.mean, self.scale)(mean_over_windows(features))
        return LogisticRegression(self.weight, self.bias, 0).probabilities(x).astype(np.float32)

    def parameters(self) -> int:
        """Return the number of weights and biases."""
        return self.weight.numel() + self.bias.numel()

    def state(self) -> dict[str, Any]:
        """Return the fields."""
        return {**vars(self)}

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> LinearHead:
        """Return the head of these fields."""
        return cls(**state)


class AttentiveHead(Head):
    """An attentive classifier.

    Args:
        shape: Its shape.
        weights: Its parameters by name.
    """

    kind: ClassVar[Kind] = "tokens"

    def __init__(self, shape: HeadShape, weights: Mapping[str, Tensor]) -> None:
        self.shape, self.weights = shape, dict(weights)
        self._module = shape.build().eval()
        self._module.load_state_dict(self.weights)

    def scores(self, features: NDArray[np.float16]) -> NDArray[np.float32]:
        """Return the probabilities, averaged over windows."""
        with torch.inference_mode():
            windows = torch.from_numpy(features).float().unbind(1)
            found = [self._module(x).softmax(-1).numpy() / len(windows) for x in windows]
        return np.asarray(sum(found), np.float32)

    def parameters(self) -> int:
        """Return the number of parameters."""
        return sum(value.numel() for value in self.weights.values())

    def state(self) -> dict[str, Any]:
        """Return shape and parameters."""
        return {"shape": vars(self.shape), "weights": self.weights}

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> AttentiveHead:
        """Return the head of that shape with these parameters."""
        return cls(HeadShape(**state["shape"]), state["weights"])


def save_head(path: Path, head: Head, classes: tuple[str, ...], training: str) -> None:
    """Write a head with the names of its classes and the identity of its training."""
    content = {"kind": type(head).__name__, "state": head.state(), "classes": list(classes)}
    save_checkpoint(path, {"format": "tta-bench head", "training": training, **content})


def read_head(path: Path) -> tuple[Head, tuple[str, ...]]:
    """Return the head in a file, and the names of its classes.

    Raises:
        UserError: It is no such file.
    """
    content = read_checkpoint(path)
    if content.get("format") != "tta-bench head" or content.get("kind") not in HEADS:
        raise UserError(f"{path} holds no head of a frozen backbone.")
    return HEADS[content["kind"]].of_state(content["state"]), tuple(content["classes"])
