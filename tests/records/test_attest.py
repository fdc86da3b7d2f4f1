from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.records.some_intensities import some_intensities, write_reaction
from tests.records.some_keys import needs_ssh_keygen, some_key, trust
from tests.records.some_records import some_predictions, write_success
from tta_bench.errors import CheckFailed
from tta_bench.records.attest import attest, attestation_file, check_attestations, largest_difference, statement_of
from tta_bench.records.schema import Record
from tta_bench.records.store import read_record, record_files, write_record
from tta_bench.records.verify import judge, may_rank, standing_of


def attested(file: Path, key: Path, word: Any = "retested", **changes: Any) -> Record:
    """Attest a record and return it."""
    record = read_record(file)
    statement = statement_of(record, word, "0.1.0")
    attest(record, file, statement.model_copy(update=changes), key)
    return record


@needs_ssh_keygen
def test_two_parties_attest_and_the_strongest_word_counts(tmp_path: Path) -> None:
    file = write_reaction(tmp_path / "records", some_intensities(), hidden=True)
    ann, bob = some_key(tmp_path, "ann"), some_key(tmp_path, "bob@lab")
    trusted = trust(tmp_path / "maintainers", ann, bob)
    record = read_record(file)
    assert standing_of(record, file.parent) == "arithmetic"
    assert not may_rank(record, "arithmetic")
    attested(file, ann)
    assert check_attestations(record, file, trusted)[:3] == ("retested", ("ann",), True)
    attested(file, bob, "rerun")
    assert standing_of(record, file.parent) == "rerun"
    assert judge(record, file.parent, maintainers=trusted).by == ("bob@lab",)
    assert may_rank(record, "retested")
    assert record_files(file.parent) == [file]


@needs_ssh_keygen
def test_ones_own_attestation_is_marked(tmp_path: Path) -> None:
    ann, bob = some_key(tmp_path, "ann@lab"), some_key(tmp_path, "bob@other")
    trusted = trust(tmp_path / "maintainers", ann, bob)
    file = write_success(tmp_path / "records", some_predictions(), party="lab")
    record = attested(file, ann)
    standing = judge(record, file.parent, maintainers=trusted)
    assert (standing.word, standing.own) == ("retested", True)
    assert standing.reason.endswith("retested by ann@lab (its own record)")
    attested(file, bob)
    assert not judge(record, file.parent, maintainers=trusted).own
    attested(file, ann, "rerun")
    standing = judge(record, file.parent, maintainers=trusted)
    assert (standing.word, standing.by, standing.own) == ("rerun", ("ann@lab",), True)  # bob signed the weaker word


@needs_ssh_keygen
@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"record_sha256": "b" * 64}, "it is of another record, bbbbbbbbbbbb"),
        ({"manifest_sha256": "c" * 64}, "about other data"),
        ({"date": "2020-01-01T00:00:00Z"}, "before the run ended"),
        ({"date": "2999-01-01T00:00:00Z"}, "which is not yet"),
    ],
)
def test_a_statement_about_something_else_is_named(tmp_path: Path, changes: dict[str, str], named: str) -> None:
    file = write_success(tmp_path / "records", some_predictions())
    key = some_key(tmp_path, "ann")
    record = attested(file, key, **changes)
    (problem,) = check_attestations(record, file, trust(tmp_path / "maintainers", key)).problems
    assert named in problem
    assert standing_of(record, file.parent) == "FAILED"


@needs_ssh_keygen
def test_an_edited_statement_or_one_of_a_strangers_key_is_named(tmp_path: Path) -> None:
    file = write_success(tmp_path / "records", some_predictions())
    ann, eve = some_key(tmp_path, "ann"), some_key(tmp_path, "eve")
    trusted = trust(tmp_path / "maintainers", ann)
    record = attested(file, eve)
    assert "an unknown key" in check_attestations(record, file, trusted).problems[0]
    attestation_file(file).unlink()
    attested(file, ann)
    text = attestation_file(file).read_text()
    attestation_file(file).write_text(text.replace("retested", "rerun"))
    assert "it was edited" in check_attestations(record, file, trusted).problems[0]
    for content in ("", "{}", '{"attestations": []}', json.dumps({"attestations": [1]}), "[" * 99_999):
        attestation_file(file).write_text(content)
        assert "is no attestation" in check_attestations(record, file, trusted).problems[0]


@needs_ssh_keygen
def test_an_attestation_of_an_earlier_record_leaves_the_file(tmp_path: Path) -> None:
    file = write_success(tmp_path / "records", some_predictions())
    key = some_key(tmp_path, "ann")
    trusted = trust(tmp_path / "maintainers", key)
    record = attested(file, key)
    write_record(record.model_copy(update={"finished": "2026-11-22T11:00:01Z"}), file.parent)
    assert check_attestations(read_record(file), file, trusted).problems
    assert check_attestations(attested(file, key), file, trusted).problems == ()


@needs_ssh_keygen
def test_without_ssh_keygen_the_word_is_that_of_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_success(tmp_path / "records", some_predictions())
    record = attested(file, some_key(tmp_path, "ann"))
    monkeypatch.setenv("PATH", str(tmp_path))
    standing = judge(record, file.parent, maintainers=tmp_path / "maintainers")
    monkeypatch.undo()
    assert (standing.word, standing.unchecked) == ("arithmetic", True)
    assert "signatures not checked" in standing.reason


def test_predictions_that_differ_are_not_attested() -> None:
    recorded = some_predictions()
    assert largest_difference(recorded, recorded) == 0
    near = replace(recorded, scores=recorded.scores + np.float32(0.005))
    assert 0.004 < largest_difference(recorded, near) < 0.006
    with pytest.raises(CheckFailed, match="differ by more than"):
        largest_difference(recorded, some_predictions(salt="other"))
    with pytest.raises(CheckFailed, match="other samples"):
        largest_difference(recorded, some_predictions(split="2"))
    assert largest_difference(some_intensities(), some_intensities()) == 0
