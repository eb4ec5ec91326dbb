"""Sources on S3, behind web addresses and in lists: found with their sidecars, fetched, removed; no secret is told."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from object_stores import QUICK, Fault, use
from talkie.curation.sources import discover
from talkie.errors import BadInput, ObjectChanged, ObjectNotFound, StorageDenied
from talkie.storage import delete, put

VIDEO = b"a film, as far as discovery can tell"


@pytest.fixture
def prefix(store, tmp_path) -> str:
    """A prefix with two videos, the sidecars of one, and things that are no footage."""
    base = f"{store.uri}/{tmp_path.name}"
    for name, content in {
        "a.mp4": VIDEO, "a.wav": b"sound", "a.txt": b"Hello.", "a.json": b'{"identity": "ada"}',
        "deep/b.mov": VIDEO + b"2", "notes.md": b"x", ".hidden/c.mp4": b"x", "lone.wav": b"y",
    }.items():  # fmt: skip
        put(f"{base}/{name}", content)
    return base


def names(sources) -> list[str]:
    return [source.name for source in sources]


def test_a_prefix_is_searched_as_a_folder_is(prefix):
    a, b, lone = discover([prefix], patience=QUICK)
    assert names([a, b, lone]) == ["a.mp4", "b.mov", "lone.wav"]
    assert a.uri == f"{prefix}/a.mp4"
    (record,) = a.records
    assert (record.identity, record.text, record.audio_uri) == ("ada", "Hello.", f"{prefix}/a.wav")
    assert (a.size, a.sha256) == (len(VIDEO), None)
    assert a.stamp != b.stamp
    # The key is the stamp's where nobody says more.
    assert b.key == b.stamp == b.content


def test_a_named_object_and_a_glob_find_the_same_source(prefix):
    a, b, _ = discover([prefix], patience=QUICK)
    assert discover([f"{prefix}/a.mp4"], patience=QUICK) == [a]
    assert discover([f"{prefix}/*.mp4"], patience=QUICK) == [a]
    assert discover([f"{prefix}/**/*.m*"], patience=QUICK) == [a, b]


def test_a_remote_source_is_brought_with_its_sound_and_taken_away(prefix, tmp_path):
    (a,) = discover([f"{prefix}/a.mp4"], patience=QUICK)
    with pytest.raises(BadInput, match="lies elsewhere"):
        a.path  # noqa: B018
    with a.local(tmp_path / "spool", patience=QUICK) as here:
        assert here.path.read_bytes() == VIDEO
        assert here.path.suffix == ".mp4"
        assert here.audio.read_bytes() == b"sound"
        assert here.sha256 == hashlib.sha256(VIDEO).hexdigest()
        assert (here.key, here.uri) == (a.key, a.uri)
    assert list((tmp_path / "spool").iterdir()) == []
    with a.open(patience=QUICK) as file:
        file.seek(2)
        assert file.read(4) == VIDEO[2:6]


def test_an_object_that_changed_since_it_was_found_is_not_taken(prefix, tmp_path):
    (a,) = discover([f"{prefix}/a.mp4"], patience=QUICK)
    put(f"{prefix}/a.mp4", VIDEO[::-1])
    with pytest.raises(ObjectChanged), a.local(tmp_path / "spool", patience=QUICK):
        pass
    assert list((tmp_path / "spool").iterdir()) == []
    (again,) = discover([f"{prefix}/a.mp4"], patience=QUICK)
    assert again.key != a.key


def test_a_manifest_on_s3_names_its_neighbours(prefix):
    rows = [{"uri": "a.mp4", "identity": "ann", "licence": "MIT"}, {"uri": "gone.mp4"}]
    put(f"{prefix}/table.jsonl", "\n".join(json.dumps(row) for row in rows).encode())
    a, gone = discover([f"{prefix}/table.jsonl"], patience=QUICK)
    assert (a.uri, a.records[0].identity, a.records[0].licence) == (f"{prefix}/a.mp4", "ann", "MIT")
    # A manifest speaks for its files: what lies beside them does not count.
    assert a.records[0].audio_uri is None
    assert gone.cause == "object_not_found"
    assert isinstance(gone.refusal(), ObjectNotFound)


def test_a_source_that_vanishes_between_discovery_and_fetching_says_so(prefix, tmp_path):
    (a,) = discover([f"{prefix}/a.mp4"], patience=QUICK)
    delete(f"{prefix}/a.mp4")
    with pytest.raises(ObjectNotFound), a.local(tmp_path / "spool", patience=QUICK):
        pass


def test_an_empty_prefix_holds_no_footage(store, tmp_path):
    with pytest.raises(BadInput, match="holds no footage"):
        discover([f"{store.uri}/{tmp_path.name}/nothing/"], patience=QUICK)


def test_credentials_that_expired_stop_discovery_with_the_cure(prefix, store, proxied, monkeypatch):
    proxy = proxied(store.endpoint)
    use(monkeypatch, proxy.endpoint)
    proxy.faults.extend([Fault("status", method, status=400, code="ExpiredToken") for method in ("HEAD", "GET")])
    with pytest.raises(StorageDenied):
        discover([prefix], patience=QUICK)


@pytest.fixture
def web(tmp_path) -> Iterator[str]:
    """A folder of files behind a web server, as an address with a password in it."""
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(VIDEO)
    (folder / "b.mp4").write_bytes(VIDEO + b"2")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://user:hidden@127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_list_of_web_addresses_loses_none_and_shows_no_secret(web, tmp_path):
    shutil.copy(tmp_path / "web" / "a.mp4", tmp_path / "beside.mp4")
    lines = ["# films", "", f"{web}/a.mp4?X-Amz-Signature=hidden", f"{web}/b.mp4", f"{web}/gone.mp4", "beside.mp4"]
    (tmp_path / "list.txt").write_text("\n".join(lines))
    found = {source.name: source for source in discover([tmp_path / "list.txt"], patience=QUICK)}
    assert set(found) == {"a.mp4", "b.mp4", "gone.mp4", "beside.mp4"}
    assert found["gone.mp4"].cause == "object_not_found"
    told = "".join(repr(source) + str(source.refusal()) + source.uri for source in found.values())
    assert "hidden" not in told
    with found["a.mp4"].local(tmp_path / "spool", patience=QUICK) as here:
        assert here.path.read_bytes() == VIDEO
    assert found["beside.mp4"].sha256 == hashlib.sha256(VIDEO).hexdigest()


def test_another_signature_is_the_same_source(web):
    (one,) = discover([f"{web}/a.mp4?token=hidden1"], patience=QUICK)
    (two,) = discover([f"{web}/a.mp4?token=hidden2"], patience=QUICK)
    assert one.key == two.key


def test_remote_sound_of_a_manifest_keeps_its_signature_to_itself(web, tmp_path):
    row = {"uri": str(tmp_path / "web" / "a.mp4"), "audio_uri": f"{web}/b.mp4?token=hidden"}
    (tmp_path / "m.jsonl").write_text(json.dumps(row))
    (source,) = discover([tmp_path / "m.jsonl"], patience=QUICK)
    assert "hidden" not in repr(source)
    assert source.records[0].audio_uri.endswith("/b.mp4")
    with source.local(tmp_path / "spool", patience=QUICK) as here:
        assert here.audio.read_bytes() == VIDEO + b"2"
        assert here.path == tmp_path / "web" / "a.mp4"


def test_a_list_that_is_missing_or_no_text_is_refused(tmp_path):
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="UTF-8"):
        discover([tmp_path / "bad.txt"])
    with pytest.raises(BadInput, match="no such file"):
        discover([tmp_path / "none.txt"])


def test_sources_pickle_small(web, tmp_path):
    (tmp_path / "list.txt").write_text(f"{web}/a.mp4\n{web}/b.mp4")
    for source in discover([tmp_path / "list.txt"], patience=QUICK):
        assert len(pickle.dumps(source)) < 1500
        assert pickle.loads(pickle.dumps(source)) == source
