"""What the record of a fine-tune says: its identity, what it sees, its scores and its cost."""

from __future__ import annotations

import numpy as np

from tta_bench.engine.device import ResolvedPrecision
from tta_bench.engine.testing import TestReport
from tta_bench.experiment import FineTuneExperiment
from tta_bench.models.classifier import Classifier
from tta_bench.models.measure import count_gmacs, count_parameters
from tta_bench.protocols.lists import Lists
from tta_bench.protocols.recording import Facts, identity
from tta_bench.protocols.weights import Weights
from tta_bench.records import schema
from tta_bench.records.predictions import Predictions, collect


def fine_tune_identity(
    to: FineTuneExperiment, lists: Lists, weights: Weights | None, training: str, precision: ResolvedPrecision
) -> schema.Identity:
    """Return what makes a fine-tune another than the next."""
    return identity(to, lists.identity, weights, training, precision, control=to.eval.control)


def fine_tune_facts(to: FineTuneExperiment, lists: Lists) -> Facts:
    """Return what its record says from the beginning."""
    seen = schema.Input(frames=to.clip.frames, stride=to.clip.stride, size=to.clip.size)
    return Facts(len(lists.test), tuple(lists.excluded), seen)


def fine_tune_predictions(to: FineTuneExperiment, lists: Lists, test: TestReport) -> Predictions:
    """Return the scores of its test list with all that is needed to judge them."""
    return collect(
        [sample.id for sample in lists.test],
        test.scores,
        np.array([sample.label for sample in lists.test]),
        [sample.group for sample in lists.test],
        lists.classes,
        reversed_labels(to, lists),
        {sample.group for sample in lists.train},
    )


def reversed_labels(to: FineTuneExperiment, lists: Lists) -> list[int] | None:
    """Return the class that each test clip shows when played backwards, for the control that does so."""
    names = to.dataset.reversed_class
    if to.eval.control != "reversed" or names is None:
        return None
    return [lists.classes.index(names[lists.classes[sample.label]]) for sample in lists.test]


def fine_tune_cost(to: FineTuneExperiment, classifier: Classifier) -> schema.Cost:
    """Return what the classifier costs."""
    return schema.Cost(
        parameters=count_parameters(classifier),
        gmacs_per_view=round(count_gmacs(classifier, (3, to.clip.frames, to.clip.size, to.clip.size)), 4),
        views=to.eval.segments * to.eval.crops,
    )
