"""Adapters by name, as curation finds them: through the entry point group `talkie.datasets`."""

from talkie.curation.sources.adapters import GROUP, dataset_class, dataset_names, load_dataset

__all__ = ["GROUP", "dataset_class", "dataset_names", "load_dataset"]
