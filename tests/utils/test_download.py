from __future__ import annotations

import errno
import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tta_bench.errors import UserError
from tta_bench.utils.download import PIECE, download, mirrored

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


class Faults(BaseHTTPRequestHandler):
    """Serves one fault at each place, and remembers what was asked for."""

    asked: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        place, start = self.path, self.headers.get("Range")
        Faults.asked.append((place, start))
        if place in ("/loop", "/elsewhere", "/local"):
            self.send_response(302)
            self.send_header(
                "Location", {"/loop": "/loop", "/elsewhere": "/file", "/local": "file:///etc/hosts"}[place]
            )
            self.end_headers()
            return
        begin = int(start.removeprefix("bytes=").rstrip("-")) if start else 0
        anew = place == "/changed" and start
        begin = 0 if anew or place == "/no-ranges" else begin
        self.send_response(206 if begin else 200)
        if begin:
            at = begin + 1 if place == "/other-part" else begin
            self.send_header("Content-Range", f"bytes {at}-{len(CONTENT) - 1}/{len(CONTENT)}")
        if place not in ("/no-mark",):
            self.send_header("ETag", f'"{"b" if anew else "a"}"')
        if place == "/packed":
            self.send_header("Content-Encoding", "gzip")
        lengths = {"/empty": "0", "/words": "abc", "/minus": "-5"}
        if place == "/chunks":
            self.send_header("Transfer-Encoding", "chunked")
        elif place != "/endless":
            self.send_header("Content-Length", lengths.get(place, str(len(CONTENT) - begin)))
        self.end_headers()
        if place == "/chunks":
            self.wfile.write(b"10\r\n" + CONTENT[:16] + b"\r\n")  # and the last chunk never comes
            return
        halves = place in ("/half", "/no-mark", "/changed", "/other-part") or (place == "/thirds")
        piece = CONTENT[begin:]
        if place == "/thirds" or (halves and not start):
            piece = piece[: PIECE // 2]
        self.wfile.write(b"" if place == "/empty" else piece)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def faulty() -> Iterator[str]:
    Faults.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Faults) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("place", ["/half", "/changed", "/elsewhere", "/endless"])
def test_a_download_that_was_cut_is_gone_on_with(faulty: str, tmp_path: Path, place: str) -> None:
    assert download(faulty + place, tmp_path / "file.pth", SHA256) == SHA256
    assert (tmp_path / "file.pth").read_bytes() == CONTENT
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.pth"]
    if place in ("/half", "/changed"):
        assert Faults.asked == [(place, None), (place, f"bytes={PIECE // 2}-")]


def test_the_next_call_goes_on_where_the_last_ended(faulty: str, tmp_path: Path) -> None:
    path = tmp_path / "file.pth"
    with pytest.raises(UserError, match=f"cut short: {3 * (PIECE // 2):,} of {len(CONTENT):,} bytes came") as caught:
        download(f"{faulty}/thirds", path)
    assert "goes on from there" in caught.value.hint
    assert [entry.name for entry in tmp_path.iterdir()] == [".file.pth.part"]
    assert download(f"{faulty}/thirds", path, SHA256) == SHA256
    assert Faults.asked[3] == ("/thirds", f"bytes={3 * (PIECE // 2)}-")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.pth"]


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("/empty", "gives an empty file"),
        ("/words", "its length is 'abc', which is no number of bytes"),
        ("/minus", "its length is '-5', which is no number of bytes"),
        ("/packed", "packed by gzip"),
        ("/loop", "answers 302"),
        ("/local", "answers 302"),
        ("/no-mark", f"cut short: {PIECE // 2:,} of {len(CONTENT):,} bytes"),
        ("/other-part", "a part that was not asked for"),
        ("/chunks", "cut short: "),
    ],
)
def test_each_fault_of_a_server_is_a_line_and_leaves_nothing(
    faulty: str, tmp_path: Path, place: str, message: str
) -> None:
    with pytest.raises(UserError) as caught:
        download(faulty + place, tmp_path / "weights" / "file.pth")
    assert message in caught.value.message
    assert "\n" not in caught.value.message
    assert not (tmp_path / "weights" / "file.pth").exists()


class Moody(BaseHTTPRequestHandler):
    """Serves one right answer after some that are not, or none at all."""

    asked: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        start, before = self.headers.get("Range"), len(Moody.asked)
        Moody.asked.append(start)
        status = {"/once-500": 500, "/twice-503": 503, "/always-500": 500}.get(self.path, 200)
        times = {"/once-500": 1, "/twice-503": 2, "/always-500": 9}.get(self.path, 0)
        if self.path == "/short-then-416":
            status, times = (200, 0) if start is None else (416, 9)
        if self.path == "/slow":
            time.sleep(0.6)
        self.send_response(status if before < times else 200)
        self.send_header("ETag", '"a"')
        self.send_header("Content-Length", "0" if before < times else str(len(CONTENT)))
        self.end_headers()
        if before >= times:
            self.wfile.write(CONTENT[:PIECE] if self.path == "/short-then-416" and not before else CONTENT)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def moody(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    Moody.asked.clear()
    monkeypatch.setattr("tta_bench.utils.download.PAUSE_SECONDS", 0.01)
    with ThreadingHTTPServer(("127.0.0.1", 0), Moody) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(("place", "times"), [("/once-500", 2), ("/twice-503", 3), ("/short-then-416", 3)])
def test_a_fault_that_passes_is_tried_again(moody: str, tmp_path: Path, place: str, times: int) -> None:
    assert download(moody + place, tmp_path / "file.pth", SHA256, size=len(CONTENT)) == SHA256
    assert (tmp_path / "file.pth").read_bytes() == CONTENT
    assert len(Moody.asked) == times
    assert Moody.asked[-1] is None
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.pth"]


def test_a_fault_that_stays_is_said_once_and_a_slow_server_is_not_waited_for(
    moody: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="answers 500"):
        download(f"{moody}/always-500", tmp_path / "weights" / "file.pth")
    assert len(Moody.asked) == 3
    monkeypatch.setattr("tta_bench.utils.download.TIMEOUT_SECONDS", 0.1)
    with pytest.raises(UserError, match="out of reach: timed out"):
        download(f"{moody}/slow", tmp_path / "weights" / "file.pth")
    assert nothing_is_left(tmp_path / "weights")


def test_a_part_is_kept_while_the_server_is_down(faulty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, address = tmp_path / "file.pth", f"{faulty}/thirds"
    with pytest.raises(UserError, match="cut short"):
        download(address, path)

    def fail(*_: object, **__: object) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    with monkeypatch.context() as patch:
        patch.setattr("socket.create_connection", fail)
        with pytest.raises(UserError, match="Connection refused"):
            download(address, path)
    assert [entry.name for entry in tmp_path.iterdir()] == [".file.pth.part"]
    assert download(address, path, SHA256) == SHA256
    assert Faults.asked[3] == ("/thirds", f"bytes={3 * (PIECE // 2)}-")


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({"sha256": "0" * 8}, f"its sha256 is {SHA256}, not 00000000..."),
        ({"sha256": SHA256[:8] + "0000"}, f"not {SHA256[:8]}0000..."),
        ({"size": len(CONTENT) + 1}, f"it has {len(CONTENT):,} bytes, not {len(CONTENT) + 1:,}"),
        ({"size": len(CONTENT) - 1}, f"larger than the {len(CONTENT) - 1:,} bytes"),
    ],
)
def test_first_digits_and_size_are_checked(server: str, tmp_path: Path, known: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        download(f"{server}/file", tmp_path / "weights" / "file.pth", **known)
    assert message in caught.value.message
    assert nothing_is_left(tmp_path / "weights")
    assert download(f"{server}/file", tmp_path / "file.pth", SHA256[:8], size=len(CONTENT)) == SHA256


def test_a_disk_that_fills_is_a_line(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tta_bench.utils import download as module

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.Bar, "advance", full)
    with pytest.raises(UserError, match="has no room: No space left on device") as caught:
        download(f"{server}/file", tmp_path / "weights" / "file.pth")
    assert "TTA_BENCH_CACHE" in caught.value.hint
    assert nothing_is_left(tmp_path / "weights")


def test_a_mirror_takes_the_place_of_the_hub(faulty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"{faulty}/")
    assert download("https://huggingface.co/file", tmp_path / "file.pth", SHA256) == SHA256
    assert Faults.asked == [("/file", None)]
    assert mirrored("https://example.org/huggingface.co/file") == "https://example.org/huggingface.co/file"
    monkeypatch.setenv("HF_ENDPOINT", "mirror")
    with pytest.raises(UserError, match="HF_ENDPOINT is 'mirror'"):
        mirrored("https://huggingface.co/file")


def test_a_proxy_is_used_and_named_without_its_password(
    faulty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("http_proxy", faulty)
    assert download("http://nowhere.example/file", tmp_path / "file.pth", SHA256) == SHA256
    assert Faults.asked == [("http://nowhere.example/file", None)]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("http_proxy", f"http://me:secret@127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(UserError, match=r"by way of the proxy 127\.0\.0\.1") as caught:
            download("http://nowhere.example/file", tmp_path / "file.pth")
    assert "secret" not in str(caught.value)
