"""S3 and what speaks its protocol, through boto3: AWS_ENDPOINT_URL names another service, AWS_* the credentials."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from talkie.errors import MissingExtra, ObjectNotFound, StorageDenied, StorageError
from talkie.storage.address import bucket_and_key, shown
from talkie.storage.patience import Patience, Transient, persevere
from talkie.storage.store import Condition, NotMet, Opened, Stat, content_range

LARGEST_PUT = 5 * 2**30
"""Bytes of the largest object that one PUT may carry (Amazon S3 user guide, "Uploading objects")."""
_GONE = frozenset(("NoSuchKey", "NoSuchBucket", "NotFound", "404"))
_DENIED = frozenset(
    (
        "AccessDenied", "ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired",
        "InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthFailure", "Forbidden", "Unauthorized",
    )
)  # fmt: skip
_BUSY = frozenset(("SlowDown", "RequestTimeout", "Throttling", "TooManyRequests", "ConditionalRequestConflict"))
_CURES = {
    "ExpiredToken": "the credentials have expired: renew them and run again",
    "ExpiredTokenException": "the credentials have expired: renew them and run again",
    "RequestTimeTooSkewed": "set the clock of this machine",
    "NoSuchBucket": "make the bucket first",
}


class S3Store:
    """Addresses are s3://bucket/key. Retries are `Patience`'s, so boto's own are off."""

    conditions = None

    def __init__(self, patience: Patience):
        self._patience = patience

    @property
    def _client(self) -> Any:
        # Credentials may be renewed in a running process.
        return _client(self._patience, frozenset((k, v) for k, v in os.environ.items() if k.startswith("AWS_")))

    def stat(self, uri: str) -> Stat:
        bucket, key = _parts(uri)
        with _told(uri):
            found = self._client.head_object(Bucket=bucket, Key=key)
        return Stat(uri, found["ContentLength"], _stamp(found), found["LastModified"].timestamp())

    def list(self, prefix: str) -> Iterator[Stat]:
        bucket, key = bucket_and_key(prefix)
        values = {"Bucket": bucket, "Prefix": key}
        while True:
            page = persevere(partial(self._page, prefix, values), self._patience, shown(prefix))
            for entry in page.get("Contents", ()):
                place = f"s3://{bucket}/{entry['Key']}"
                yield Stat(place, entry["Size"], _stamp(entry), entry["LastModified"].timestamp())
            if not page.get("IsTruncated"):
                return
            values = {**values, "ContinuationToken": page["NextContinuationToken"]}

    def _page(self, prefix: str, values: dict[str, str]) -> Any:
        with _told(prefix):
            return self._client.list_objects_v2(**values)

    @contextmanager
    def open(self, uri: str, start: int = 0, stop: int | None = None) -> Iterator[Opened]:
        bucket, key = _parts(uri)
        wanted = {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"} if start or stop is not None else {}
        with _told(uri):
            found = self._client.get_object(Bucket=bucket, Key=key, **wanted)
            body = found["Body"]
            # read1 gives what has arrived; read would wait for as much as it was asked for, however slowly it drips.
            read = getattr(body._raw_stream, "read1", body.read)
            # rclone's server answers a range with status 200, so the header decides.
            begun, size = content_range(found.get("ContentRange")) or (0, found.get("ContentLength"))

            def told(count: int) -> bytes:
                with _told(uri):
                    return read(count)

            try:
                yield Opened(size, _stamp(found), begun, told)
            finally:
                body.close()

    def put(self, uri: str, content: Path | bytes, condition: Condition) -> None:
        bucket, key = _parts(uri)
        asked = {"IfNoneMatch": "*"} if condition.absent else {}
        if condition.stamp is not None:
            asked["IfMatch"] = f'"{condition.stamp}"'
        if isinstance(content, bytes):
            digest = hashlib.md5(content, usedforsecurity=False).digest()
            self._put(uri, asked, Bucket=bucket, Key=key, Body=content, ContentMD5=_text(digest))
            return
        if content.stat().st_size > LARGEST_PUT:
            raise StorageError("is larger than the 5 GiB that one put may carry", where=shown(content))
        with content.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).digest()
            file.seek(0)
            self._put(uri, asked, Bucket=bucket, Key=key, Body=file, ContentMD5=_text(digest))

    def _put(self, uri: str, asked: dict[str, str], **values: Any) -> None:
        with _told(uri, met=bool(asked)):
            self._client.put_object(**values, **asked)

    def delete(self, uri: str) -> None:
        bucket, key = _parts(uri)
        with _told(uri):
            self._client.delete_object(Bucket=bucket, Key=key)


@lru_cache(maxsize=8)
def _client(patience: Patience, environment: frozenset[tuple[str, str]]) -> Any:
    try:
        import boto3
        from botocore.config import Config
    except ImportError as error:
        raise MissingExtra("s3:// needs boto3", cure="pip install 'talkie[s3]'") from error
    style = "path" if any(name.startswith("AWS_ENDPOINT_URL") for name, _ in environment) else "auto"
    config = Config(
        connect_timeout=patience.connect_s,
        read_timeout=patience.stall_s,
        retries={"total_max_attempts": 1},
        max_pool_connections=32,
        s3={"addressing_style": style},
        # Checksum trailers are refused by older services; puts carry Content-MD5, which all know.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.session.Session().client("s3", config=config)


def _parts(uri: str) -> tuple[str, str]:
    bucket, key = bucket_and_key(uri)
    if not bucket or not key:
        raise StorageError("names no object", where=shown(uri), cure="write s3://bucket/key")
    return bucket, key


def _text(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def _stamp(found: dict[str, Any]) -> str | None:
    tag = found.get("ETag")
    # Some services quote the tag in one answer and not in another.
    return tag.removeprefix("W/").strip('"') if tag else None


@contextmanager
def _told(uri: str, met: bool = False) -> Iterator[None]:
    """boto's errors as ours. Its texts may hold addresses and keys, so only codes and types are passed on."""
    import urllib3
    from botocore import exceptions as boto

    try:
        yield
    except boto.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if met and (status == 412 or code == "PreconditionFailed"):
            raise NotMet from error
        raise _told_of(code, status, uri) from error
    except (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError) as error:
        cure = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        raise StorageDenied("no complete credentials were found", where=shown(uri), cure=cure) from error
    except (boto.ParamValidationError, boto.InvalidRegionError, boto.NoRegionError) as error:
        raise StorageError(f"cannot be asked for ({type(error).__name__})", where=shown(uri)) from error
    except (boto.HTTPClientError, boto.ConnectionError, urllib3.exceptions.HTTPError, OSError) as error:
        raise Transient(f"the connection failed ({type(error).__name__})") from error
    except boto.BotoCoreError as error:
        raise StorageError(f"cannot be used ({type(error).__name__})", where=shown(uri)) from error


def _told_of(code: str, status: int, uri: str) -> Exception:
    if code in _GONE or status == 404:
        what = "no such bucket" if code == "NoSuchBucket" else "no such object"
        return ObjectNotFound(what, where=shown(uri), cure=_CURES.get(code))
    if code in _BUSY or status in (408, 409, 429) or status >= 500:
        return Transient(f"the store answers {status} {code}".rstrip())
    if code in ("", "400") and status == 400:
        # The answer to a HEAD has no body, so the store cannot say more; expired credentials get this one.
        cure = "renew the credentials, and check the region and the endpoint"
        return StorageDenied("the store answers 400 without a reason", where=shown(uri), cure=cure)
    if code in _DENIED or status in (401, 403):
        cure = _CURES.get(code, "check the credentials and their rights")
        return StorageDenied(f"access denied ({code or status})", where=shown(uri), cure=cure)
    return StorageError(f"the store answers {status} {code}".rstrip(), where=shown(uri))
