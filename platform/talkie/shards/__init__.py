"""WebDataset shards: write, index, read, verify and edit clips on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from talkie.late import late

if TYPE_CHECKING:
    from talkie.shards.dataset import Dataset, open_dataset
    from talkie.shards.edit import annotate, export, merge, subset
    from talkie.shards.entry import LedgerEntry
    from talkie.shards.fields import RawClip, decode_field, encode_field
    from talkie.shards.index import Index, settings_digest
    from talkie.shards.lazy import LazyFields, Tally, pictures, planes, speech
    from talkie.shards.ledger import Ledger
    from talkie.shards.publication import Published, publish
    from talkie.shards.writer import commit, existing_dataset

_HOMES = {
    "Dataset": "dataset",
    "Index": "index",
    "LazyFields": "lazy",
    "Ledger": "ledger",
    "LedgerEntry": "entry",
    "Published": "publication",
    "RawClip": "fields",
    "Tally": "lazy",
    "annotate": "edit",
    "commit": "writer",
    "decode_field": "fields",
    "encode_field": "fields",
    "existing_dataset": "writer",
    "export": "edit",
    "merge": "edit",
    "open_dataset": "dataset",
    "pictures": "lazy",
    "planes": "lazy",
    "publish": "publication",
    "settings_digest": "index",
    "speech": "lazy",
    "subset": "edit",
}


# Who stages a clip needs neither Parquet nor a store.
__getattr__ = late(__name__, _HOMES)

__all__ = [
    "Dataset",
    "Index",
    "LazyFields",
    "Ledger",
    "LedgerEntry",
    "Published",
    "RawClip",
    "Tally",
    "annotate",
    "commit",
    "decode_field",
    "encode_field",
    "existing_dataset",
    "export",
    "merge",
    "open_dataset",
    "pictures",
    "planes",
    "publish",
    "settings_digest",
    "speech",
    "subset",
]
