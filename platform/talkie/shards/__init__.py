"""WebDataset shards: write, index, read and verify clips on disk."""

from talkie.shards.dataset import Dataset, open_dataset
from talkie.shards.fields import RawClip, decode_field, encode_field
from talkie.shards.index import Index, settings_digest
from talkie.shards.ledger import Ledger, LedgerEntry
from talkie.shards.writer import commit, existing_dataset

__all__ = [
    "Dataset",
    "Index",
    "Ledger",
    "LedgerEntry",
    "RawClip",
    "commit",
    "decode_field",
    "encode_field",
    "existing_dataset",
    "open_dataset",
    "settings_digest",
]
