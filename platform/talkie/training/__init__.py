"""Trains a system on shards: Ray Train starts the workers, DeepSpeed owns the optimisers, checkpoints are committed
with digests. What a system is lives in `talkie.systems`, run tracking in `talkie.experiments`."""

from talkie.training.config import TrainConfig
from talkie.training.events import TrainEvent
from talkie.training.run import Data, TrainResult, corpora_of, train

__all__ = ["Data", "TrainConfig", "TrainEvent", "TrainResult", "corpora_of", "train"]
