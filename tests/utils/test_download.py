from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tta_bench.errors import UserError
from tta_bench.utils.download import PIECE, download

CONTENT = bytes(range(256)) * (PIECE // 256) * 2 + b"end"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Answers(BaseHTTPRequestHandler):
    """Serves a file whole, a file cut short, a web page, and refusals."""

    def do_GET(self) -> None:
        status = {"/private": 401, "/gone": 404}.get(self.path, 200)
        kind = "text/html; charset=utf-8" if self.path == "/page" else "application/octet-stream"
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(10**15 if self.path == "/huge" else len(CONTENT)))
        self.end_headers()
        if status == 200:
            self.wfile.write(CONTENT[: PIECE + 1] if self.path == "/short" else CONTENT)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def nothing_is_left(folder: Path) -> bool:
    return not folder.exists() or not list(folder.iterdir())


@pytest.mark.parametrize("sha256", [None, SHA256])
def test_a_file_comes_whole(server: str, tmp_path: Path, sha256: str | None) -> None:
    path = tmp_path / "new" / "file.pth"
    assert download(f"{server}/file", path, sha256) == SHA256
    assert path.read_bytes() == CONTENT
    assert [entry.name for entry in path.parent.iterdir()] == ["file.pth"]


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("/short", f"cut short: {PIECE + 1:,} of {len(CONTENT):,} bytes"),
        ("/page", "gives a web page, not a file"),
        ("/private", "answers 401: it asks for a login"),
        ("/gone", "answers 404: it is not there any more"),
        ("/huge", "needs 1,000,000,000,000,000 bytes"),
    ],
)
def test_what_is_not_the_file_is_not_kept(server: str, tmp_path: Path, place: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        download(server + place, tmp_path / "weights" / "file.pth")
    assert message in caught.value.message
    assert nothing_is_left(tmp_path / "weights")


def test_another_digest_is_refused_and_the_old_file_stays(server: str, tmp_path: Path) -> None:
    path = tmp_path / "file.pth"
    path.write_text("old")
    with pytest.raises(UserError, match=f"its sha256 is {SHA256}, not 0000"):
        download(f"{server}/file", path, "0" * 64)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.pth"]


def test_no_network_is_said_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(UserError, match=r"out of reach: .*name resolution.*Is there a network") as caught:
        download("https://example.org/file.pth", tmp_path / "weights" / "file.pth")
    assert "Get https://example.org/file.pth by hand and put it at" in caught.value.hint
    assert nothing_is_left(tmp_path / "weights")


def test_a_server_that_is_down_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(UserError, match="Connection refused"):
            download(f"http://127.0.0.1:{taken.getsockname()[1]}/file", tmp_path / "file.pth")


def test_offline_touches_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("a socket was asked for")

    for name in ("socket", "getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, fail)
    with monkeypatch.context() as patch:
        patch.setenv("TTA_BENCH_OFFLINE", "1")
        with pytest.raises(UserError, match="TTA_BENCH_OFFLINE is set"):
            download("https://example.org/file.pth", tmp_path / "weights" / "file.pth")
    assert nothing_is_left(tmp_path / "weights")
