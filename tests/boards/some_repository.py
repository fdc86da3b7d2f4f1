"""A server on this machine that serves a git repository over https, and the faults of a server at other places."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

needs_git_and_openssl = pytest.mark.skipif(
    not (shutil.which("git") and shutil.which("openssl")), reason="git and openssl are not both here"
)


def some_repository(folder: Path) -> str:
    """Write a bare repository ``net.git`` with two commits; return the first, which is no end of a branch."""

    def git(*words: str) -> str:
        names = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
        return subprocess.run(["git", *names, *words], cwd=folder, check=True, capture_output=True, text=True).stdout

    work = folder / "work"
    git("init", "--quiet", str(work))
    for text in ("one", "two"):
        (work / "my_net.py").write_text(text)
        git("-C", str(work), "add", ".")
        git("-C", str(work), "commit", "--quiet", "-m", text)
    git("clone", "--quiet", "--bare", str(work), str(folder / "net.git"))
    git("-C", str(folder / "net.git"), "config", "uploadpack.allowFilter", "true")
    return git("-C", str(work), "rev-parse", "HEAD~1").strip()


class Repository(BaseHTTPRequestHandler):
    """Serves the repository by git's own program for servers, at ``/net.git``."""

    root: Path
    logins: list[str | None]

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        place = parts.path.split("/")[1]
        self.logins.append(self.headers.get("Authorization"))
        if place == "hangs":
            time.sleep(1.5)
            return
        if place in ("private", "moved", "moved-open", "moved-file"):
            self.send_response(401 if place == "private" else 302)
            self.send_header("WWW-Authenticate", 'Basic realm="lab"')
            rest = self.path.removeprefix(f"/{place}")
            port = self.server.server_address[1]
            led = {"moved-open": f"http://127.0.0.1:{port}/net.git", "moved-file": f"file://{self.root}/net.git"}
            self.send_header("Location", led.get(place, f"https://127.0.0.1:{port}/net.git") + rest)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        variables = {
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        answer = subprocess.run(
            ["git", "http-backend"], input=body, env={**os.environ, **variables}, capture_output=True, check=False
        ).stdout
        head, _, content = answer.partition(b"\r\n\r\n")
        lines = [line.split(": ", 1) for line in head.decode().splitlines()]
        self.send_response(next((int(value.split()[0]) for name, value in lines if name == "Status"), 200))
        for name, value in lines:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def log_message(self, *_: object) -> None: ...


@contextmanager
def serve(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the repositories of a folder by a certificate that git is told to trust; yield the address."""
    key, certificate = root / "key.pem", root / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    monkeypatch.setenv("GIT_SSL_CAINFO", str(certificate))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    Repository.root, Repository.logins = root, []
    with ThreadingHTTPServer(("127.0.0.1", 0), Repository) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"https://127.0.0.1:{server.server_port}"
        server.shutdown()
