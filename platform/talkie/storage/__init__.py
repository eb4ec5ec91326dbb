"""Bytes at an address, wherever it points: local paths, S3, HTTP, anything fsspec reads."""

from talkie.storage.address import is_remote, join, local_path, name_of, shown, suffix_of
from talkie.storage.claim import single_writer
from talkie.storage.fetch import Fetched, digest_of, fetch
from talkie.storage.objects import (
    delete,
    honours_conditions,
    list_prefix,
    list_uris,
    put,
    put_if_absent,
    read,
    read_with_stamp,
    stat,
    swap,
)
from talkie.storage.patience import PATIENCE, Patience
from talkie.storage.ranged import open_uri, read_part
from talkie.storage.store import Stat

__all__ = [
    "PATIENCE",
    "Fetched",
    "Patience",
    "Stat",
    "delete",
    "digest_of",
    "fetch",
    "honours_conditions",
    "is_remote",
    "join",
    "list_prefix",
    "list_uris",
    "local_path",
    "name_of",
    "open_uri",
    "put",
    "put_if_absent",
    "read",
    "read_part",
    "read_with_stamp",
    "shown",
    "single_writer",
    "stat",
    "suffix_of",
    "swap",
]
