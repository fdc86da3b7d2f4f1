"""Fetching a file over the network: whole or not at all, checked, and only where that is allowed."""

from __future__ import annotations

import hashlib
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO

import tta_bench
from tta_bench.errors import UserError
from tta_bench.utils.files import atomic_file
from tta_bench.utils.progress import Bar

PIECE = 2**20
"""Bytes read at once."""
TIMEOUT_SECONDS = 30.0


def offline() -> bool:
    """Return True if the user forbids the network (``TTA_BENCH_OFFLINE=1``)."""
    return os.environ.get("TTA_BENCH_OFFLINE", "") not in ("", "0")


def download(address: str, path: Path, sha256: str | None = None, most: int | None = None) -> str:
    """Fetch a file with a progress bar and return its sha256 in hex; until all of it is there and right, nothing is.

    Args:
        address: Address of the file, ``https://...``.
        path: Path of the file; folders are created, and a file that is there is replaced.
        sha256: Its digest, if that is known.
        most: Bytes that it has at most, if that is known.

    Raises:
        UserError: The network is forbidden or out of reach, the address does not give the file, what came is cut short,
            too large, a web page, or of another digest.
    """
    by_hand = f"Get {address} by hand and put it at {path}."
    if offline():
        raise UserError("the network is not used, because TTA_BENCH_OFFLINE is set.", by_hand)
    with atomic_file(path) as file:
        with _answer(address, by_hand) as response:
            digest = _receive(response, file, path.name, by_hand, most)
        if sha256 is not None and digest != sha256:
            raise UserError(f"{address} is not the expected file: its sha256 is {digest}, not {sha256}.", by_hand)
    return digest


@contextmanager
def _answer(address: str, by_hand: str) -> Iterator[HTTPResponse]:
    """Open an address; what goes wrong then and while its answer is read becomes a message."""
    request = urllib.request.Request(address, headers={"User-Agent": f"tta-bench/{tta_bench.__version__}"})  # noqa: S310 - cards allow https only
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
            if address.startswith("https:") and not response.url.startswith("https:"):
                raise UserError(f"{address} leads to {response.url}, which is not encrypted.", by_hand)
            yield response
    except urllib.error.HTTPError as error:
        why = {401: ": it asks for a login", 403: ": it asks for permission", 404: ": it is not there any more"}
        raise UserError(f"{address} answers {error.code}{why.get(error.code, '')}.", by_hand) from None
    except (OSError, HTTPException) as error:
        cause = getattr(error, "reason", None) or error
        raise UserError(f"{address} is out of reach: {cause}. Is there a network?", by_hand) from None


def _receive(response: HTTPResponse, file: IO[bytes], name: str, by_hand: str, most: int | None = None) -> str:
    """Write an answer into a file and return its sha256.

    Raises:
        UserError: The answer is a web page, too large, has no room, or ends too early.
    """
    if response.headers.get_content_type() == "text/html":
        raise UserError(f"{response.url} gives a web page, not a file.", by_hand)
    expected, received, digest = int(response.headers.get("Content-Length") or 0), 0, hashlib.sha256()
    free = shutil.disk_usage(Path(file.name).parent).free
    if free < expected:
        raise UserError(f"{name} needs {expected:,} bytes, and {free:,} are free in {Path(file.name).parent}.")
    with Bar(f"fetching {name}", -(-expected // PIECE), "MiB") as bar:
        while piece := response.read(PIECE):
            file.write(piece)
            digest.update(piece)
            received += len(piece)
            if most is not None and received > most:
                raise UserError(f"{response.url} is larger than the {most:,} bytes that were expected.", by_hand)
            bar.advance()
    if expected and received != expected:
        raise UserError(f"{response.url} was cut short: {received:,} of {expected:,} bytes came.", "Try again.")
    return digest.hexdigest()
