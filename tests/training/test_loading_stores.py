"""Corpora in object stores: the same batches as from disk, few requests, a folder that never outgrows its bound, and
a clear stop where the store is gone."""

from __future__ import annotations

import fcntl
import os

import numpy as np
import pytest
from loading_system import clip, collected, loader

from object_stores import QUICK, use
from talkie.errors import StorageError, StorageUnreachable
from talkie.shards import commit, open_dataset, publish
from talkie.shards import remote as remote_shards
from talkie.storage import ranged
from talkie.training.loading import Corpus
from talkie.training.loading.nearby import Nearby

COUNT = 24


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TALKIE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    """24 clips of some 100 KB in several shards."""
    rng = np.random.default_rng(0)
    clips = [clip(n, members={"txt": b"t", "flac": rng.bytes(100_000)}) for n in range(COUNT)]
    commit(tmp_path / "shards", clips, settings={}, max_shard_bytes=800_000)
    return tmp_path / "shards"


def published(folder, store, tmp_path) -> Corpus:
    prefix = f"{store.uri}/{tmp_path.name}"
    publish(open_dataset(folder), prefix, patience=QUICK)
    return Corpus(prefix)


def size_of(folder) -> int:
    """Bytes of a disk cache while nobody changes it: loaders of other processes wait for the lock."""
    with (folder / "parts" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(folder) for name in names)


def heard(taken, draw):
    return taken.fields.raw("flac")


def test_a_store_gives_the_batches_of_the_folder_it_was_published_from(folder, store, tmp_path, monkeypatch):
    whole = collected(loader(Corpus(folder)), range(4))
    away = published(folder, store, tmp_path)
    assert collected(loader(away, {"loaders": 2}, batch_size=8), range(4)) == whole


def test_the_disk_cache_serves_later_epochs_and_stays_within_its_bound(
    folder, rclone_store, tmp_path, monkeypatch, proxied
):
    away = published(folder, rclone_store, tmp_path)
    proxy = proxied(rclone_store.endpoint)
    use(monkeypatch, proxy.endpoint)
    from loading_system import Noting, phase

    from talkie.training.loading import LoadConfig, Loader

    class Hearing(Noting):
        card = Noting.card.model_copy(update={"needs": ("txt", "flac")})

    def epochs(bound_mb: int, count: int) -> list[int]:
        """Requests for shards in each epoch, with the folder looked at after every step."""
        load = LoadConfig(disk_cache=tmp_path / f"near-{bound_mb}", disk_cache_mb=bound_mb, cache_mb=0, loaders=1)
        requests = []
        before = proxy.count("GET", ".tar")  # loaders read ahead from the moment they are made
        with Loader([away], Hearing(heard), phase(), load, seed=0, batch_size=8) as made:
            for epoch in range(count):
                for step in range(3 * epoch, 3 * epoch + 3):
                    assert all(len(b) == 100_000 for b in made.batch(step)["seen"])
                    assert size_of(load.disk_cache) <= bound_mb * 2**20
                requests.append(proxy.count("GET", ".tar") - before - sum(requests))
        return requests

    roomy = epochs(8, 2)
    assert roomy[1] == 0
    assert sum(roomy) == COUNT  # json, txt and flac of a clip in one request
    tight = epochs(1, 3)
    assert min(tight) > 0


def test_a_store_that_is_gone_stops_training_with_a_clear_error(folder, rclone_store, tmp_path, monkeypatch, proxied):
    monkeypatch.setattr(ranged, "PATIENCE", QUICK)
    monkeypatch.setattr(remote_shards, "read_part", lambda *a: ranged.read_part(*a, patience=QUICK))
    away = published(folder, rclone_store, tmp_path)
    proxy = proxied(rclone_store.endpoint)
    use(monkeypatch, proxy.endpoint)
    with loader(away, {"loaders": 2, "cache_mb": 0}) as made:
        for step in (0, 1):  # one from each loader: both have opened the corpus
            made.batch(step)
        use(monkeypatch, "http://127.0.0.1:9")
        with pytest.raises(StorageUnreachable, match=r"attempts\); check the network") as caught:
            collected(made, range(2, 20))
    assert "while preparing clip" in caught.value.__notes__[0]
    assert not made.skipped


def test_parts_are_kept_up_to_the_bound_and_the_oldest_go_first(tmp_path):
    near = Nearby(tmp_path, 1000)
    fetched = []

    def get(name):
        return near.get(name, lambda: fetched.append(name) or name.encode() * 300)

    for name in "abc":
        assert get(name) == name.encode() * 300
        os.utime(tmp_path / name, ns=(ord(name), ord(name)))
    assert [get(name)[:1] for name in "abc"] == [b"a", b"b", b"c"]
    get("d")
    assert sorted(p.name for p in tmp_path.iterdir() if not p.name.startswith(".")) == ["b", "c", "d"]
    assert fetched == list("abcd")
    near.forget("b")
    get("e")
    assert sorted(p.name for p in tmp_path.iterdir() if not p.name.startswith(".")) == ["c", "d", "e"]
    assert near.get("large", lambda: b"x" * 2000) == b"x" * 2000
    assert not (tmp_path / "large").exists()


def test_a_killed_writer_leaves_the_bound_intact(tmp_path):
    near = Nearby(tmp_path, 1000)
    near.get("a", lambda: b"a" * 600)
    (tmp_path / ".used").unlink()  # as if the folder came from somebody else
    Nearby(tmp_path, 1000).get("b", lambda: b"b" * 600)
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith(".")] == ["b"]


def test_a_folder_that_cannot_be_written_is_an_error_with_a_cure(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="name another folder for the disk cache"):
        Nearby(tmp_path / "file" / "below", 1000)
