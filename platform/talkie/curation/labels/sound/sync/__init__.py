"""The audio-video offset of a clip: measured on mouth and sound, with the probability that it is right."""

from talkie.curation.labels.sound.sync.annotator import CONFIDENT, SyncAnnotator, correction_s
from talkie.curation.labels.sound.sync.offset import REACH, Estimate, estimate, source_samples, source_span

__all__ = [
    "CONFIDENT",
    "REACH",
    "Estimate",
    "SyncAnnotator",
    "correction_s",
    "estimate",
    "source_samples",
    "source_span",
]
