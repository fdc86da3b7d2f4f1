"""What is promised of attestations: two keys attest, verify and are revoked by commands, whose words are printed.

Ann's lab measures; Ann and Bob attest; Eve has a key that nobody trusts. What the commands print is shown.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import warm
from tests.cli.conftest import Done
from tests.cli.conftest import command as command
from tests.records.some_keys import needs_ssh_keygen, some_key, trust
from tta_bench.records.attest import attestation_file
from tta_bench.records.store import read_record, record_files, write_record

pytestmark = [pytest.mark.acceptance, needs_ssh_keygen]
SHORT = ("backbone=timm/test_resnet", "limit=16", "train.steps=1", "eval.segments=1", "eval.crops=1")
Say = Callable[..., list[str]]


@pytest.fixture
def say(
    command: Callable[..., Done], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Say:
    """Runs a command in the test's folder, prints it with what it printed, and returns its lines and exit code."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> list[str]:
        done = command(*words)
        lines = [line for line in (done.out + done.err).splitlines() if line]
        with capsys.disabled():
            print("\n".join(["", f"$ tta-bench {' '.join(map(str, words))}", *lines, f"(exit {done.code})"]))
        return [*lines, f"exit {done.code}"]

    return run


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder with two short runs, seeds 0 and 1."""
    folder = tmp_path_factory.mktemp("lab") / "runs"
    warm.tta_bench("run", "protocol=ucf101_ft", *SHORT, "seed=0,1", "--work-dir", folder)
    return folder


def boards_of_a_lab(work: Path, folder: Path) -> list[Path]:
    """Copy the records of a work folder to boards as measured by ``lab``; return them."""
    shutil.copytree(work / "records", folder / "records")
    for file in record_files(folder / "records"):
        record = read_record(file)
        file.unlink()
        write_record(record.model_copy(update={"party": "lab"}), folder / "records")
    return record_files(folder / "records")


def attesting(say: Say, work: Path, folder: Path) -> Say:
    """Return the command that attests a record below a folder by the name of a key in it."""

    def attest(record: Path, key: str, *words: object) -> list[str]:
        place = ("--work-dir", os.path.relpath(work, folder))
        return say("attest", record.relative_to(folder), "--key", f"keys/{key}", *words, *place)

    return attest


def test_3_two_keys_attest_verify_and_are_revoked(say: Say, work: Path, tmp_path: Path) -> None:
    first, second = boards_of_a_lab(work, tmp_path / "boards")
    name = first.name
    ann, bob, eve = (some_key(tmp_path / "keys", who) for who in ("ann@lab", "bob@elsewhere", "eve"))
    trusted = trust(tmp_path / "maintainers", ann, bob)

    attest = attesting(say, work, tmp_path)

    def attested(key: Path, *words: object) -> list[str]:
        return attest(first, key.name, *words)

    def verified(keys: Path = trusted) -> list[str]:
        return say("verify", first.relative_to(tmp_path), "--maintainers", keys.relative_to(tmp_path))

    # nobody has attested yet, and a part of the test list is none that is official
    assert verified()[0].startswith(f"arithmetic {name}: ")
    # Ann attests her own lab's record, which is marked; Bob's training again is not
    assert "retested: signed with ann@lab" in attested(ann)
    own = verified()
    assert own[0].startswith(f"retested {name}: ")
    assert own[0].endswith("retested by ann@lab (its own record)")
    assert own[-1] == "exit 0"
    assert "rerun: signed with bob@elsewhere" in attested(bob, "--word", "rerun")
    both = verified()
    assert both[0].startswith(f"rerun {name}: ")
    assert both[0].endswith("rerun by bob@elsewhere")
    assert both[1:] == ["1 record: 1 rerun", "exit 0"]
    good = attestation_file(first).read_text()

    # revoked: what is dated before the end of a key stays, what is dated later fails
    for until, word, exits in (("20991231", "rerun", 0), ("20200101", "FAILED", 1)):
        keys = trust(tmp_path / f"until_{until}", ann)
        said = verified(trust(keys, bob, until=until))
        assert said[0].startswith(f"{word} {name}: ")
        assert said[-1] == f"exit {exits}"
    assert "attestation 2: its date " in said[0]
    assert "is outside the validity of the key SHA256:" in said[0]

    # a key that nobody trusts
    attestation_file(first).unlink()
    assert "retested: signed with eve" in attested(eve)
    said = verified()
    assert f"FAILED {name}: {attestation_file(first).name}, attestation 1: it is signed by an unknown key" in said[0]
    assert said[-1] == "exit 1"
    # the attestation of another record
    attestation_file(first).write_text(good)
    shutil.copy(attestation_file(first), attestation_file(second))
    said = say("verify", "boards/records", "--maintainers", "maintainers")
    assert f"attestation 1: it is of another record, {read_record(first).content_sha256[:12]}" in "".join(said)
    assert "2 records: 1 rerun, 1 FAILED" in said
    assert said[-1] == "exit 1"
    attestation_file(second).unlink()
    # a wrong signature: another word than the one that was signed, and the signature of another statement
    attestation_file(first).write_text(good.replace("retested", "rerun", 1))
    assert "its signature is not of this text: it was edited, or is none" in verified()[0]
    swapped = json.loads(good)
    one, two = swapped["attestations"]
    one["signature"], two["signature"] = two["signature"], one["signature"]
    attestation_file(first).write_text(json.dumps(swapped))
    said = verified()
    assert said[0].startswith(f"FAILED {name}: ")
    assert said[-1] == "exit 1"
    attestation_file(first).write_text(good)


def test_3_keys_are_those_of_the_base_branch_and_change_alone(say: Say, work: Path, tmp_path: Path) -> None:
    record, other = boards_of_a_lab(work, tmp_path / "base")
    for file in (tmp_path / "base" / "records").glob(f"{other.stem}*"):
        file.unlink()
    ann, eve = (some_key(tmp_path / "keys", who) for who in ("ann@other", "eve"))
    trust(tmp_path / "base" / "maintainers", ann)
    attest = attesting(say, work, tmp_path)
    shutil.copytree(tmp_path / "base", tmp_path / "proposal")
    ours = tmp_path / "proposal" / "records" / record.name
    assert attest(ours, "eve")[-1] == "exit 0"
    trust(tmp_path / "proposal" / "maintainers", eve)
    # by its own keys the proposal is good; CI reads those of the branch that it goes to
    by_itself = say("verify", "proposal/records")
    assert by_itself[0].endswith("retested by eve")
    assert by_itself[-1] == "exit 0"
    by_base = say("verify", "proposal/records", "--maintainers", "base/maintainers", "--since", "base")
    assert "it is signed by an unknown key" in by_base[0]
    assert by_base[-1] == "exit 1"
    # keys and an attestation that holds, in one change
    assert attest(ours, "ann@other")[-1] == "exit 0"
    attestations = json.loads(attestation_file(ours).read_text())
    attestations["attestations"] = attestations["attestations"][1:]
    attestation_file(ours).write_text(json.dumps(attestations))
    together = say("verify", "proposal/records", "--maintainers", "base/maintainers", "--since", "base")
    assert together[0].endswith("retested by ann@other")
    assert "KEYS maintainers was changed together with records: change the keys first, by themselves" in together
    assert together[-1] == "exit 1"
    # keys alone
    attestation_file(ours).unlink()
    assert say("verify", "proposal/records", "--maintainers", "base/maintainers", "--since", "base")[-1] == "exit 0"


def test_3_without_ssh_keygen_signatures_are_not_checked(
    say: Say, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, _ = boards_of_a_lab(work, tmp_path / "boards")
    ann = some_key(tmp_path / "keys", "ann@other")
    trust(tmp_path / "maintainers", ann)
    attest = attesting(say, work, tmp_path)
    words = ("boards/records", "--maintainers", "maintainers")
    assert attest(record, "ann@other")[-1] == "exit 0"
    assert say("verify", *words)[-1] == "exit 0"
    monkeypatch.setenv("PATH", str(tmp_path))
    said = say("verify", *words)
    assert said[0].startswith(f"arithmetic {record.name}: ")
    assert "signatures not checked" in said[0]
    assert "error: signatures not checked: there is no ssh-keygen on this machine." in said
    assert said[-1] == "exit 1"
    assert "nothing can be signed" in "".join(attest(record, "ann@other"))
