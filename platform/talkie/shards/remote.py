"""Published datasets read where they lie: members in ranges, whole shards through a bounded local cache."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from talkie.errors import BadInput, NotADataset, ObjectNotFound
from talkie.shards.dataset import Dataset, corrupt
from talkie.shards.index import INDEX_NAME, Index, ShardEntry, decode_index
from talkie.storage import digest_of, fetch, join, read, read_part, shown, stat

CACHE_BYTES = 20 * 2**30


class ShardCache:
    """Files by their SHA-256 in a folder of at most `limit` bytes, the one used longest ago going first. Several
    processes may share one. By default the folder that TALKIE_CACHE names, else ~/.cache/talkie/shards."""

    def __init__(self, folder: Path | None = None, limit: int = CACHE_BYTES):
        named = os.environ.get("TALKIE_CACHE")
        self.folder = folder or (Path(named) if named else Path.home() / ".cache" / "talkie") / "shards"
        self.limit = limit

    def held(self, sha256: str) -> Path | None:
        """The file, if it is there."""
        path = self.folder / sha256
        try:
            os.utime(path)
        except OSError:
            return None
        return path

    def get(self, uri: str, sha256: str) -> Path:
        """The file, brought if it is not there. Raises CorruptShard where other bytes lie at the address."""
        found = self.held(sha256)
        if found is not None:
            return found
        fetched = fetch(uri, self.folder / f"incoming-{secrets.token_hex(4)}")
        try:
            if fetched.sha256 != sha256:
                raise corrupt(shown(uri), "its digest differs from the commit record")
            self._make_room(fetched.size)
            fetched.path.replace(self.folder / sha256)
        finally:
            fetched.path.unlink(missing_ok=True)
            fetched.path.parent.rmdir()
        return self.folder / sha256

    def _make_room(self, size: int) -> None:
        """What is being read stays readable: its name alone goes."""
        held = []
        for entry in os.scandir(self.folder):
            with contextlib.suppress(FileNotFoundError):  # another process made room at the same time
                found = entry.stat()
                held += [(found.st_mtime_ns, found.st_size, entry.path)] if entry.is_file() else []
        used = sum(bytes_ for _, bytes_, _ in held) + size
        for _, bytes_, path in sorted(held):
            if used <= self.limit:
                return
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            used -= bytes_


class RemoteDataset(Dataset):
    """A dataset that was published. `raw` reads members in ranges; `clips` brings whole shards."""

    def __init__(self, uri: str, index: Index, cache: ShardCache):
        super().__init__(cache.folder, index)
        self.uri, self._cache = uri, cache
        self._by_name = {shard.name: shard for shard in index.shards}

    @property
    def folder(self) -> Path:
        raise BadInput("is published, not a folder", where=self.where, cure="copy it with `talkie merge` first")

    @property
    def address(self) -> str:
        return self.uri

    @property
    def where(self) -> str:
        return shown(self.uri)

    def place(self, name: str) -> str:
        return shown(join(self.uri, name))

    def part(self, name: str, offset: int, size: int) -> bytes:
        held = self._cache.held(self._by_name[name].sha256)
        if held is not None:
            with contextlib.suppress(OSError), held.open("rb") as file:
                file.seek(offset)
                return file.read(size)
        try:
            return read_part(join(self.uri, name), offset, offset + size)
        except ObjectNotFound as error:
            raise corrupt(self.place(name), "the shard is missing") from error

    def _shard_file(self, shard: ShardEntry) -> Path:
        return self._brought(shard.name, shard.sha256)

    def _catalog_file(self, shard: ShardEntry) -> Path:
        return self._brought(shard.catalog_name, shard.catalog)

    def _brought(self, name: str, sha256: str) -> Path:
        try:
            return self._cache.get(join(self.uri, name), sha256)
        except ObjectNotFound as error:
            raise corrupt(self.place(name), "is missing") from error

    def _digest(self, shard: ShardEntry) -> str:
        return digest_of(join(self.uri, shard.name))[0]

    def _size(self, shard: ShardEntry) -> int | None:
        try:
            return stat(join(self.uri, shard.name)).size
        except ObjectNotFound:
            return None


def open_remote(uri: str, cache: ShardCache | None = None) -> RemoteDataset:
    """The dataset that was published at an address. Raises NotADataset, CorruptShard, StorageError."""
    place = join(uri, INDEX_NAME)
    try:
        data = read(place)
    except ObjectNotFound as error:
        what, cure = "no talkie shards here (index.json is missing)", "put some here with `talkie publish`"
        raise NotADataset(what, where=shown(uri), cure=cure) from error
    return RemoteDataset(uri, decode_index(data, shown(place)), cache or ShardCache())
