"""Public code of plug-ins: whether anybody can get a commit from an address, asked as a stranger would ask."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from tta_bench.errors import UserError
from tta_bench.records.limits import plain
from tta_bench.records.schema import PublicCode
from tta_bench.utils.download import offline

SECONDS = 30.0
"""Time that an address has to give a commit."""
_KEPT = ("GIT_SSL_CAINFO", "GIT_SSL_CAPATH")
"""Variables of git that say whom to trust; none of the others is handed on."""
_WORDS = {
    "not our ref": "it has no such commit",
    "unadvertised object": "it gives no commit that is not the end of a branch",
    "could not read Username": "it asks for a login, or is not there",
    "not found": "there is no repository",
    "not supported": "it leads to an address that is not https",
    "not allowed": "it leads to an address that is not https",
}
"""Reasons in plain words, by a part of what git says."""


def require_no_login(address: str) -> None:
    """Refuse an address with a login in it, which would be published with the record.

    Raises:
        UserError: The address has a name or a password.
    """
    parts = urlsplit(address)
    if parts.username is not None:
        raise UserError(
            "the address of --code has a login in it, and would be published with the record.",
            f"Say it without: {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}",
        )


def why_not_public(code: PublicCode, seconds: float = SECONDS) -> str | None:
    """Return the reason why a commit could not be got from its address by a stranger; None if it could.

    Git fetches the commit alone, over https only, also where it is led on. It knows neither the user's settings nor
    any login: code that only its owner can get is not public.

    Args:
        code: Address and commit.
        seconds: Time that the address has.
    """
    git = shutil.which("git")
    if git is None:
        return "there is no git on this machine to ask with"
    if offline():
        return "the network was not used, because TTA_BENCH_OFFLINE is set"
    with tempfile.TemporaryDirectory() as scratch:
        for words in (
            ("init", "--quiet", "--bare", scratch),
            ("remote", "add", "origin", code.address),
            ("fetch", "--quiet", "--no-tags", "--depth=1", "--filter=tree:0", "origin", code.commit),
            ("rev-parse", "--quiet", "--verify", f"{code.commit}^{{commit}}"),
        ):
            problem = _run([git, *words], Path(scratch), seconds)
            if problem is not None:
                return problem
    return None


def _run(words: list[str], scratch: Path, seconds: float) -> str | None:
    """Run git in a folder; return the reason why it failed, if it did."""
    process = subprocess.Popen(
        words,
        cwd=scratch,
        env=_environment(scratch),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _, said = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"it gave no answer within {seconds:g} s"
    finally:
        if process.poll() is None:  # git's own helpers hold the connection, so all of them are ended
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode == 0:
        return None
    lines = said.decode("utf-8", "replace").strip().splitlines() or ["git says no reason"]
    text = next((line for line in reversed(lines) if line.startswith("fatal: ")), lines[-1])
    known = (reason for part, reason in _WORDS.items() if part in said.decode("utf-8", "replace"))
    return next(known, plain(text.removeprefix("fatal: "))[:200])


def _environment(scratch: Path) -> dict[str, str]:
    """Return the environment of a stranger's git: no settings, no login, no question, and no way but https."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in _KEPT}
    return kept | {
        "HOME": str(scratch),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "GIT_ALLOW_PROTOCOL": "https",
    }
