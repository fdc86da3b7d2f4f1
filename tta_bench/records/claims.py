"""Claims in a work folder: a piece of work is done by one process, and the others know of it.

A claim is a file that its owner makes exclusively, renews while it works, and removes. It names no machine and no user.
A process of the same machine that has ended is known by its tag; of any other, silence is judged by the clock of the
one who waits, never by times that two machines wrote. A claim is taken over by renaming it away; so an owner that wakes
up late finds that its token is gone, and stops before it writes anything.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tta_bench.errors import BenchError, RunFailed
from tta_bench.records import status
from tta_bench.utils.files import temporary_path
from tta_bench.utils.processes import is_gone, process_tag
from tta_bench.utils.progress import console

POLL_SECONDS = 1.0
"""Time between two looks of a process that waits."""
HINT = " --wait waits for it."
PATIENCE_SECONDS = 3.0
"""Time for which an owner looks again for a token that is not there: it may just be put back."""


class Claimed(BenchError):
    """Work that another process does at this moment.

    Args:
        message: The work, in words.
        path: The file of the claim.
    """

    exit_code = 0

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message + HINT)
        self.path = path


class Seen(NamedTuple):
    """Content of another process's claim at a moment."""

    token: str
    """Its owner's token; the whole text where it cannot be read."""
    process: str
    """Tag of its owner's process; empty where it cannot be read."""
    sign: tuple[int, str]
    """Sign of life: it changes while the owner lives."""
    silence: float
    """Seconds since it changed, by the clocks of both machines: for people only."""


class Claim:
    """A claim of this process's own.

    Args:
        path: Its file.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.token = path, secrets.token_hex(16)
        self._beats = 0
        self._file: int | None = None

    def take(self) -> Seen | None:
        """Make the claim, or return the one that is there; one whose owner has ended is taken over."""
        while not self._make():
            seen = look(self.path)
            if seen is not None and not (is_gone(seen.process) and take_away(self.path, seen.token)):
                return seen
        return None

    def renew(self) -> None:
        """Give a sign of life. It goes into the file that was made, wherever that has been renamed to."""
        if self._file is not None:
            self._beats += 1
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, self._text())

    def require(self) -> None:
        """Check that the claim is still there.

        Raises:
            RunFailed: Another process took it over.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (seen := look(self.path)) is None and time.monotonic() < deadline:
            time.sleep(PATIENCE_SECONDS / 30)
        if seen is None or seen.token != self.token:
            raise RunFailed(
                f"another process has taken over {self.path.parent.name}, since this one was silent for too long.",
                "This one writes nothing more. The other one's result counts.",
            )

    def release(self) -> None:
        """Remove the claim, if it is still this process's."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
            seen = look(self.path)
            if seen is not None and seen.token == self.token:
                take_away(self.path, self.token)
            with suppress(OSError):
                self.path.parent.rmdir()  # where nothing else was made

    def _text(self) -> bytes:
        said = {"token": self.token, "process": process_tag(), "beats": f"{self._beats:012d}"}
        return (json.dumps(said) + "\n").encode()

    def _make(self) -> bool:
        """Make the file exclusively, with its content; return False if there is one."""
        temporary = temporary_path(self.path)
        while True:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                file = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
                break
            except FileNotFoundError:
                continue  # another process has just removed the empty folder
        try:
            os.write(file, self._text())
            if not _link(temporary, self.path):
                os.close(file)
                return False
        finally:
            temporary.unlink(missing_ok=True)
        self._file = file
        return True


def look(path: Path) -> Seen | None:
    """Return the content of a claim, or None if there is none."""
    try:
        text, stat = path.read_text(encoding="utf-8", errors="replace"), path.stat()
    except FileNotFoundError:
        return None
    silence = max(0.0, time.time() - stat.st_mtime)
    try:
        said = json.loads(text)
        return Seen(str(said["token"]), str(said["process"]), (stat.st_mtime_ns, str(said["beats"])), silence)
    except (ValueError, TypeError, LookupError):
        return Seen(text, "", (stat.st_mtime_ns, ""), silence)


def take_away(path: Path, token: str) -> bool:
    """Rename a claim of a certain token away and remove it; one that is another's by then is put back.

    Returns:
        True if it was this one.
    """
    away = temporary_path(path)
    try:
        path.rename(away)
    except FileNotFoundError:
        return False
    seen = look(away)
    was_it = seen is not None and seen.token == token
    if not was_it:
        _link(away, path)
    away.unlink(missing_ok=True)
    return was_it


def wait_for(path: Path, only: Seen | None = None) -> bool:
    """Return when a claim is gone; one that gives no sign of life for as long as a lease is taken away.

    The time is measured by this process's own clock.

    Args:
        path: Its file.
        only: The claim as it was seen: return as well when it gives a sign of life.

    Returns:
        True if there is no claim now.
    """
    sign, since = None, time.monotonic()
    while (seen := look(path)) is not None:
        if only is not None and (seen.token, seen.sign) != (only.token, only.sign):
            return False
        if (seen.token, seen.sign) != sign:
            sign, since = (seen.token, seen.sign), time.monotonic()
        if is_gone(seen.process) or time.monotonic() - since > status.LEASE.total_seconds():
            take_away(path, seen.token)
        else:
            time.sleep(POLL_SECONDS)
    return True


class Claims:
    """The claims of one experiment, renewed by a thread while it runs."""

    def __init__(self) -> None:
        self._held: list[Claim] = []
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, path: Path, work: str) -> None:
        """Claim a piece of work.

        Args:
            path: File of the claim.
            work: The work, as in ``NAME is being trained``.

        Raises:
            Claimed: Another process does it.
        """
        claim = Claim(path)
        while (seen := claim.take()) is not None:
            said = f"{work} by another process (last heard of {seen.silence:,.0f} s ago)."
            if seen.silence < status.LEASE.total_seconds():
                raise Claimed(said, path)
            minutes = status.LEASE.total_seconds() / 60
            console.print(f"{said} It is watched for {minutes:.0f} minutes, and taken over if it stays silent.")
            if not wait_for(path, seen):
                raise Claimed(f"{work} by another process (it has just been heard of).", path)
        self._held.append(claim)
        if self._thread is None:
            self._thread = threading.Thread(target=self._renew, daemon=True)
            self._thread.start()

    def require(self) -> None:
        """Check that all claims are still there.

        Raises:
            RunFailed: Another process took one over.
        """
        for claim in self._held:
            claim.require()

    def drop(self, path: Path) -> None:
        """Remove one claim, if it is held."""
        for claim in [claim for claim in self._held if claim.path == path]:
            self._held.remove(claim)
            claim.release()

    def release(self) -> None:
        """Remove the claims and end the thread."""
        self._done.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._done.clear()
        while self._held:
            self._held.pop().release()

    def _renew(self) -> None:
        while not self._done.wait(status.HEARTBEAT.total_seconds()):
            for claim in tuple(self._held):
                with suppress(OSError):  # tried again; the lease is many times as long
                    claim.renew()


def _link(source: Path, target: Path) -> bool:
    """Give a file a second name, exclusively; return False if the name is taken."""
    try:
        os.link(source, target)
    except FileExistsError:
        return False
    except OSError:  # a file system without links: the name is made exclusively, then filled
        try:
            file = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        except FileExistsError:
            return False
        os.close(file)
        source.replace(target)
    return True
