"""One adapter per public data set: a folder in its official layout becomes source records with identity, split,
labels, text and licence. Nothing here downloads, decodes or trains."""

from talkie_datasets.base import REASONS, Dataset, Item, Reason, Skipped
from talkie_datasets.registry import GROUP, dataset_class, dataset_names, load_dataset
from talkie_datasets.survey import Survey

__all__ = [
    "GROUP",
    "REASONS",
    "Dataset",
    "Item",
    "Reason",
    "Skipped",
    "Survey",
    "dataset_class",
    "dataset_names",
    "load_dataset",
]
