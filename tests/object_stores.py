"""S3 servers on loopback for tests (rclone's and moto's), and a proxy between them and us that breaks what it is told.

rclone's checks signatures and ignores conditions; moto's honours conditions and ignores signatures."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from talkie.storage import Patience

KEY, SECRET = "KEYOFTHETESTS", "SECRETOFTHETESTS"
QUICK = Patience(attempts=4, wait_s=0.01, longest_wait_s=0.05, connect_s=2.0, stall_s=0.6, floor_bytes_s=2000)
"""Patience for tests: the same steps, sooner."""


@dataclass(frozen=True)
class ObjectStore:
    """A running server and a bucket in it."""

    endpoint: str
    bucket: str
    checks_keys: bool
    honours_conditions: bool

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}"


@contextmanager
def rclone(folder: Path) -> Iterator[str]:
    """The endpoint of `rclone serve s3`; a bucket is a folder of its root, `folder / "root"`."""
    (folder / "root" / "talkie").mkdir(parents=True)
    port = _free_port()
    command = [_binary("rclone"), "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY},{SECRET}"]
    with _serving([*command, "--vfs-cache-mode", "off", str(folder / "root")], port, folder / "log"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def moto(folder: Path) -> Iterator[str]:
    """The endpoint of `moto_server`, with the bucket made."""
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    endpoint = f"http://127.0.0.1:{port}"
    with _serving([_binary("moto_server"), "-H", "127.0.0.1", "-p", str(port)], port, folder / "log"):
        urllib.request.urlopen(urllib.request.Request(f"{endpoint}/talkie", method="PUT"), timeout=30).close()
        yield endpoint


@pytest.fixture(scope="session")
def rclone_server(tmp_path_factory) -> Iterator[str]:
    with rclone(tmp_path_factory.mktemp("rclone")) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def moto_server(tmp_path_factory) -> Iterator[str]:
    with moto(tmp_path_factory.mktemp("moto")) as endpoint:
        yield endpoint


@pytest.fixture
def rclone_store(rclone_server, monkeypatch) -> ObjectStore:
    """rclone's server, reached through the environment as a user would, with a bucket `talkie`."""
    use(monkeypatch, rclone_server)
    return ObjectStore(rclone_server, "talkie", checks_keys=True, honours_conditions=False)


@pytest.fixture
def moto_store(moto_server, monkeypatch) -> ObjectStore:
    """The same of moto's."""
    use(monkeypatch, moto_server)
    return ObjectStore(moto_server, "talkie", checks_keys=False, honours_conditions=True)


@pytest.fixture(params=["rclone", "moto"])
def store(request) -> ObjectStore:
    """Each of the two."""
    return request.getfixturevalue(f"{request.param}_store")


def use(monkeypatch, endpoint: str, key: str = KEY, secret: str = SECRET) -> None:
    """Point the environment at a server."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in environment(endpoint, key, secret).items():
        monkeypatch.setenv(name, value)


def environment(endpoint: str, key: str = KEY, secret: str = SECRET) -> dict[str, str]:
    """The variables that name a server and nothing else of this machine."""
    return {
        "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }  # fmt: skip


@dataclass(eq=False)
class Fault:
    """What happens to one answer. method: of the requests it waits for. after: bytes of the body that pass before it.

    kind: "drop" (the connection breaks), "stall" (nothing comes any more), "drip" (a byte at a time), "status" (the
    store's error answer instead, `code` in it), "lost" (the request is done, the connection breaks before the answer).
    """

    kind: str
    method: str = "GET"
    after: int = 0
    status: int = 503
    code: str = "SlowDown"
    path: str = ""


@dataclass
class Proxy:
    """A server that passes requests on and applies `faults`, each once, to the first request that it fits."""

    endpoint: str
    faults: deque[Fault] = field(default_factory=deque)
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    """(method, path, Range header) of every request."""

    def take(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.method == method and fault.path in path:
                self.faults.remove(fault)
                return fault
        return None

    def count(self, method: str, ending: str = "") -> int:
        return sum(m == method and p.partition("?")[0].endswith(ending) for m, p, _ in self.seen)


@contextmanager
def proxy_of(upstream: str) -> Iterator[Proxy]:
    """A Proxy before a server."""
    handler = type("Handler", (_Passing,), {"upstream": upstream.removeprefix("http://")})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    handler.proxy = Proxy(f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield handler.proxy
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def proxied():
    """proxied(endpoint) is a Proxy before it."""
    with ExitStack() as stack:
        yield lambda upstream: stack.enter_context(proxy_of(upstream))


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy
    upstream: str

    def log_message(self, *args: object) -> None:
        pass

    def _pass(self) -> None:
        self.proxy.seen.append((self.command, self.path, self.headers.get("Range", "")))
        fault = self.proxy.take(self.command, self.path)
        body = self._body()
        if fault is not None and fault.kind == "status":
            self._refuse(fault)
            return
        connection = http.client.HTTPConnection(self.upstream, timeout=20)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("connection", "expect", "transfer-encoding"):
                connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        if fault is not None and fault.kind == "lost":
            self._hang_up()
            return
        self._answer(answer, data, fault)

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = _pass

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length")
        if self.headers.get("Expect", "").lower() == "100-continue":
            pass  # http.server has sent the interim answer already
        return self.rfile.read(int(length)) if length else None

    def _refuse(self, fault: Fault) -> None:
        text = f"<?xml version='1.0'?><Error><Code>{fault.code}</Code><Message>m</Message></Error>".encode()
        self.send_response(fault.status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def _answer(self, answer: http.client.HTTPResponse, data: bytes, fault: Fault | None) -> None:
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
        if length is not None:
            self.send_header("Content-Length", length)
        self.end_headers()
        if fault is None:
            self.wfile.write(data)
            return
        self.wfile.write(data[: fault.after])
        self.wfile.flush()
        if fault.kind == "stall":
            time.sleep(1.5)
        for byte in data[fault.after :] if fault.kind == "drip" else b"":
            try:
                self.wfile.write(bytes([byte]))
                time.sleep(0.02)
            except OSError:
                break
        self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):  # the other side may have done so before
            self.connection.shutdown(socket.SHUT_RDWR)


def _binary(name: str) -> str:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: pip install 'talkie[dev]'")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def _serving(command: list[str], port: int, log: Path) -> Iterator[None]:
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, stdin=subprocess.DEVNULL)
        try:
            _wait(process, port, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"{process.args[0]} does not answer: {log.read_text(errors='replace')[-400:]}")
