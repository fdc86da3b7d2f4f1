from __future__ import annotations

from typing import Any

import pytest

import tta_bench
from tests.records.some_records import some_environment, some_record
from tta_bench.config.resolve import resolve
from tta_bench.experiments.base import NUMERICS_VERSION, Experiment
from tta_bench.protocols.base.identity import identity_of
from tta_bench.protocols.base.standing import Standing, data_key
from tta_bench.records.identity import WeightsRef
from tta_bench.records.plausible import implausible
from tta_bench.records.run_keys import possible_run_keys, run_key_problem
from tta_bench.records.schema import Plugin, Record

MANIFEST, BYTES, FILE = ("a" * 64, "b" * 64, "c" * 64)


def measured(experiment: Experiment, contents: str | None = None, start: str | None = None, **changes: Any) -> Record:
    """Return the record of a run of an experiment that has just started, with the key that the run gives it."""
    standing = Standing(contents=contents)
    training = experiment.training_identity(data_key(MANIFEST, standing), start, "fp32")
    weights = None if start is None else WeightsRef(name="mine", sha256=FILE, pretraining=None)
    identity = identity_of(
        experiment,
        experiment.backbone.name,
        experiment.run_key(training),
        part="val" if experiment.protocol.name == "abaw_eri" else None,
        manifest=MANIFEST,
        standing=standing,
        weights=weights,
        precision="fp32",
    )
    environment = some_environment().model_copy(
        update={"suite_version": tta_bench.__version__, "numerics": NUMERICS_VERSION}
    )
    return some_record(
        **{"identity": identity, "resolved": experiment.settings(), "environment": environment, **changes}
    )


def resolved(*words: str) -> Experiment:
    (experiment,) = resolve([*words, "weights=none"])
    return experiment


@pytest.mark.parametrize(
    "words",
    [
        ("protocol=ucf101_ft", "backbone=resnet18"),
        ("protocol=ucf101_ft", "backbone=videomaev2_vit_tiny", "train.steps=3", "seed=2"),
        ("protocol=hmdb51_ft", "backbone=resnet50", "split=3", "limit=9"),
        ("protocol=ucf101_linear", "backbone=resnet18"),
        ("protocol=ucf101_knn", "backbone=resnet50"),
        ("protocol=abaw_eri", "backbone=resnet50+egemaps"),
    ],
)
@pytest.mark.parametrize("contents", [None, BYTES])
def test_the_key_of_a_run_is_computed_from_its_record(words: tuple[str, ...], contents: str | None) -> None:
    record = measured(resolved(*words), contents)
    assert possible_run_keys(record) == {record.identity.run_key}
    assert run_key_problem(record) is None


@pytest.mark.parametrize("start", [FILE, f"tested as they are: {FILE}"])
def test_weights_are_trained_from_or_tested(start: str) -> None:
    record = measured(resolved("protocol=ucf101_ft", "backbone=resnet18"), start=start)
    assert len(possible_run_keys(record)) == 2
    assert run_key_problem(record) is None
    with_key = record.model_copy(update={"given": ("protocol=ucf101_ft", "weights=file.pth:teacher")})
    assert possible_run_keys(with_key) == frozenset()  # the copy in the file is not recorded


CHANGES: dict[str, dict[str, Any]] = {
    "invented": {"run_key": "d" * 64},
    "other backbone": {"backbone": "resnet50"},
    "other seed": {"seed": 1},
    "other split": {"split": "2"},
    "other tier": {"tier": "full"},
    "other precision": {"precision": "bf16"},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_key_that_is_not_the_experiments_is_found(change: str) -> None:
    record = measured(resolved("protocol=ucf101_ft", "backbone=resnet18"))
    other = record.model_copy(update={"identity": record.identity.model_copy(update=CHANGES[change])})
    said = run_key_problem(other)
    assert said is not None
    assert said.startswith(f"run key: {other.identity.run_key[:12]} is not that of this experiment, ")
    assert said in implausible(other)


def test_other_data_settings_or_plugins_have_another_key() -> None:
    record = measured(resolved("protocol=ucf101_ft", "backbone=resnet18"), BYTES)
    data = record.identity.dataset
    changed = [
        record.model_copy(
            update={"identity": record.identity.model_copy(update={"dataset": data.model_copy(update=update)})}
        )
        for update in ({"manifest_sha256": "d" * 64}, {"contents_sha256": "d" * 64}, {"contents_sha256": None})
    ]
    train = record.resolved["train"]
    assert isinstance(train, dict)
    changed.append(record.model_copy(update={"resolved": record.resolved | {"train": train | {"steps": 1}}}))
    changed.append(record.model_copy(update={"resolved": {"eval": record.resolved["eval"]}}))
    assert record.environment is not None
    plugins = (Plugin(name="mine", version="1", sha256=None),)
    changed.append(
        record.model_copy(update={"environment": record.environment.model_copy(update={"plugins": plugins})})
    )
    assert all(run_key_problem(other) is not None for other in changed)


def test_what_another_version_measured_keeps_its_key() -> None:
    record = measured(resolved("protocol=ucf101_ft", "backbone=resnet18"))
    assert record.environment is not None
    for update in ({"suite_version": "0.0.1"}, {"numerics": NUMERICS_VERSION - 1}, {"numerics": None}):
        older = record.model_copy(update={"environment": record.environment.model_copy(update=update)})
        assert possible_run_keys(older) == frozenset()
    for identity in ({"backbone": "hf/nobodys"}, {"backbone": "nobodys"}):
        unknown = record.model_copy(update={"identity": record.identity.model_copy(update=identity)})
        assert possible_run_keys(unknown) == frozenset()
    scored = record.model_copy(update={"origin": "scored", "environment": None})
    assert possible_run_keys(scored) == frozenset()


def test_boards_need_no_timm_for_a_model_that_only_timm_knows() -> None:
    """Its card is completed by timm, so its key is not computed, and nothing is held against it."""
    record = measured(resolved("protocol=ucf101_ft", "backbone=timm/test_resnet"), None)
    assert possible_run_keys(record) == frozenset()
    assert run_key_problem(record) is None
