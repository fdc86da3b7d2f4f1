from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Done
from tests.records.some_keys import needs_ssh_keygen, some_key, trust
from tests.records.some_records import some_predictions, write_success
from tta_bench.records.attest import attestation_file
from tta_bench.records.store import read_record, write_record

Command = Callable[..., Done]
SHORT = ("backbone=timm/test_resnet", "limit=16", "train.steps=1", "eval.segments=1", "eval.crops=1")


@pytest.mark.acceptance
@needs_ssh_keygen
def test_a_checkpoint_is_tested_again_and_what_it_gives_is_signed(tmp_path: Path, command: Command) -> None:
    work = tmp_path / "runs"
    for seed in (0, 1):
        assert command("run", "protocol=ucf101_ft", *SHORT, f"seed={seed}", "--work-dir", work).code == 0
    first, second = sorted((work / "records").glob("*.json"))
    key = some_key(tmp_path, "ann")
    done = command("attest", first, "--key", key, "--work-dir", work)
    assert (done.code, "the test phase gave the recorded predictions" in done.out) == (0, True), done.err
    trusted = trust(tmp_path / "maintainers", key)
    assert "; retested by ann (its own record)" in command("verify", first, "--maintainers", trusted).out
    # the checkpoint of another seed
    (other,) = work.glob("*seed1*/checkpoint.pt")
    done = command("attest", first, "--key", key, "--work-dir", work, "--checkpoint", other)
    assert (done.code, "is not the checkpoint of this run" in done.err) == (1, True), done.err
    # predictions of another seed
    ours, theirs = read_record(first), read_record(second)
    write_record(ours.model_copy(update={"predictions": theirs.predictions}), first.parent)
    assert command("attest", first, "--key", key, "--work-dir", work).code == 1
    # a run key that does not follow from the settings
    write_record(ours, first.parent)
    copied = ours.identity.model_copy(update={"run_key": theirs.identity.run_key})
    forged = write_record(ours.model_copy(update={"identity": copied}), tmp_path / "copied")
    done = command("attest", forged, "--key", key, "--work-dir", work)
    assert (done.code, "is no file of this record's" in done.err) == (1, True), done.err
    done = command("attest", second, "--key", key, "--work-dir", work, "--word", "rerun")
    assert (done.code, "rerun: signed with ann" in done.out) == (0, True), done.err
    assert "; rerun by ann" in command("verify", second, "--maintainers", trusted).out


@pytest.mark.parametrize(
    ("changes", "words", "code", "named"),
    [
        ({"origin": "scored"}, (), 2, "there is no model to test"),
        ({}, ("--word", "retested"), 2, "are not beside it"),
        ({}, ("--key", "none"), 2, "there is no key"),
    ],
)
def test_what_cannot_be_attested_is_named(
    tmp_path: Path, command: Command, changes: dict[str, str], words: tuple[str, ...], code: int, named: str
) -> None:
    path = write_success(tmp_path, some_predictions(), **changes)
    (tmp_path / "key").write_text("a key")
    given = words if "--key" in words else (*words, "--key", tmp_path / "key")
    done = command("attest", path, *given)
    assert (done.code, named in done.err) == (code, True), done.err
    assert not attestation_file(path).exists()
