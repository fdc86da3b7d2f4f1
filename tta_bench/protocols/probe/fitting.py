"""Fitting heads to encoded clips: the grid without the held-out groups, the choice, the refit on the whole list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tta_bench.data.datasets.layout import Sample
from tta_bench.data.features.encoded import EncodedClips, TokenReader
from tta_bench.experiments.probe import AttentiveExperiment, FrozenExperiment, LinearExperiment, NeighbourExperiment
from tta_bench.protocols.fine_tune.split import SplitClips
from tta_bench.protocols.probe.grid import HeadGrid, HeadShape, grid_scores, train_grid
from tta_bench.protocols.probe.heads import AttentiveHead, Head, LinearHead, NeighbourHead, mean_over_windows
from tta_bench.protocols.probe.linear import LogisticRegression, Standardiser, fit_path
from tta_bench.protocols.probe.selection import HeldOut, Point, accuracy, choose, describe_selection, held_out
from tta_bench.records import selection as recorded
from tta_bench.utils.progress import console

TOKEN_MEMORY = 2_000_000_000
"""Most bytes of a list's tokens that are kept in memory."""


@dataclass(frozen=True)
class Fitted:
    """A head, its scores of the test list, and its choice among a grid's points, if there was one."""

    head: Head
    scores: NDArray[np.float32]
    """``(test clips, classes)`` probabilities."""
    seen: int
    """Training clips that went through, repeated ones counted."""
    selection: recorded.Selection | None = None


def labels_of(samples: Sequence[Sample]) -> Tensor:
    """Return the classes of samples, ``int64 (N,)``."""
    return torch.tensor([sample.label for sample in samples])


def _ids(samples: Sequence[Sample]) -> list[str]:
    return [sample.id for sample in samples]


def _held_out(experiment: FrozenExperiment, clips: SplitClips, points: Sequence[Point], share: float) -> HeldOut | None:
    """Return the part of the training list that chooses; None where there is one point."""
    if len(points) == 1:
        return None
    return held_out(clips.train, share, experiment.dataset.name, experiment.split)


def _chosen(
    points: Sequence[Point], held: Sequence[float] | None, tested: Sequence[float], part: HeldOut | None
) -> recorded.Selection:
    """Return the choice, and tell the user."""
    index = 0 if held is None else choose(points, held)
    found = describe_selection(points, held, tested, index, part)
    words = ", ".join(f"{name} {value:.3g}" for name, value in points[index].items())
    if held is None:
        console.print(f"nothing to choose: {words}", style="dim", markup=False)
        return found
    edge = f"; {' and '.join(found.at_edge)} at the edge of the grid" if found.at_edge else ""
    console.print(
        f"chosen on {found.held_out_clips:,} training clips of {found.held_out_groups:,} held-out groups: {words} "
        f"({held[index]:.1%} of them right){edge}. The best of {len(points)} on the test list would have reported "
        f"{100 * found.optimism:.1f} points more.",
        style="dim",
        markup=False,
    )
    return found


def fit_attentive(
    experiment: AttentiveExperiment,
    clips: SplitClips,
    train: EncodedClips,
    test: EncodedClips,
    device: torch.device,
) -> Fitted:
    """Train the grid of attentive heads and return the chosen one.

    The grid starts from the same initial values, those of the seed, in both trainings and at every point, and both have
    the same epochs, batch and schedule.

    Raises:
        UserError: There are too few groups to hold any out.
        Diverged: No head of the grid has a finite loss.
    """
    settings = experiment.probe
    points: list[Point] = [*settings.grid()]
    if experiment.train.shots is not None:
        points = [dict(zip(("lr", "weight_decay"), settings.low_shot, strict=True))]
    part = _held_out(experiment, clips, points, settings.held_out)
    reader = TokenReader(train, _ids(clips.train), TOKEN_MEMORY)
    shape = HeadShape(reader.shape[-1], len(clips.classes), settings.heads, settings.blocks, experiment.seed)
    labels, seen, held = labels_of(clips.train), 0, None
    if part is not None:
        grid = HeadGrid(shape, points, device)
        seen += train_grid(grid, reader, np.flatnonzero(~part.mask), labels, settings, "choose")
        apart = [sample for sample, out in zip(clips.train, part.mask, strict=True) if out]
        scored = grid_scores(grid, TokenReader(train, _ids(apart), TOKEN_MEMORY))
        held = [accuracy(scores, labels_of(apart).numpy()) for scores in scored]
    grid = HeadGrid(shape, points, device)
    seen += train_grid(grid, reader, np.arange(len(clips.train)), labels, settings, "train")
    scored = grid_scores(grid, TokenReader(test, _ids(clips.test), TOKEN_MEMORY))
    selection = _chosen(points, held, [accuracy(s, labels_of(clips.test).numpy()) for s in scored], part)
    return Fitted(AttentiveHead(shape, grid.state(selection.chosen)), scored[selection.chosen], seen, selection)


def fit_linear(
    experiment: LinearExperiment, clips: SplitClips, train: EncodedClips, test: EncodedClips, device: torch.device
) -> Fitted:
    """Fit logistic regression for every C and return the chosen one.

    Raises:
        UserError: There are too few groups to hold any out.
    """
    settings, classes = experiment.linear, len(clips.classes)
    points: list[Point] = [*settings.grid()]
    if experiment.train.shots is not None:
        points = [{"C": settings.low_shot}]
    part = _held_out(experiment, clips, points, settings.held_out)
    features = mean_over_windows(train.stacked("pooled", _ids(clips.train))).to(device)
    queries = mean_over_windows(test.stacked("pooled", _ids(clips.test))).to(device)
    labels, truth = labels_of(clips.train).to(device), labels_of(clips.test).numpy()

    def path(kept: Tensor, asked: Tensor) -> list[tuple[Standardiser, LogisticRegression, NDArray[np.float64]]]:
        standard = Standardiser.of(features[kept])
        strengths = [point["C"] for point in points]
        fits = fit_path(standard(features[kept]), labels[kept], classes, strengths, settings.max_iter)
        return [(standard, model, model.probabilities(standard(asked))) for model in fits]

    held = None
    if part is not None:
        out = torch.from_numpy(part.mask).to(device)
        held = [accuracy(scores, labels[out].cpu().numpy()) for _, _, scores in path(~out, features[out])]
    fits = path(torch.ones(len(features), dtype=torch.bool, device=device), queries)
    selection = _chosen(points, held, [accuracy(scores, truth) for _, _, scores in fits], part)
    standard, model, scores = fits[selection.chosen]
    head = LinearHead(*(value.cpu() for value in (standard.mean, standard.scale, model.weight, model.bias)))
    seen = len(clips.train) * len(points) * (1 if part is None else 2)
    return Fitted(head, scores.astype(np.float32), seen, selection)


def fit_neighbours(
    experiment: NeighbourExperiment, clips: SplitClips, train: EncodedClips, test: EncodedClips
) -> Fitted:
    """Let the nearest training clips vote; the bank is the training list and nothing else."""
    knn = experiment.knn
    bank = mean_over_windows(train.stacked("pooled", _ids(clips.train)))
    head = NeighbourHead(bank, labels_of(clips.train), len(clips.classes), knn.k, knn.temperature)
    return Fitted(head, head.scores(test.stacked("pooled", _ids(clips.test))), len(clips.train))
