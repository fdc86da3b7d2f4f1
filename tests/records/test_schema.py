from __future__ import annotations

import ast
import inspect
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from tests.records.some_intensities import some_intensities, some_truth, write_reaction
from tests.records.some_records import some_record
from tta_bench.records.identity import Part
from tta_bench.records.schema import FileRef, Record
from tta_bench.records.store import read_record

SCHEMA = Path(__file__).parent / "record.schema.json"


def refusal(**changes: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        some_record(**changes)
    return str(caught.value)


def models(model: type[BaseModel]) -> set[type[BaseModel]]:
    """Return a model and those of its fields that are parts of records."""
    inner = {part for field in model.model_fields.values() for part in parts(field.annotation)}
    return {model}.union(*(models(part) for part in inner))


def parts(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return [annotation]
    return [part for argument in getattr(annotation, "__args__", ()) for part in parts(argument)]


def docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstrings of a model's fields. Reading them takes longer than reading a record, so models do not."""
    (defined,) = ast.parse(inspect.getsource(model)).body
    assert isinstance(defined, ast.ClassDef)
    return {
        field.target.id: inspect.cleandoc(words.value.value)
        for field, words in pairwise(defined.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(words, ast.Expr) and isinstance(words.value, ast.Constant) and isinstance(words.value.value, str)
    }


def test_json_schema_is_the_committed_one() -> None:
    """A record's layout changes on purpose only; its version is raised where records of before would not load."""
    schema = Record.model_json_schema()
    for model in models(Record):
        fields = (schema if model is Record else schema["$defs"][model.__name__])["properties"]
        for name, words in docstrings(model).items():
            fields[name]["description"] = words
    assert schema == json.loads(SCHEMA.read_text())


def test_every_field_is_documented() -> None:
    missing = [f"{m.__name__}.{name}" for m in models(Record) for name in m.model_fields.keys() - docstrings(m).keys()]
    assert len(models(Record)) > 10
    assert not missing


def test_a_record_survives_json() -> None:
    record = some_record()
    assert Record.model_validate_json(record.model_dump_json()) == record


def test_paths_are_taken_out_of_a_cause() -> None:
    record = some_record(status="error", cause="cannot open '/home/me/v.avi': no such file")
    assert record.cause == "cannot open '<path>': no such file"


@pytest.mark.parametrize("name", ["../x.npz", "a/x.npz", "/x.npz", "..", ".x.npz", "a\\x.npz", "x.npz\n", ""])
def test_a_file_outside_the_folder_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        FileRef(name=name, sha256="0" * 64)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "success"}, "must score all samples: 0 of 96"),
        ({"status": "success", "n_scored": 96}, "its score 'top1'"),
        ({"status": "error"}, "needs its cause"),
        ({"status": "finished"}, "status"),
        ({"created": "yesterday"}, "created"),
        ({"n_expected": "96"}, "n_expected"),
        ({"n_expected": 9.5}, "n_expected"),
        ({"host": "here"}, "host"),
        ({"per_class": {"A": float("nan")}}, "finite"),
        ({"schema_version": 2}, "schema_version"),
    ],
)
def test_what_cannot_be_true_is_refused(changes: dict[str, Any], reason: str) -> None:
    assert reason in refusal(**changes)


def test_a_record_of_classes_shows_nothing_of_this() -> None:
    from tests.records.some_records import some_record

    data = some_record().model_dump(mode="json")
    assert not {"undefined", "verifiable_with"} & data.keys()


def test_new_fields_survive_json(tmp_path: Path) -> None:
    path = write_reaction(tmp_path, some_intensities(truth=some_truth(known=False)), hidden=True)
    data = json.loads(path.read_text())
    assert (data["undefined"], data["verifiable_with"], data["outcomes"]) == ([], "data.root", None)
    assert data["metrics"]["pearson"]["resampled"] == "samples"
    assert Record.model_validate_json(path.read_text()) == read_record(path)
