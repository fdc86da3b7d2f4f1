"""Low-shot lists: a few labelled clips of each class, smaller ones contained in larger ones, the same for everybody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from tta_bench.data.datasets.layout import Sample
from tta_bench.errors import UserError, shorten
from tta_bench.utils.keyed_random import generator


def few_shots(
    samples: Sequence[Sample], classes: Sequence[str], shots: int, dataset: str, split: int, fold: int
) -> tuple[Sample, ...]:
    """Return ``shots`` clips of each class, in the list's order.

    A class's clips are taken in turns from its groups, both in an order keyed by dataset, split, fold and class: few
    clips show many sources, and the list of n shots is contained in that of n + 1.

    Args:
        samples: The training list.
        classes: Names of the classes.
        shots: Clips of each class.
        dataset: Name of the dataset.
        split: Number of the split.
        fold: Number of the fold, from 0.

    Raises:
        UserError: Classes have fewer clips than that, or several clips that are all of one group; names them.
    """
    of_class: dict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        of_class[sample.label].append(sample)
    _check(of_class, classes, shots)
    taken: set[str] = set()
    for label, clips in of_class.items():
        order = _in_turns(clips, dataset, split, fold, classes[label])
        taken |= {sample.id for sample in order[:shots]}
    return tuple(sample for sample in samples if sample.id in taken)


def _check(of_class: dict[int, list[Sample]], classes: Sequence[str], shots: int) -> None:
    clips_of = {name: len(of_class.get(label, ())) for label, name in enumerate(classes)}
    short = [f"{name} ({count})" for name, count in clips_of.items() if count < shots]
    if short:
        least = min(clips_of.values())
        raise UserError(
            f"{len(short):,} classes have fewer training clips than train.shots={shots}: {shorten(short)}.",
            f"Say at most train.shots={least}."
            if least
            else "Classes without a training clip have no shots: give them some, or leave out limit= or train.shots=.",
        )
    alike = [
        classes[label] for label, clips in of_class.items() if shots > 1 and len({clip.group for clip in clips}) == 1
    ]
    if alike:
        raise UserError(
            f"all training clips of {len(alike):,} classes are of one group, so {shots} shots would show one source: "
            f"{shorten(alike)}.",
            "Say train.shots=1.",
        )


def _in_turns(clips: Sequence[Sample], dataset: str, split: int, fold: int, name: str) -> list[Sample]:
    """Return a class's clips, the first of every group before the second of any, in a keyed order."""
    ordered = sorted(clips, key=lambda sample: sample.id)
    turns: dict[str, int] = defaultdict(int)
    placed: list[tuple[int, int]] = []
    for place, index in enumerate(generator("shots", dataset, split, fold, name).permutation(len(ordered))):
        group = ordered[index].group
        placed.append((turns[group] * len(ordered) + place, int(index)))
        turns[group] += 1
    return [ordered[index] for _, index in sorted(placed)]


def shot_list(
    samples: Sequence[Sample], classes: Sequence[str], most: int, dataset: str, split: int, fold: int
) -> list[tuple[int, Sample]]:
    """Return the clips of ``most`` shots, each with its place in its class from 1 on: n shots are those up to n.

    Args:
        samples: The training list.
        classes: Names of the classes.
        most: Clips of each class.
        dataset: Name of the dataset.
        split: Number of the split.
        fold: Number of the fold, from 0.

    Raises:
        UserError: As `few_shots` does.
    """
    kept = few_shots(samples, classes, most, dataset, split, fold)
    of_class: dict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        of_class[sample.label].append(sample)
    places = {
        sample.id: place
        for label in {sample.label for sample in kept}
        for place, sample in enumerate(_in_turns(of_class[label], dataset, split, fold, classes[label])[:most], start=1)
    }
    return sorted(((places[sample.id], sample) for sample in kept), key=lambda row: (row[1].label, row[0]))
