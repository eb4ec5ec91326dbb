"""Addresses as text: which are remote, what may be shown of them, how they are joined. Nothing is opened here."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_SECRET = re.compile(
    r"sig|token|secret|passw|credential|auth|policy|expires|key-?(pair-?)?id|api-?key|^key$|^x-(amz|goog)-",
    re.IGNORECASE,
)
"""Names of query parameters that carry a signature or a key: AWS and Google signed addresses, CloudFront, tokens."""
_AZURE = frozenset(
    ("sv", "ss", "srt", "sp", "se", "st", "spr", "sr", "sig", "skoid", "sktid", "skt", "ske", "sks", "skv")
)
"""Parameters of an Azure shared access signature, which are secret as soon as one of them is `sig`."""


def scheme_of(uri: str | Path) -> str:
    """The scheme in lower case; "file" for a path."""
    match = _SCHEME.match(uri) if isinstance(uri, str) else None
    return match[1].lower() if match else "file"


def is_remote(uri: str | Path) -> bool:
    """Whether an address is neither a path nor a file:// address."""
    return scheme_of(uri) != "file"


def local_path(uri: str | Path) -> Path:
    """The path of a local address: a path, or what file:// names (RFC 8089; percent escapes are undone)."""
    if isinstance(uri, Path) or not _SCHEME.match(uri):
        return Path(uri)
    return Path(unquote(urlsplit(uri).path))


def shown(uri: str | Path) -> str:
    """An address as it may be printed, logged and stored: without user, password and signature."""
    if not is_remote(uri):
        return os.fsencode(uri).decode("utf-8", "backslashreplace")
    parts = urlsplit(str(uri))
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    azure = any(name == "sig" for name, _ in pairs)
    kept = [(name, value) for name, value in pairs if not (_SECRET.search(name) or (azure and name in _AZURE))]
    # A query that hides nothing stays as it was written.
    query = parts.query if len(kept) == len(pairs) else urlencode(kept)
    place = parts.netloc.rpartition("@")[2]
    # S3 has no query: a question mark belongs to the key.
    if parts.scheme.lower() not in ("http", "https") and len(kept) == len(pairs):
        return f"{str(uri).partition('://')[0]}://{place}{str(uri).partition('://')[2][len(parts.netloc) :]}"
    return urlunsplit((parts.scheme, place, parts.path, query, ""))


def join(prefix: str | Path, *names: str) -> str:
    """The address of a name below a prefix."""
    if not is_remote(prefix):
        return str(local_path(prefix).joinpath(*names))
    return "/".join((str(prefix).rstrip("/"), *names))


def name_of(uri: str | Path) -> str:
    """The last part of an address, as it may be shown."""
    path = shown(uri)
    if scheme_of(uri) in ("http", "https"):
        path = unquote(urlsplit(path).path)
    return PurePosixPath(path.rstrip("/")).name


def suffix_of(uri: str | Path) -> str:
    """The suffix in lower case, with its dot; of a web address that of its path."""
    return PurePosixPath(name_of(uri)).suffix.lower()


def bucket_and_key(uri: str) -> tuple[str, str]:
    """`s3://bucket/a/b` as ("bucket", "a/b"). A key may hold anything, question marks included."""
    bucket, _, key = _SCHEME.sub("", uri).partition("/")
    return bucket.rpartition("@")[2], key
