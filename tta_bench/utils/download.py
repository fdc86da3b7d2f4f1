"""Fetching a file over the network: whole or not at all, checked, gone on with, and only where that is allowed."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import tta_bench
from tta_bench.errors import UserError
from tta_bench.utils.files import atomic_file
from tta_bench.utils.partial import Partial, keep_partial, take_partial, validator_of
from tta_bench.utils.progress import Bar

PIECE = 2**20
"""Bytes read at once."""
TIMEOUT_SECONDS = 30.0
ATTEMPTS = 3
"""Answers that may be cut short before the user is asked to try again."""
PASSING = {416, 500, 502, 503, 504}
"""Answers that may be another the next time: a part that is not there any more (416), and a server's own faults."""
PAUSE_SECONDS = 0.5
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Errors of a disk, not of a network."""
HUB = "https://huggingface.co/"
"""Beginning of addresses that ``HF_ENDPOINT`` replaces by a mirror."""


class _OutOfReach(UserError):
    """No answer at all."""


class _PassingFault(UserError):
    """A server's answer that may be another the next time."""

    def __init__(self, message: str, hint: str, code: int) -> None:
        super().__init__(message, hint)
        self.code = code


def offline() -> bool:
    """Return True if the user forbids the network (``TTA_BENCH_OFFLINE=1``)."""
    return os.environ.get("TTA_BENCH_OFFLINE", "") not in ("", "0")


def download(
    address: str, path: Path, sha256: str | None = None, most: int | None = None, size: int | None = None
) -> str:
    """Fetch a file with a progress bar and return its sha256 in hex; until all of it is there and right, nothing is.

    A download that was cut short is gone on with, at once and by the next call, where the server can tell that the file
    is still the same; a server's own fault is tried again. The proxies of the environment are used, and ``HF_ENDPOINT``
    in place of huggingface.co.

    Args:
        address: Address of the file, ``https://...``.
        path: Path of the file; folders are created, and a file that is there is replaced.
        sha256: Its digest or the first digits of it, if that is known.
        most: Bytes that it has at most, if that is known.
        size: Bytes that it has, if that is known.

    Raises:
        UserError: The network is forbidden or out of reach, the address does not give the file, what came is empty, cut
            short, of another size, a web page, or of another digest.
    """
    address = mirrored(address)
    by_hand = f"Get {address} by hand and put it at {path}."
    if offline():
        raise UserError("the network is not used, because TTA_BENCH_OFFLINE is set.", by_hand)
    with atomic_file(path) as file:
        partial = take_partial(path, address, file)
        for left in reversed(range(ATTEMPTS)):
            try:
                with _answer(address, by_hand, partial) as response:
                    partial = _receive(response, file, path.name, address, by_hand, size or most)
            except _PassingFault as fault:
                if not left:
                    _keep(path, file, partial)
                    raise
                if fault.code == 416:
                    partial = None
                time.sleep(PAUSE_SECONDS)
                continue
            except _OutOfReach:
                _keep(path, file, partial)
                raise
            if partial is None:
                break
            if not partial.validator:  # the server cannot tell whether the rest would be of the same file
                raise UserError(partial.said(address), "Try again.")
        else:
            assert partial is not None
            keep_partial(path, file, partial)
            raise UserError(partial.said(address), "Try again: the same command goes on from there.")
        digest, found = _digest(file), file.seek(0, os.SEEK_END)
        if size is not None and found != size:
            raise UserError(f"{address} is not the expected file: it has {found:,} bytes, not {size:,}.", by_hand)
        if sha256 is not None and not digest.startswith(sha256):
            raise UserError(
                f"{address} is not the expected file: its sha256 is {digest}, not {said_digest(sha256)}.", by_hand
            )
    return digest


def said_digest(sha256: str) -> str:
    """Return a digest as a user reads it: one of which only the first digits are known ends with dots."""
    return sha256 if len(sha256) == 64 else f"{sha256}..."


def mirrored(address: str) -> str:
    """Return an address with the mirror of huggingface.co that ``HF_ENDPOINT`` names, if it names one.

    Raises:
        UserError: ``HF_ENDPOINT`` is no address.
    """
    mirror = os.environ.get("HF_ENDPOINT", "").rstrip("/")
    if not mirror or not address.startswith(HUB):
        return address
    if urlsplit(mirror).scheme not in ("http", "https") or not urlsplit(mirror).hostname:
        raise UserError(f"HF_ENDPOINT is '{mirror}', which is no address.", "Say https://..., or leave it unset.")
    return f"{mirror}/{address.removeprefix(HUB)}"


@contextmanager
def _answer(address: str, by_hand: str, partial: Partial | None) -> Iterator[HTTPResponse]:
    """Open an address, for the rest of a file where there is a part; what goes wrong then becomes a message."""
    headers = {"User-Agent": f"tta-bench/{tta_bench.__version__}"}
    if partial is not None and partial.received and partial.validator:
        headers |= {"Range": f"bytes={partial.received}-", "If-Range": partial.validator}
    request = urllib.request.Request(address, headers=headers)  # noqa: S310 - cards allow https only
    try:
        with urllib.request.build_opener().open(request, timeout=TIMEOUT_SECONDS) as response:
            secure = address.startswith("https:")
            if secure and not response.url.startswith("https:"):
                raise UserError(f"{address} leads to {response.url}, which is not encrypted.", by_hand)
            yield response
    except urllib.error.HTTPError as error:
        why = {401: ": it asks for a login", 403: ": it asks for permission", 404: ": it is not there any more"}
        why |= {407: ": the proxy asks for a login", 429: ": too many have asked; wait a while"}
        said = f"{address} answers {error.code}{why.get(error.code, '')}."
        if error.code in PASSING:
            raise _PassingFault(said, by_hand, error.code) from None
        raise UserError(said, by_hand) from None
    except (OSError, HTTPException, ValueError) as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise UserError(
                f"{address} has no room: {os.strerror(error.errno or 0)}.",
                "Make room, or let TTA_BENCH_CACHE name a folder on another disk.",
            ) from None
        cause = getattr(error, "reason", None) or error
        raise _OutOfReach(
            f"{address} is out of reach{_proxy(address)}: {cause}. Is there a network?", by_hand
        ) from None


def _receive(
    response: HTTPResponse, file: BinaryIO, name: str, address: str, by_hand: str, most: int | None = None
) -> Partial | None:
    """Write an answer into a file; return the state of a file that is not whole yet, or None.

    Raises:
        UserError: The answer is no file, is empty, is too large, or has no room.
    """
    if response.headers.get_content_type() == "text/html":
        raise UserError(f"{response.url} gives a web page, not a file.", by_hand)
    packed = response.headers.get("Content-Encoding", "identity")
    if packed != "identity":
        raise UserError(f"{response.url} gives the file packed by {packed}, which was not asked for.", by_hand)
    before = _start(response, file)
    said = response.headers.get("Content-Length")
    if said is not None and not (said.isascii() and said.isdigit()):
        raise UserError(f"{response.url} says that its length is '{said}', which is no number of bytes.", by_hand)
    length = None if said is None else int(said)
    free = shutil.disk_usage(Path(file.name).parent).free
    if free < (length or 0):
        raise UserError(f"{name} needs {length:,} bytes, and {free:,} are free in {Path(file.name).parent}.")
    received, cut = 0, False
    with Bar(f"fetching {name}", -(-(length or 0) // PIECE), "MiB") as bar:
        try:
            while piece := response.read(PIECE):
                file.write(piece)
                received += len(piece)
                if most is not None and before + received > most:
                    raise UserError(f"{response.url} is larger than the {most:,} bytes that were expected.", by_hand)
                bar.advance()
        except (TimeoutError, ConnectionError, HTTPException):
            cut = True
    total = None if length is None else before + length
    if cut or (length is not None and received != length):
        return Partial(address, before + received, total, validator_of(dict(response.headers.items())))
    if before + received == 0:
        raise UserError(f"{response.url} gives an empty file.", by_hand)
    return None


def _start(response: HTTPResponse, file: BinaryIO) -> int:
    """Set a file to the place where an answer goes on, and return that place; an answer of a whole file begins anew."""
    place = response.headers.get("Content-Range", "") if response.status == 206 else ""
    begin = place.removeprefix("bytes ").partition("-")[0]
    at = int(begin) if begin.isascii() and begin.isdigit() and int(begin) == file.seek(0, os.SEEK_END) else 0
    if response.status == 206 and not (at and place.startswith("bytes ")):
        raise UserError(
            f"{response.url} answers with a part that was not asked for ({place or 'unnamed'}).", "Try again."
        )
    file.seek(at)
    file.truncate()
    return at


def _keep(path: Path, file: BinaryIO, partial: Partial | None) -> None:
    """Keep what has come of a file, where the rest of it can be asked for."""
    if partial is not None and partial.received and partial.validator:
        keep_partial(path, file, partial)


def _digest(file: BinaryIO) -> str:
    file.flush()
    digest = hashlib.sha256()
    with Path(file.name).open("rb") as written:
        while piece := written.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _proxy(address: str) -> str:
    """Return a phrase about the proxy that an address is asked through, without its password; empty for none."""
    parts = urlsplit(address)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if not proxy or urllib.request.proxy_bypass(parts.hostname or ""):
        return ""
    host = urlsplit(proxy if "//" in proxy else f"//{proxy}").hostname
    return f" by way of the proxy {host}"
