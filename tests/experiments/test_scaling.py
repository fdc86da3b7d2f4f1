from __future__ import annotations

import pytest
from pydantic import ValidationError

from tta_bench.config.resolve import resolve
from tta_bench.experiments.scaling import ScalingExperiment, StudySettings


def test_a_study_trains_nothing_itself_and_keeps_where_the_data_are() -> None:
    (experiment,) = resolve(["protocol=tta_scaling", "data.roots.ucf101=/data"])
    assert isinstance(experiment, ScalingExperiment)
    assert experiment.training_sections() == ()
    assert str(experiment.data.roots["ucf101"]) == "/data"
    assert experiment.clips_to_check() == []


def test_a_single_size_is_a_list_of_one() -> None:
    (experiment,) = resolve(["protocol=tta_scaling", "study.sizes=16", "study.seeds=3"])
    assert (experiment.study.sizes, experiment.study.seeds) == ((16,), (3,))
    assert experiment.track == "fixed"


@pytest.mark.parametrize("wrong", [{"sizes": ()}, {"seeds": ()}, {"steps": 0}, {"labels": 0}])
def test_a_study_of_nothing_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        StudySettings(**{"sizes": (8,), "steps": 2} | wrong)
