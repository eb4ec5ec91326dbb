"""Files of a web server, read through requests; nothing can be listed or written there."""

from __future__ import annotations

import email.utils
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from talkie.errors import ObjectNotFound, StorageDenied, StorageError
from talkie.storage.address import shown
from talkie.storage.patience import Patience, Transient
from talkie.storage.store import Condition, Opened, Stat, content_range

# A coded body would have other lengths and offsets than the file.
_PLAIN = {"Accept-Encoding": "identity"}


class HttpStore:
    """Addresses are http(s)://, with user and signature where the server wants them."""

    conditions = False

    def __init__(self, patience: Patience):
        self._patience = patience

    def stat(self, uri: str) -> Stat:
        with _told(uri):
            answer = self._ask("HEAD", uri, _PLAIN)
            answer.close()
        if answer.status_code in (405, 501) or answer.headers.get("Content-Length") is None:
            # Some servers know no HEAD, or tell no length in it: the first byte tells as much.
            with self.open(uri, 0, 1) as opened:
                return Stat(uri, opened.size, opened.stamp)
        _check(answer, uri)
        return Stat(uri, int(answer.headers["Content-Length"]), _stamp(answer), _modified(answer))

    def list(self, prefix: str) -> Iterator[Stat]:
        raise StorageError("a web server cannot be listed", where=shown(prefix), cure="name its files in a .txt list")

    @contextmanager
    def open(self, uri: str, start: int = 0, stop: int | None = None) -> Iterator[Opened]:
        wanted = {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"} if start or stop is not None else {}
        with _told(uri):
            answer = self._ask("GET", uri, {**_PLAIN, **wanted})
        with answer:
            _check(answer, uri)
            length = answer.headers.get("Content-Length", "")
            whole = (0, int(length) if length.isdigit() else None)
            begun, size = content_range(answer.headers.get("Content-Range")) or whole

            def read(count: int) -> bytes:
                with _told(uri):
                    return answer.raw.read1(count, decode_content=False)

            yield Opened(size, _stamp(answer), begun, read)

    def put(self, uri: str, content: Path | bytes, condition: Condition) -> None:
        raise StorageError("a web server cannot be written to", where=shown(uri), cure="use s3:// or a folder")

    def delete(self, uri: str) -> None:
        raise StorageError("a web server cannot be written to", where=shown(uri), cure="use s3:// or a folder")

    def _ask(self, method: str, uri: str, headers: dict[str, str]) -> Any:
        times = (self._patience.connect_s, self._patience.stall_s)
        return _session().request(method, uri, headers=headers, stream=True, timeout=times, allow_redirects=True)


@lru_cache(maxsize=1)
def _session() -> Any:
    import requests

    return requests.Session()


def _check(answer: Any, uri: str) -> None:
    status = answer.status_code
    if status in (200, 206):
        return
    if status in (404, 410):
        raise ObjectNotFound(f"the server answers {status}", where=shown(uri))
    if status in (401, 403, 407):
        cure = "a signed address may have expired: make a new one" if "?" in uri else "check the credentials"
        raise StorageDenied(f"the server answers {status}", where=shown(uri), cure=cure)
    if status in (408, 425, 429) or status >= 500:
        wait = answer.headers.get("Retry-After", "")
        raise Transient(f"the server answers {status}", float(wait) if wait.isdigit() else None)
    raise StorageError(f"the server answers {status}", where=shown(uri))


def _stamp(answer: Any) -> str | None:
    tag = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
    return tag.removeprefix("W/").strip('"') if tag else None


def _modified(answer: Any) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(answer.headers["Last-Modified"]).timestamp()
    except (KeyError, ValueError):
        return None


@contextmanager
def _told(uri: str) -> Iterator[None]:
    """Errors of requests as ours; their texts hold whole addresses, so only types are passed on."""
    import requests
    import urllib3

    try:
        yield
    except (
        requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema,
        requests.exceptions.TooManyRedirects, urllib3.exceptions.LocationParseError, UnicodeError,
    ) as error:  # fmt: skip
        raise StorageError(f"is no usable address ({type(error).__name__})", where=shown(uri)) from None
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise Transient(f"the connection failed ({type(error).__name__})") from None
