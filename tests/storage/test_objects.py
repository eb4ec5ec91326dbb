"""Objects on both servers, on disk and in fsspec's memory: written, listed, read, conditioned, with typed errors."""

from __future__ import annotations

import hashlib
import pickle
from contextlib import ExitStack

import pytest

from object_stores import QUICK, use
from talkie.errors import MissingExtra, ObjectNotFound, StorageConflict, StorageDenied, StorageError
from talkie.storage import (
    delete,
    digest_of,
    fetch,
    honours_conditions,
    list_uris,
    open_uri,
    put,
    put_if_absent,
    read,
    read_with_stamp,
    single_writer,
    stat,
    swap,
)

TEXT = bytes(range(256)) * 5


@pytest.fixture(params=["rclone", "moto", "disk", "memory"])
def place(request, tmp_path):
    """A fresh prefix in each kind of store that can be written."""
    if request.param in ("rclone", "moto"):
        return f"{request.getfixturevalue(f'{request.param}_store').uri}/{tmp_path.name}"
    return str(tmp_path / "store") if request.param == "disk" else f"memory://{tmp_path.name}"


@pytest.fixture
def prefix(store, tmp_path) -> str:
    return f"{store.uri}/{tmp_path.name}"


def test_what_is_put_can_be_read_whole_in_parts_and_fetched(place, tmp_path):
    put(f"{place}/a.bin", TEXT, patience=QUICK)
    assert read(f"{place}/a.bin") == TEXT
    assert stat(f"{place}/a.bin").size == len(TEXT)
    with open_uri(f"{place}/a.bin", buffer=100) as file:
        file.seek(1000)
        assert file.read(50) == TEXT[1000:1050]
        file.seek(-3, 2)
        assert file.read() == TEXT[-3:]
        assert file.seek(0) == 0
        assert file.read() == TEXT
    fetched = fetch(f"{place}/a.bin", tmp_path / "spool")
    assert fetched.path.read_bytes() == TEXT
    assert (fetched.sha256, fetched.size) == (hashlib.sha256(TEXT).hexdigest(), len(TEXT))
    assert digest_of(f"{place}/a.bin") == (fetched.sha256, len(TEXT))


def test_an_empty_object_is_an_object(place, tmp_path):
    put(f"{place}/nothing", b"")
    assert read(f"{place}/nothing") == b""
    assert fetch(f"{place}/nothing", tmp_path / "spool").size == 0
    with open_uri(f"{place}/nothing") as file:
        assert file.read() == b""


def test_a_file_is_put_as_it_is(place, tmp_path):
    (tmp_path / "x").write_bytes(TEXT)
    put(f"{place}/deep/er/x", tmp_path / "x")
    assert read(f"{place}/deep/er/x") == TEXT


def test_a_folder_a_glob_and_an_object_are_listed_in_order(place):
    for name in ("b.mp4", "a.mp4", "deep/c.mp4", "deep/d.txt", "[1].mp4"):
        put(f"{place}/{name}", name.encode())

    def names(pattern):
        return [entry.uri.rpartition(place.rpartition("/")[2] + "/")[2] for entry in list_uris(f"{place}{pattern}")]

    assert sorted(names("/")) == sorted(names("")) == ["[1].mp4", "a.mp4", "b.mp4", "deep/c.mp4", "deep/d.txt"]
    assert sorted(names("/*.mp4")) == ["[1].mp4", "a.mp4", "b.mp4"]
    assert sorted(names("/**/*.mp4")) == ["[1].mp4", "a.mp4", "b.mp4", "deep/c.mp4"]
    assert names("/[!b].mp4") == ["a.mp4"]
    # What exists is never read as a pattern.
    assert names("/[1].mp4") == ["[1].mp4"]
    assert names("/dee") == []


def test_an_object_is_put_where_none_lies_and_left_alone_where_one_does(place):
    assert put_if_absent(f"{place}/x", b"first")
    assert not put_if_absent(f"{place}/x", b"second")
    assert read(f"{place}/x") == b"first"


def test_a_swap_replaces_just_the_state_that_was_seen(place):
    swap(f"{place}/x", b"first", None)
    data, stamp = read_with_stamp(f"{place}/x")
    assert data == b"first"
    swap(f"{place}/x", b"second", stamp)
    with pytest.raises(StorageConflict):
        swap(f"{place}/x", b"third", stamp)
    with pytest.raises(StorageConflict):
        swap(f"{place}/x", b"third", None)
    with pytest.raises(StorageConflict):
        swap(f"{place}/gone", b"third", stamp)
    assert read(f"{place}/x") == b"second"


def test_a_trial_tells_whether_conditions_are_honoured_and_leaves_nothing(store, prefix):
    assert honours_conditions(f"{prefix}/x", patience=QUICK) is store.honours_conditions
    assert list(list_uris(f"{prefix}/")) == []


def test_deleting_what_is_not_there_is_no_error(place):
    put(f"{place}/x", b"1")
    delete(f"{place}/x")
    delete(f"{place}/x")
    with pytest.raises(ObjectNotFound):
        stat(f"{place}/x")


def test_what_is_missing_is_named(place, tmp_path):
    put(f"{place}/x", b"1")
    for action in (stat, read, open_uri, lambda uri: fetch(uri, tmp_path / "spool")):
        with pytest.raises(ObjectNotFound) as error:
            action(f"{place}/gone.mp4")
        assert "gone.mp4" in str(error.value)
    assert not (tmp_path / "spool").exists() or not list((tmp_path / "spool").iterdir())


def test_a_missing_bucket_is_said(store):
    with pytest.raises(ObjectNotFound, match="no such"):
        read("s3://no-such-bucket-here/x", patience=QUICK)


def test_wrong_credentials_are_denied_at_once_and_never_shown(rclone_server, monkeypatch):
    use(monkeypatch, rclone_server, secret="VERYWRONGSECRET")
    with pytest.raises(StorageDenied) as error:
        read("s3://talkie/x", patience=QUICK)
    told = repr(error.value) + str(error.value) + str(pickle.loads(pickle.dumps(error.value)))
    assert "VERYWRONGSECRET" not in told
    assert "KEYOFTHETESTS" not in told


def test_no_credentials_at_all_are_said_with_the_cure(rclone_server, monkeypatch):
    use(monkeypatch, rclone_server)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StorageDenied, match="AWS_ACCESS_KEY_ID"):
        stat("s3://talkie/x", patience=QUICK)


@pytest.mark.parametrize("uri", ["s3://talkie", "s3:///x", "http:///x"])
def test_an_address_that_names_nothing_is_refused(store, uri):
    with pytest.raises(StorageError):
        read(uri, patience=QUICK)


def test_a_protocol_without_its_package_or_without_any_is_named():
    with pytest.raises((MissingExtra, StorageError), match="gs://"):
        stat("gs://bucket/x")
    with pytest.raises(StorageError, match="no store is known for nonsense://"):
        stat("nonsense://x/y")


def test_only_one_writer_holds_a_prefix(store, prefix):
    with single_writer(prefix, patience=QUICK) as claim:
        claim.check()
        with pytest.raises(StorageConflict, match="other writer"), single_writer(prefix, patience=QUICK):
            pass
        claim.check()
    with single_writer(prefix, patience=QUICK):
        pass
    assert list(list_uris(f"{prefix}/")) == []


def test_a_writer_that_was_taken_over_learns_it_before_it_commits(store, prefix):
    with ExitStack() as stack:
        first = stack.enter_context(single_writer(prefix, patience=QUICK))
        second = stack.enter_context(single_writer(prefix, take_over=True, patience=QUICK))
        second.check()
        with pytest.raises(StorageConflict, match="took over"):
            first.check()


def test_a_killed_writers_claim_stands_in_the_way_no_longer_than_its_lease(store, prefix):
    put(f"{prefix}/.talkie-writers/dead", b"")
    with pytest.raises(StorageConflict), single_writer(prefix, patience=QUICK):
        pass
    with single_writer(prefix, lease_s=-5.0, patience=QUICK):
        pass
