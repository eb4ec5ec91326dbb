"""WebDataset shards: write, index, read, verify and edit clips on disk."""

from talkie.shards.dataset import Dataset, open_dataset
from talkie.shards.edit import annotate, export, merge, subset
from talkie.shards.fields import RawClip, decode_field, encode_field
from talkie.shards.index import Index, settings_digest
from talkie.shards.lazy import LazyFields, Tally, pictures, planes, speech
from talkie.shards.ledger import Ledger, LedgerEntry
from talkie.shards.publish import Published, publish
from talkie.shards.writer import commit, existing_dataset

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
