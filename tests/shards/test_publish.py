"""Published datasets on both servers: sent once, read back, whole at every moment, damaged ones told."""

from __future__ import annotations

import os
import shutil

import pyarrow.parquet as pq
import pytest
from clips import contents, make_clip
from typer.testing import CliRunner

from object_stores import QUICK, Fault, use
from talkie.errors import (
    BadInput,
    CorruptShard,
    NotADataset,
    SettingsConflict,
    StorageConflict,
    StorageDenied,
    StorageUnreachable,
)
from talkie.shards import commit, export, open_dataset, publish, subset
from talkie.shards.remote import ShardCache, open_remote
from talkie.storage import delete, list_uris, put, read


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TALKIE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def prefix(store, tmp_path) -> str:
    return f"{store.uri}/{tmp_path.name}"


@pytest.fixture
def one_prefix(rclone_store, tmp_path) -> str:
    """For what does not depend on the server."""
    return f"{rclone_store.uri}/{tmp_path.name}"


@pytest.fixture
def old(tmp_path):
    """Three shards or so."""
    return commit(tmp_path / "shards", [make_clip(i) for i in range(6)], settings={"a": 1}, max_shard_bytes=2000)


def grown(dataset):
    """The same with two clips more."""
    more = [make_clip(i, split="test") for i in (7, 8)]
    return commit(dataset.folder, more, settings={"a": 1}, max_shard_bytes=2000)


def test_what_was_published_is_read_back_the_same(old, prefix, tmp_path):
    done = publish(old, prefix, patience=QUICK)
    assert (done.digest, done.clips, done.changed) == (old.digest, 6, True)
    assert done.uploaded == 2 * len(old.index.shards) + 1
    there = open_dataset(prefix)
    there.verify()
    assert there.digest == old.digest
    assert there.entries == old.entries
    assert there.records() == old.records()
    assert list(there.clips(("txt", "mp4"))) == list(old.clips(("txt", "mp4")))
    assert {i: dict(there.raw(i).members) for i in there.ids()} == {i: dict(old.raw(i).members) for i in old.ids()}
    export(there, tmp_path / "files")
    assert (tmp_path / "files" / f"{3:016x}.txt").read_text() == "clip 3"
    assert len(subset(there, tmp_path / "part", lambda clip, entry: entry.identity == "person-3")) == 1


def test_a_plain_copy_of_the_prefix_is_the_same_folder(old, one_prefix, tmp_path):
    publish(old, one_prefix, patience=QUICK)
    (tmp_path / "copy").mkdir()
    for entry in list_uris(f"{one_prefix}/"):
        (tmp_path / "copy" / entry.uri.rpartition("/")[2]).write_bytes(read(entry.uri))
    assert contents(tmp_path / "copy") == contents(old.folder)


def test_a_second_publication_sends_nothing_and_a_third_only_what_is_new(old, prefix, store, proxied, monkeypatch):
    publish(old, prefix, patience=QUICK)
    proxy = proxied(store.endpoint)
    use(monkeypatch, proxy.endpoint)
    again = publish(old, prefix, patience=QUICK)
    assert (again.changed, again.uploaded, again.bytes_uploaded) == (False, 0, 0)
    assert proxy.count("PUT", ".tar") == proxy.count("PUT", "index.json") == 0
    kept = {shard.name for shard in old.index.shards}
    new = grown(old)
    done = publish(new, prefix, patience=QUICK)
    assert done.uploaded == 2 * len({shard.name for shard in new.index.shards} - kept) + 1
    assert open_dataset(prefix).digest == new.digest
    # Readers of the old state still have their shards, until they are pruned.
    assert kept <= {entry.uri.rpartition("/")[2] for entry in list_uris(f"{prefix}/")}
    removed = publish(new, prefix, prune=True, patience=QUICK).removed
    assert removed == 2 * len(kept - {shard.name for shard in new.index.shards})
    assert {e.uri.rpartition("/")[2] for e in list_uris(f"{prefix}/")} == set(contents(new.folder))
    open_dataset(prefix).verify()


@pytest.mark.parametrize("at", [0, 2, "index.json"])
def test_a_publisher_killed_at_any_object_leaves_the_old_state_and_the_next_one_ends_it(old, prefix, store, at):
    publish(old, prefix, patience=QUICK)
    before = open_dataset(prefix).digest
    new = grown(old)

    def killed(name: str, done: int, total: int) -> None:
        if at in (done, name):
            os._exit(9)

    child = os.fork()
    if child == 0:
        from talkie.storage.s3 import _client

        _client.cache_clear()  # a connection cannot be shared with the parent
        publish(new, prefix, patience=QUICK, on_object=killed)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    there = open_dataset(prefix)
    there.verify()
    assert there.digest == before
    if not store.honours_conditions:
        # Its claim would stand for a quarter of an hour.
        with pytest.raises(StorageConflict, match="take over"):
            publish(new, prefix, patience=QUICK)
    publish(new, prefix, take_over=True, patience=QUICK)
    there = open_dataset(prefix)
    there.verify()
    assert there.digest == new.digest


def test_two_publishers_at_once_end_in_one_state_and_one_conflict(old, prefix, tmp_path):
    publish(old, prefix, patience=QUICK)
    shutil.copytree(old.folder, tmp_path / "other")
    other = commit(tmp_path / "other", [make_clip(20)], settings={"a": 1}, max_shard_bytes=2000)
    mine = grown(old)

    def meanwhile(name: str, done: int, total: int) -> None:
        if name == "index.json":
            publish(other, prefix, take_over=True, patience=QUICK)

    with pytest.raises(StorageConflict):
        publish(mine, prefix, patience=QUICK, on_object=meanwhile)
    there = open_dataset(prefix)
    there.verify()
    assert there.digest == other.digest


def test_drops_busy_answers_and_lost_answers_do_not_show(old, prefix, store, proxied, monkeypatch):
    proxy = proxied(store.endpoint)
    use(monkeypatch, proxy.endpoint)
    proxy.faults.extend([Fault("status", "PUT", path=".tar"), Fault("lost", "PUT", path=".tar")])
    proxy.faults.extend([Fault("lost", "PUT", path="index.json"), Fault("status", "GET")])
    publish(old, prefix, patience=QUICK)
    use(monkeypatch, store.endpoint)
    open_dataset(prefix).verify()
    assert open_dataset(prefix).digest == old.digest


def test_a_store_that_fails_or_credentials_that_expire_leave_the_old_state(old, prefix, store, proxied, monkeypatch):
    publish(old, prefix, patience=QUICK)
    before = open_dataset(prefix).digest
    new = grown(old)
    proxy = proxied(store.endpoint)
    use(monkeypatch, proxy.endpoint)
    for fault, error in (
        (Fault("status", "PUT", path=".tar"), StorageUnreachable),
        (Fault("status", "PUT", path="index.json", status=400, code="ExpiredToken"), StorageDenied),
    ):
        proxy.faults.extend([fault] * QUICK.attempts)
        with pytest.raises(error):
            publish(new, prefix, patience=QUICK, take_over=True)
        proxy.faults.clear()
        there = open_dataset(prefix)
        there.verify()
        assert there.digest == before


def test_other_settings_are_not_written_over_unless_asked(old, one_prefix, tmp_path):
    publish(old, one_prefix, patience=QUICK)
    other = commit(tmp_path / "other", [make_clip(1)], settings={"a": 2})
    with pytest.raises(SettingsConflict, match=r"other settings \(a\)"):
        publish(other, one_prefix, patience=QUICK)
    publish(other, one_prefix, replace=True, patience=QUICK)
    assert open_dataset(one_prefix).digest == other.digest


def test_a_damaged_local_shard_is_not_published(old, one_prefix):
    path = old.folder / old.index.shards[0].name
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(CorruptShard):
        publish(old, one_prefix, patience=QUICK)
    with pytest.raises(NotADataset, match="talkie publish"):
        open_dataset(one_prefix)


def test_damage_in_the_store_is_found(old, one_prefix):
    publish(old, one_prefix, patience=QUICK)
    shard = old.index.shards[0]
    data = (old.folder / shard.name).read_bytes()
    at = data.index(b"clip 0") if b"clip 0" in data else data.index(b"clip ")
    put(f"{one_prefix}/{shard.name}", data[:at] + b"CLIP" + data[at + 4 :])
    with pytest.raises(CorruptShard, match="digest differs"):
        open_dataset(one_prefix).verify()
    with pytest.raises(CorruptShard):
        list(open_dataset(one_prefix).clips(("txt",)))
    with pytest.raises(CorruptShard):
        [dict(open_dataset(one_prefix).raw(i).members) for i in old.ids_of(shard.name)]
    put(f"{one_prefix}/{shard.name}", data[:-1])
    with pytest.raises(CorruptShard, match="its record says"):
        open_dataset(one_prefix).verify()
    # A publication mends what was cut short.
    publish(old, one_prefix, patience=QUICK)
    open_dataset(one_prefix).verify()
    delete(f"{one_prefix}/{shard.name}")
    with pytest.raises(CorruptShard, match="missing"):
        open_dataset(one_prefix).verify()


def test_a_catalogue_in_other_bytes_that_says_the_same_stays(old, one_prefix):
    publish(old, one_prefix, patience=QUICK)
    shard = old.index.shards[0]
    table = pq.read_table(old.folder / shard.catalog_name)
    pq.write_table(table, old.folder / "again.parquet", compression="snappy")
    theirs = (old.folder / "again.parquet").read_bytes()
    put(f"{one_prefix}/{shard.catalog_name}", theirs)
    delete(f"{one_prefix}/index.json")
    publish(old, one_prefix, patience=QUICK)
    assert read(f"{one_prefix}/{shard.catalog_name}") == theirs
    there = open_dataset(one_prefix)
    there.verify()
    assert (there.digest, there.entries) == (old.digest, old.entries)


def test_the_cache_stays_within_its_bytes(old, one_prefix, tmp_path):
    publish(old, one_prefix, patience=QUICK)
    cache = ShardCache(tmp_path / "small", limit=30_000)
    there = open_remote(one_prefix, cache)
    for _ in range(2):
        assert len(list(there.clips(("txt",)))) == 6
        assert sum(p.stat().st_size for p in cache.folder.iterdir()) <= 30_000


def test_a_published_dataset_is_no_folder(old, one_prefix):
    publish(old, one_prefix, patience=QUICK)
    with pytest.raises(BadInput, match="is published"):
        open_dataset(one_prefix).folder  # noqa: B018


def test_a_folder_is_published_to_as_a_bucket_is(old, tmp_path):
    publish(old, str(tmp_path / "mirror"))
    assert contents(tmp_path / "mirror") == contents(old.folder)
    assert not publish(old, str(tmp_path / "mirror")).changed


def test_the_command_line_publishes_and_verifies(old, one_prefix):
    from talkie.cli.main import app

    run = CliRunner().invoke
    first = run(app, ["publish", str(old.folder), one_prefix, "--json"])
    assert first.exit_code == 0, first.output
    assert '"changed": true' in first.stdout
    checked = run(app, ["verify", one_prefix, "--json"])
    assert checked.exit_code == 0, checked.output
    assert old.digest in checked.stdout
