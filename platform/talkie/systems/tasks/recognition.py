"""Recognition: a video of a face gets labels with scores, or an answer in words. No network is here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from talkie.clip import Clip
from talkie.errors import NotADataset
from talkie.systems.task import Material, Task
from talkie.systems.tasks.checks import check_audio, check_frames, clip_pictures
from talkie.systems.tasks.film import film_labels


@dataclass(frozen=True)
class RecognitionRequest:
    """What to look at. frames (T, H, W, 3) uint8 at 25 fps; `audio` (N,) float32 16 kHz mono where a method listens;
    `question` for methods that answer in words."""

    frames: np.ndarray
    audio: np.ndarray | None = None
    question: str = ""
    controls: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_frames(self.frames, "frames")
        if self.audio is not None:
            check_audio(self.audio)


@dataclass(frozen=True)
class RecognitionResult:
    """`scores`: for every attribute (emotion, attack …) its labels with scores that add up to 1. `text`: an answer in
    words. `tracks`: scores over time, (T, labels) by attribute."""

    scores: Mapping[str, Mapping[str, float]]
    text: str = ""
    tracks: Mapping[str, np.ndarray] = field(default_factory=dict)

    def best(self, attribute: str) -> str:
        """The label with the highest score, the first by name where several share it."""
        scores = self.scores[attribute]
        return min(scores, key=lambda label: (-scores[label], label))


@dataclass(frozen=True)
class Priors:
    """The trivial baseline: every video gets the shares of the labels in the training clips."""

    shares: Mapping[str, Mapping[str, float]]

    def generate(self, request: RecognitionRequest) -> RecognitionResult:
        return RecognitionResult(self.shares)


def request_of(clip: Clip) -> RecognitionRequest:
    """The clip's frames."""
    return RecognitionRequest(clip_pictures(clip))


def truth_of(clip: Clip) -> RecognitionResult:
    """The labels of the clip's record, each with score 1."""
    return RecognitionResult({name: {label: 1.0} for name, label in clip.record.labels.items()})


def priors(clips: Iterable[Clip]) -> Priors:
    """Fits the baseline. Raises NotADataset where no clip has a label."""
    counts: dict[str, Counter[str]] = {}
    for clip in clips:
        for name, label in clip.record.labels.items():
            counts.setdefault(name, Counter())[label] += 1
    if not counts:
        raise NotADataset("no clip has a label", cure="curate with a manifest that has label columns")
    return Priors({n: {label: k / c.total() for label, k in sorted(c.items())} for n, c in sorted(counts.items())})


def request_from(material: Material) -> RecognitionRequest:
    """A video, with its sound where there is some. Raises BadInput without a video."""
    return RecognitionRequest(material.need("video"), material.audio, controls=material.controls)


RECOGNITION = Task(
    slug="recognition",
    title="Labels of a face video",
    request=RecognitionRequest,
    result=RecognitionResult,
    endpoint="/v1/recognition",
    needs=("mp4",),
    metrics=("uar", "war"),
    film=film_labels,
    also=("hter", "auc", "eer", "apcer", "bpcer"),
    request_of=request_of,
    truth_of=truth_of,
    baseline=priors,
    baseline_name="class shares",
    control=lambda request, other: replace(request, frames=other.frames),
    control_name="shuffled video",
    request_from=request_from,
)
