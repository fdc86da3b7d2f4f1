"""SSH keys and files of trusted keys, for the tests of attestations."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tta_bench.records.signatures import NAMESPACE

needs_ssh_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="there is no ssh-keygen")


def some_key(folder: Path, name: str) -> Path:
    """Return a new private key without a passphrase; its public one lies beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)]
    subprocess.run(words, check=True, timeout=60)
    return folder / name


def trust(file: Path, *keys: Path, until: str | None = None) -> Path:
    """Add keys to a file of trusted keys, each under its file's name, and return that file."""
    options = f'namespaces="{NAMESPACE}"' + (f',valid-before="{until}"' if until else "")
    with file.open("a", encoding="utf-8") as stream:
        for key in keys:
            kind, blob, *_ = key.with_name(f"{key.name}.pub").read_text(encoding="utf-8").split()
            stream.write(f"{key.name} {options} {kind} {blob}\n")
    return file
