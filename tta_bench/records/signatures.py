"""Signatures by SSH keys, made and checked by OpenSSH's ``ssh-keygen -Y``; no shell takes part."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from tta_bench.errors import UserError
from tta_bench.records.limits import plain

NAMESPACE = "tta-bench-attestation"
"""Namespace of the signatures: one made for mail or git is none of an attestation."""
_FIRST, _LAST = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_SECONDS = 60.0
NO_KEYGEN = "there is no ssh-keygen (OpenSSH 8.9 or newer) on this machine"


class Signer(NamedTuple):
    """Result of looking for who signed a text."""

    name: str = ""
    """The signer's name in the file of keys."""
    problem: str | None = None
    """The reason why the signature does not hold, in words."""
    unchecked: bool = False
    """There is no ``ssh-keygen``."""


def require_keygen() -> str:
    """Return the path of ``ssh-keygen``; raises UserError where there is none."""
    program = shutil.which("ssh-keygen")
    if program is None:
        raise UserError(f"{NO_KEYGEN}, so nothing can be signed.")
    return program


def sign(text: bytes, key: Path) -> str:
    """Return the signature of a text, without its first and last line; a passphrase is asked for on the terminal.

    Args:
        text: The text.
        key: The private key; or a public one, whose private one an agent has.

    Raises:
        UserError: There is no ``ssh-keygen``, no such key, or it cannot sign.
    """
    program = require_keygen()
    if not key.is_file():
        raise UserError(f"there is no key {key}.", "Say --key FILE, or make one: ssh-keygen -t ed25519 -f FILE")
    words = [program, "-Y", "sign", "-f", str(key.resolve()), "-n", NAMESPACE]
    done = subprocess.run(words, input=text, capture_output=True, timeout=600, check=False)
    lines = done.stdout.decode("ascii", "replace").split()
    body = "".join(done.stdout.decode("ascii", "replace").replace(_FIRST, "").replace(_LAST, "").split())
    if done.returncode or not lines or not re.fullmatch(r"[A-Za-z0-9+/=]+", body):
        raise UserError(f"ssh-keygen cannot sign with {key}: {_said(done)}.")
    return body


def signer_of(text: bytes, signature: str, date: str, maintainers: Path | None) -> Signer:
    """Return the signer of a text, if its key is trusted and was valid at a date.

    Args:
        text: The signed text.
        signature: Its signature, without the first and last line.
        date: Time of the signature, ``2026-01-31T12:00:00Z``.
        maintainers: File of trusted keys in OpenSSH's ``allowed_signers`` form; None where there is none.
    """
    if shutil.which("ssh-keygen") is None:
        return Signer(unchecked=True)
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "signature"
        file.write_text(f"{_FIRST}\n{signature}\n{_LAST}\n", encoding="ascii")
        good = _keygen("check-novalidate", text, file)
        if good.returncode:
            return Signer(problem=f"its signature is not of this text: it was edited, or is none ({_said(good)})")
        found = re.search(rb"SHA256:[A-Za-z0-9+/]+", good.stdout)
        key = found[0].decode() if found else "of an unknown kind"
        if maintainers is None or not maintainers.is_file():
            return Signer(problem=f"it is signed by the key {key}, and there is no file of trusted keys")
        trusted = str(maintainers.resolve())
        time = ("-O", "verify-time=" + re.sub(r"[-:TZ]", "", date))
        who = _keygen("find-principals", b"", file, "-f", trusted, *time)
        names = who.stdout.decode("utf-8", "replace").splitlines()
        if who.returncode or not names:
            if key not in fingerprints(maintainers):
                return Signer(problem=f"it is signed by an unknown key, {key}")
            return Signer(problem=f"its date {date} is outside the validity of the key {key}")
        name = names[0].split(",")[0]
        holds = _keygen("verify", text, file, "-f", trusted, "-I", name, *time)
        if holds.returncode:
            return Signer(problem=f"its signature by {plain(name)} does not hold ({_said(holds)})")
        return Signer(plain(name))


def fingerprints(maintainers: Path) -> set[str]:
    """Return the fingerprints of the keys in a file of trusted keys, whatever their validity."""
    found = set()
    lines = maintainers.read_text(encoding="utf-8", errors="replace").splitlines()
    for word in " ".join(line for line in lines if not line.startswith("#")).split():
        if word.startswith("AAAA"):
            try:
                content = base64.b64decode(word, validate=True)
            except (binascii.Error, ValueError):
                continue
            digest = base64.b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
            found.add(f"SHA256:{digest}")
    return found


def _keygen(task: str, text: bytes, signature: Path, *more: str) -> subprocess.CompletedProcess[bytes]:
    """Run ``ssh-keygen -Y`` on a signature; times without a zone are in UTC wherever it runs."""
    program = shutil.which("ssh-keygen") or "ssh-keygen"
    space = () if task == "find-principals" else ("-n", NAMESPACE)
    words = [program, "-Y", task, *space, "-s", str(signature), *more]
    environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C"}
    return subprocess.run(words, input=text, capture_output=True, env=environment, timeout=_SECONDS, check=False)


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return the last words of a program on one line."""
    lines = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
    return plain(lines[-1])[:200] if lines else f"it ended with {done.returncode}"
