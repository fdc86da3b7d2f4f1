from __future__ import annotations

from pathlib import Path

import pytest

from tests.records.some_keys import needs_ssh_keygen, some_key, trust
from tta_bench.errors import UserError
from tta_bench.records.signatures import fingerprints, sign, signer_of

DATE = "2026-11-25T12:00:00Z"


@needs_ssh_keygen
def test_a_signature_holds_for_its_text_its_key_and_its_date(tmp_path: Path) -> None:
    key, other = some_key(tmp_path, "ann@lab"), some_key(tmp_path, "bob@lab")
    trusted = trust(tmp_path / "trusted", key)
    signature = sign(b"text", key)
    assert signer_of(b"text", signature, DATE, trusted) == ("ann@lab", None, False)
    assert "it was edited" in str(signer_of(b"texts", signature, DATE, trusted).problem)
    broken = signature[:200] + ("A" if signature[200] != "A" else "B") + signature[201:]
    assert signer_of(b"text", broken, DATE, trusted).problem
    assert "signed by an unknown key, SHA256:" in str(signer_of(b"text", sign(b"text", other), DATE, trusted).problem)
    assert "no file of trusted keys" in str(signer_of(b"text", signature, DATE, None).problem)
    (fingerprint,) = fingerprints(trusted)
    assert fingerprint.startswith("SHA256:")


@needs_ssh_keygen
@pytest.mark.parametrize(("until", "holds"), [("20261126", True), ("20261125", False), ("20261125120001Z", True)])
def test_an_end_of_validity_is_before_or_after_the_date(tmp_path: Path, until: str, holds: bool) -> None:
    key = some_key(tmp_path, "ann")
    trusted = trust(tmp_path / "trusted", key, until=until)
    problem = signer_of(b"text", sign(b"text", key), DATE, trusted).problem
    assert (problem is None) == holds
    assert holds or "is outside the validity of the key SHA256:" in str(problem)


@needs_ssh_keygen
def test_what_cannot_sign_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no key"):
        sign(b"text", tmp_path / "none")
    (tmp_path / "text").write_text("no key")
    with pytest.raises(UserError, match="ssh-keygen cannot sign with"):
        sign(b"text", tmp_path / "text")


def test_without_ssh_keygen_nothing_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert signer_of(b"text", "AAAA", DATE, tmp_path / "trusted").unchecked
    with pytest.raises(UserError, match="there is no ssh-keygen"):
        sign(b"text", tmp_path / "key")
    monkeypatch.undo()
