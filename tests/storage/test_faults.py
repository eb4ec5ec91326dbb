"""Broken networks between us and both S3 servers: dropped, stalled, dripping, refused, expired; and web servers."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from object_stores import QUICK, Fault, Proxy, use
from talkie.errors import ObjectChanged, ObjectNotFound, StorageDenied, StorageError, StorageUnreachable
from talkie.storage import digest_of, fetch, open_uri, put, put_if_absent, read, stat, swap

DATA = np.random.default_rng(3).bytes(400_000)


@pytest.fixture
def broken(store, proxied, monkeypatch, tmp_path) -> tuple[Proxy, str]:
    """A proxy before each server, and an object of DATA behind it."""
    uri = f"{store.uri}/{tmp_path.name}/data.bin"
    put(uri, DATA)
    proxy = proxied(store.endpoint)
    use(monkeypatch, proxy.endpoint)
    return proxy, uri


def test_a_fetch_goes_on_where_the_connection_dropped(broken, tmp_path):
    proxy, uri = broken
    proxy.faults.extend([Fault("drop", after=150_000), Fault("drop", after=100_000)])
    fetched = fetch(uri, tmp_path / "spool", patience=QUICK)
    assert fetched.sha256 == hashlib.sha256(DATA).hexdigest()
    ranges = [r for method, path, r in proxy.seen if method == "GET"]
    assert ranges[0] == ""
    assert all(r.startswith("bytes=") and int(r[6:-1]) > 0 for r in ranges[1:])


@pytest.mark.parametrize("kind", ["stall", "drip"])
def test_a_connection_that_brings_next_to_nothing_counts_as_dead(broken, kind):
    proxy, uri = broken
    proxy.faults.append(Fault(kind, after=1000))
    assert digest_of(uri, patience=QUICK)[0] == hashlib.sha256(DATA).hexdigest()
    assert proxy.count("GET") == 2


def test_a_busy_store_is_asked_again(broken):
    proxy, uri = broken
    proxy.faults.extend([Fault("status"), Fault("status", status=500, code="InternalError"), Fault("status", "HEAD")])
    assert read(uri, patience=QUICK) == DATA
    assert stat(uri, patience=QUICK).size == len(DATA)


def test_patience_ends(broken, tmp_path):
    proxy, uri = broken
    proxy.faults.extend([Fault("status")] * 10)
    with pytest.raises(StorageUnreachable, match=r"503 .*4 attempts"):
        fetch(uri, tmp_path / "spool", patience=QUICK)
    assert list((tmp_path / "spool").iterdir()) == []
    assert proxy.count("GET") == QUICK.attempts


def test_a_server_that_is_not_there_is_unreachable(monkeypatch):
    use(monkeypatch, "http://127.0.0.1:9")
    with pytest.raises(StorageUnreachable):
        read("s3://talkie/x", patience=QUICK)
    with pytest.raises(StorageUnreachable):
        read("http://127.0.0.1:9/x", patience=QUICK)


@pytest.mark.parametrize("code", ["ExpiredToken", "AccessDenied"])
def test_expired_credentials_are_said_at_once_with_the_cure(broken, code):
    proxy, uri = broken
    proxy.faults.append(Fault("status", status=400 if code == "ExpiredToken" else 403, code=code))
    with pytest.raises(StorageDenied, match="expired: renew" if code == "ExpiredToken" else "check the credentials"):
        read(uri, patience=QUICK)
    assert proxy.count("GET") == 1


def test_credentials_that_expire_half_way_end_the_fetch_and_leave_nothing(broken, tmp_path):
    proxy, uri = broken
    proxy.faults.extend([Fault("drop", after=1000), Fault("status", status=400, code="ExpiredToken")])
    with pytest.raises(StorageDenied):
        fetch(uri, tmp_path / "spool", patience=QUICK)
    assert list((tmp_path / "spool").iterdir()) == []


def test_an_object_that_changes_half_way_is_never_mixed(broken, tmp_path):
    proxy, uri = broken
    proxy.faults.append(Fault("drop", after=100_000))
    pieces = iter(_stream(uri))
    next(pieces)
    put(uri, DATA[::-1])
    with pytest.raises(ObjectChanged):
        list(pieces)


def _stream(uri):
    from talkie.storage.objects import store_of
    from talkie.storage.stream import Stream

    return Stream(store_of(uri, QUICK), uri, QUICK)


def test_reads_at_a_place_survive_drops(broken):
    proxy, uri = broken
    with open_uri(uri, buffer=50_000, patience=QUICK) as file:
        proxy.faults.extend([Fault("drop", after=10_000), Fault("status")])
        file.seek(123_456)
        assert file.read(60_000) == DATA[123_456:183_456]


def test_a_put_whose_answer_was_lost_is_not_done_twice_nor_reported_as_a_conflict(broken, tmp_path):
    proxy, uri = broken
    index = uri.replace("data.bin", "index.json")
    proxy.faults.append(Fault("lost", "PUT", path="index.json"))
    swap(index, b"state", None, patience=QUICK)
    assert read(index, patience=QUICK) == b"state"
    proxy.faults.append(Fault("lost", "PUT", path="other"))
    put_if_absent(uri.replace("data.bin", "other"), b"bytes", patience=QUICK)
    assert read(uri.replace("data.bin", "other"), patience=QUICK) == b"bytes"


def test_a_put_is_repeated_whole(broken, tmp_path):
    proxy, uri = broken
    (tmp_path / "file").write_bytes(DATA)
    proxy.faults.extend([Fault("status", "PUT"), Fault("lost", "PUT")])
    put(uri + "2", tmp_path / "file", patience=QUICK)
    assert read(uri + "2", patience=QUICK) == DATA


@pytest.fixture
def web() -> Iterator[tuple[str, dict[str, object]]]:
    """A plain web server: answers by path, `knows` says what it can; dropped once where `drop` is set."""
    knows: dict[str, object] = {"ranges": True, "head": True, "tag": '"one"', "drop": 0, "length": True}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def _status(self) -> int:
            for status in (401, 403, 404, 500):
                if str(status) in self.path:
                    return status
            return 405 if self.command == "HEAD" and not knows["head"] else 200

        def do_GET(self) -> None:
            status, body = self._status(), DATA
            wanted = self.headers.get("Range", "").removeprefix("bytes=")
            if status == 200 and wanted and knows["ranges"]:
                first, _, last = wanted.partition("-")
                body, status = DATA[int(first) : int(last) + 1 if last else None], 206
            body = body if status in (200, 206) else b""
            self.send_response(status)
            if status == 206:
                self.send_header("Content-Range", f"bytes {first}-{int(first) + len(body) - 1}/{len(DATA)}")
            if knows["tag"]:
                self.send_header("ETag", str(knows["tag"]))
            if knows["length"]:
                self.send_header("Content-Length", str(len(body)))
            else:
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command == "HEAD":
                return
            drop, knows["drop"] = knows["drop"], 0
            self.wfile.write(body[:drop] if drop else body)
            if drop or not knows["length"]:
                self.close_connection = True

        do_HEAD = do_GET

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://user:hidden@127.0.0.1:{server.server_address[1]}", knows
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("ranges", [True, False])
def test_a_web_file_is_resumed_also_where_the_server_knows_no_ranges(web, tmp_path, ranges):
    base, knows = web
    knows.update(ranges=ranges, drop=100_000)
    fetched = fetch(f"{base}/clip.mp4", tmp_path, patience=QUICK)
    assert fetched.path.read_bytes() == DATA
    assert fetched.path.suffix == ".mp4"


@pytest.mark.parametrize("knows_head", [True, False])
def test_a_web_files_size_and_stamp_are_known_with_and_without_head(web, knows_head):
    base, knows = web
    knows["head"] = knows_head
    found = stat(f"{base}/clip.mp4", patience=QUICK)
    assert (found.size, found.stamp) == (len(DATA), "one")


def test_a_web_file_of_unknown_length_is_read_to_its_end(web):
    base, knows = web
    knows.update(length=False, tag="", ranges=False)
    assert read(f"{base}/clip.mp4", patience=QUICK) == DATA


@pytest.mark.parametrize(
    ("path", "kind"), [("/404", ObjectNotFound), ("/403", StorageDenied), ("/500", StorageUnreachable)]
)
def test_what_a_web_server_refuses_is_typed_and_shows_no_password(web, path, kind):
    with pytest.raises(kind) as error:
        read(f"{web[0]}{path}?token=secret", patience=QUICK)
    assert "hidden" not in str(error.value)
    assert "secret" not in str(error.value)


def test_a_web_server_can_be_neither_listed_nor_written(web):
    from talkie.storage import list_uris

    with pytest.raises(StorageError, match="cannot be written"):
        put(f"{web[0]}/x", b"1")
    with pytest.raises(StorageError, match="cannot be listed"):
        list(list_uris(f"{web[0]}/folder/"))
