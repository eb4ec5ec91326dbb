"""Reads shards for training: what stands in which batch, and the way from members to collated examples."""

from talkie.training.loading.clips import TrainingClips
from talkie.training.loading.config import Corpus, LoadConfig
from talkie.training.loading.loader import Loader
from talkie.training.loading.reading import Skipped

__all__ = ["Corpus", "LoadConfig", "Loader", "Skipped", "TrainingClips"]
