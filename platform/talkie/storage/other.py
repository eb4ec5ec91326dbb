"""Every other protocol that fsspec has a package for (gs, az, sftp, memory, ...); puts there know no conditions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from talkie.errors import MissingExtra, ObjectNotFound, StorageDenied, StorageError, TalkieError
from talkie.storage.address import scheme_of, shown
from talkie.storage.patience import Patience, Transient
from talkie.storage.store import Condition, Opened, Stat

_STAMPS = ("etag", "ETag", "md5Hash", "content_md5", "generation", "mtime", "last_modified", "LastModified", "created")
"""Where the file systems of fsspec keep what changes with an object's content, the surest first."""


class OtherStore:
    """Addresses are whatever fsspec takes. Only one writer may put below a prefix at a time."""

    conditions = False

    def __init__(self, patience: Patience):
        del patience  # the packages behind fsspec keep their own timeouts

    def stat(self, uri: str) -> Stat:
        with _told(uri):
            system, path = _system(uri)
            return _stat(uri, system.info(path))

    def list(self, prefix: str) -> Iterator[Stat]:
        with _told(prefix):
            system, path = _system(f"{prefix.rpartition('/')[0]}/")
            # Addresses keep the scheme, the host and the spelling that they were asked for with.
            base = prefix.rpartition("/")[0]
            for name, info in sorted(system.find(path, detail=True).items()):
                place = f"{base}/{name.removeprefix(path).lstrip('/')}"
                if place.startswith(prefix):
                    yield _stat(place, info)

    @contextmanager
    def open(self, uri: str, start: int = 0, stop: int | None = None) -> Iterator[Opened]:
        with _told(uri):
            system, path = _system(uri)
            info = system.info(path)
            with system.open(path, "rb") as file:
                file.seek(start)

                def read(count: int) -> bytes:
                    with _told(uri):
                        return file.read(count if stop is None else max(0, min(count, stop - file.tell())))

                yield Opened(info.get("size"), _stat(uri, info).stamp, start, read)

    def put(self, uri: str, content: Path | bytes, condition: Condition) -> None:
        with _told(uri):
            system, path = _system(uri)
            system.makedirs(system._parent(path), exist_ok=True)
            if isinstance(content, bytes):
                system.pipe_file(path, content)
            else:
                system.put_file(str(content), path)

    def delete(self, uri: str) -> None:
        with _told(uri):
            system, path = _system(uri)
            if system.exists(path):
                system.rm_file(path)


def _system(uri: str) -> tuple[Any, str]:
    import fsspec.core

    return fsspec.core.url_to_fs(uri)


def _stat(uri: str, info: dict[str, Any]) -> Stat:
    if info.get("type") == "directory":
        raise StorageError("is a folder, not a file", where=shown(uri))
    stamp = next((str(info[name]) for name in _STAMPS if info.get(name)), None)
    modified = next((info[name] for name in ("mtime", "created", "last_modified") if info.get(name)), None)
    seconds: Any = modified.timestamp() if hasattr(modified, "timestamp") else modified  # type: ignore[union-attr]
    return Stat(uri, info.get("size"), stamp, float(seconds) if isinstance(seconds, (int, float)) else None)


@contextmanager
def _told(uri: str) -> Iterator[None]:
    try:
        yield
    except (TalkieError, Transient):
        raise
    except FileNotFoundError as error:
        raise ObjectNotFound("no such object", where=shown(uri)) from error
    except PermissionError as error:
        raise StorageDenied("access denied", where=shown(uri), cure="check the credentials") from error
    except ImportError as error:
        cure = f"install the package that fsspec uses for {scheme_of(uri)}://"
        raise MissingExtra(f"{scheme_of(uri)}:// needs another package", where=shown(uri), cure=cure) from error
    except ValueError as error:
        raise StorageError(f"no store is known for {scheme_of(uri)}://", where=shown(uri)) from error
    except OSError as error:
        raise Transient(f"the store failed ({type(error).__name__})") from error
