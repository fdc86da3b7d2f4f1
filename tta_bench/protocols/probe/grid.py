"""A grid of attentive heads that is trained in one pass over the tokens: every batch is read once, for all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, vmap

from tta_bench.data.features.encoded import TokenReader, WindowBatch
from tta_bench.engine.step import Diverged
from tta_bench.experiments.probe import AttentiveSettings
from tta_bench.protocols.probe.attention import AttentiveClassifier, attended, head_count
from tta_bench.protocols.probe.selection import Point
from tta_bench.utils.keyed_random import generator, torch_seed
from tta_bench.utils.progress import Bar

BETAS, EPS = (0.9, 0.999), 1e-8
"""AdamW's, PyTorch's own, as V-JEPA 2 leaves them."""
TOKEN_BYTES = 256_000_000
"""Tokens in single precision that are on the device at once."""
WHOLE_COLUMNS = 16
"""Columns of a product that matrix libraries fill at once: a multiple of it has each column's sums as it has alone."""


@dataclass(frozen=True)
class HeadShape:
    """Everything that the shape and the initial values of an attentive head depend on."""

    width: int
    """Width of the tokens."""
    classes: int
    heads: int
    """Wanted attention heads; the nearest divisor of the width is taken."""
    blocks: int
    seed: int

    def build(self) -> AttentiveClassifier:
        """Return a head with the initial values of the seed."""
        draw = torch.Generator().manual_seed(torch_seed(self.seed, "attentive head"))
        heads = head_count(self.width, self.heads)
        return AttentiveClassifier(self.width, self.classes, heads, self.blocks, draw)


class HeadGrid:
    """Attentive heads of one shape and one start, each with its own learning rate and weight decay.

    Args:
        shape: Shape and start of every head.
        points: Settings of each.
        device: Device of the heads.
    """

    def __init__(self, shape: HeadShape, points: Sequence[Point], device: torch.device) -> None:
        self.shape, self.points, self.device = shape, tuple(points), device
        self._template = shape.build().to(device).requires_grad_(False)
        self.parameters = {
            name: value.expand(len(points), *value.shape).clone() for name, value in self._template.state_dict().items()
        }
        """Each parameter of all heads, heads first."""
        heads = range(len(self.points))
        self.parts = [heads] if shape.blocks == 1 else [range(head, head + 1) for head in heads]
        """Heads that share a pass: all where no token is changed for a head, else one at a time, to spare memory."""
        self.leaves = [
            {name: value[part.start : part.stop].requires_grad_() for name, value in self.parameters.items()}
            for part in self.parts
        ]
        """The same memory, cut into parts, each with a gradient of its own."""

    def logits(self, x: Tensor, part: int) -> Tensor:
        """Return the logits ``(heads, b, classes)`` of a part's heads for tokens ``float32 (b, N, D)``."""
        mine, classifier = self.leaves[part], self._template
        if len(self.parts[part]) == 1:
            own = {name: value[0] for name, value in mine.items()}
            alone: Tensor = functional_call(classifier, own, (x,))
            return alone.unsqueeze(0)
        if head_count(self.shape.width, self.shape.heads) % WHOLE_COLUMNS:
            together: Tensor = vmap(lambda own: functional_call(classifier, own, (x,)))(mine)
            return together
        asked = _of_all(classifier, classifier.pooler.ask, mine)
        mean = attended(classifier.pooler.tokens(x), asked.flatten(0, 1)).reshape(len(x), *asked.shape)
        return _of_all(classifier, classifier.answer, mine, mean.transpose(0, 1))

    def state(self, head: int) -> dict[str, Tensor]:
        """Return the parameters of one head."""
        return {name: value[head].detach().cpu().clone() for name, value in self.parameters.items()}


def train_grid(
    grid: HeadGrid,
    reader: TokenReader,
    rows: NDArray[np.int64],
    labels: Tensor,
    settings: AttentiveSettings,
    title: str,
) -> int:
    """Train every head of a grid on some clips of a list, and return the clips that went through.

    Each epoch is a keyed permutation, cut into whole batches; a clip shows one window, another in the next epoch. AdamW
    decays every parameter and the learning rate follows a cosine to 0, as in V-JEPA 2.

    Args:
        grid: The heads as they start.
        reader: Tokens of the list.
        rows: Places of the clips to train on.
        labels: Classes of the list, ``int64``.
        settings: Epochs and batch.
        title: Title of the progress bar.

    Raises:
        Diverged: No head has a finite loss.
    """
    batch = min(settings.batch, len(rows))
    total = settings.epochs * (len(rows) // batch)
    order = list(_batches(rows, batch, settings.epochs, reader.shape[0], grid.shape.seed))
    optimizer = _GridAdamW(grid)
    with Bar(title, total, "steps") as bar:
        for step, (wanted, tokens) in enumerate(zip(order, reader.batches(order), strict=True)):
            loss = _backward(grid, tokens, labels[torch.from_numpy(wanted.rows)])
            if not torch.isfinite(loss).any():
                raise Diverged(f"{title}: no head of the grid has a finite loss after step {step}.")
            optimizer.step(0.5 * (1 + math.cos(math.pi * step / total)))
            bar.advance(text=f"loss {float(loss.nan_to_num(math.inf).min()):.3f}")
    return total * batch


def grid_scores(grid: HeadGrid, reader: TokenReader) -> NDArray[np.float32]:
    """Return every head's probabilities for every clip of a list, averaged over windows: ``(heads, clips, classes)``.

    A head that diverged gives equal probabilities to all classes, which scores nothing.
    """
    windows, count = reader.shape[0], len(reader.ids)
    size = _clips_at_once(reader.shape)
    rows = [np.arange(first, min(first + size, count)) for first in range(0, count, size)]
    wanted = [WindowBatch(part, np.full(len(part), window)) for part in rows for window in range(windows)]
    scores = np.zeros((len(grid.points), count, grid.shape.classes), np.float32)
    with torch.inference_mode():
        for batch, tokens in zip(wanted, reader.batches(wanted), strict=True):
            x = tokens.to(grid.device).float()
            found = torch.cat([grid.logits(x, part).softmax(-1) for part in range(len(grid.parts))]).cpu().numpy()
            scores[:, batch.rows] += np.nan_to_num(found, nan=1 / grid.shape.classes) / windows
    return scores


def _batches(rows: NDArray[np.int64], batch: int, epochs: int, windows: int, seed: int) -> Iterator[WindowBatch]:
    """Yield every batch of a training; over ``windows`` epochs a clip shows each of its windows once."""
    for epoch in range(epochs):
        first = generator(seed, "window", epoch // windows).integers(windows, size=len(rows))
        order = generator(seed, "order", epoch).permutation(len(rows))
        for start in range(0, len(rows) // batch * batch, batch):
            chosen = order[start : start + batch]
            yield WindowBatch(rows[chosen], (first[chosen] + epoch) % windows)


def _clips_at_once(shape: tuple[int, ...]) -> int:
    return max(1, TOKEN_BYTES // (4 * shape[-1] * shape[-2]))


def _backward(grid: HeadGrid, tokens: Tensor, labels: Tensor) -> Tensor:
    """Add each head's gradient of its mean cross-entropy, and return the losses ``(heads,)``."""
    size = _clips_at_once(tuple(tokens.shape))
    losses = torch.zeros(len(grid.points), device=grid.device)
    for x, y in zip(torch.split(tokens, size), torch.split(labels, size), strict=True):
        x, y = x.to(grid.device).float(), y.to(grid.device)
        for number, part in enumerate(grid.parts):
            logits = grid.logits(x, number)
            each = F.cross_entropy(logits.flatten(0, 1), y.repeat(len(part)), reduction="none")
            loss = each.reshape(len(part), -1).sum(1) / len(tokens)
            torch.autograd.backward(loss.sum())
            losses[part.start : part.stop] += loss.detach()
    return losses


class _Method(nn.Module):
    """A method of a classifier or of its parts as a module, which `functional_call` takes."""

    def __init__(self, classifier: AttentiveClassifier, method: Callable[..., Tensor]) -> None:
        super().__init__()
        self.classifier, self.method = classifier, method

    def forward(self, *given: Tensor) -> Tensor:
        """Call the method."""
        return self.method(*given)


def _of_all(
    classifier: AttentiveClassifier, method: Callable[..., Tensor], parameters: Mapping[str, Tensor], *given: Tensor
) -> Tensor:
    """Return the outputs of a method for each head's parameters and each head's own arguments, heads first."""
    module = _Method(classifier, method)
    stacked = {f"classifier.{name}": value for name, value in parameters.items()}
    together: Tensor = vmap(lambda own, *each: functional_call(module, own, each))(stacked, *given)
    return together


class _GridAdamW:
    """AdamW (Loshchilov and Hutter, 2019) of stacked parameters, with a rate and a decay for each head."""

    def __init__(self, grid: HeadGrid) -> None:
        self.count = 0
        self._states: list[tuple[Tensor, Tensor, Tensor, Tensor, Tensor]] = []
        """Parameters of a part, rates, decays, and the means of gradients and of their squares."""
        rates, decays = (
            torch.tensor([point[name] for point in grid.points], device=grid.device) for name in ("lr", "weight_decay")
        )
        for part, leaves in zip(grid.parts, grid.leaves, strict=True):
            for value in leaves.values():
                shape = (-1, *(1 for _ in value.shape[1:]))
                rate, decay = (settings[part.start : part.stop].view(shape) for settings in (rates, decays))
                self._states.append((value, rate, decay, torch.zeros_like(value), torch.zeros_like(value)))

    @torch.no_grad()
    def step(self, factor: float) -> None:
        """Do one step with each head's rate times a factor, and forget the gradients."""
        self.count += 1
        first, second = (1 - beta**self.count for beta in BETAS)
        for value, rates, decays, mean, square in self._states:
            gradient = value.grad if value.grad is not None else torch.zeros_like(value)
            rate = rates * factor
            mean.lerp_(gradient, 1 - BETAS[0])
            square.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
            value.mul_(1 - rate * decays)
            value.sub_((rate / first * mean).div_((square / second).sqrt_().add_(EPS)))
            value.grad = None
