"""The virtual capture stage: synthetic footage with complete ground truth."""

from talkie.stage.record import StageConfig, film_take, record

__all__ = ["StageConfig", "film_take", "record"]
