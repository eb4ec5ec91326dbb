"""Speech to motion: its typed request and result, the truth of a clip in the same types, and the trivial baseline.
No network is here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from talkie.clip import FPS, SAMPLES_PER_FRAME, Clip
from talkie.errors import NotADataset
from talkie.systems.task import Task
from talkie.systems.tasks.checks import check_audio, clip_audio
from talkie.systems.tasks.curves import show_curves
from talkie.systems.tasks.film import film_motions

Convention = Literal["arkit", "vertices", "landmarks", "decimated"]
"""ARKit weights with the jaw's angles; every vertex of the head; the 478 landmarks; vertices of a coarser mesh."""
EXPRESSIONS = 52
"""ARKit expression weights, in Apple's order (`talkie.heads.ARKIT_NAMES`)."""

STATED = ("emotion", "intensity")
"""Labels of a clip that a system may be told: no speech says them for certain."""


def frames_of(samples: int) -> int:
    """Video frames that `samples` of 16 kHz audio cover, at least one."""
    return max(1, round(samples / SAMPLES_PER_FRAME))


@dataclass(frozen=True)
class SpeechToMotionRequest:
    """Speech to animate. audio: (N,) float32 in [-1, 1], 16 kHz mono. `identity`: the speaking style of a person the
    system was trained on, None for its neutral style. `convention`: what to answer beside the coefficients.
    `controls`: values for names in cards of the task (emotion, intensity); a system takes those of its own card.

    Raises BadInput for audio that is not a finite, non-empty vector.
    """

    audio: np.ndarray
    identity: str | None = None
    convention: Convention = "arkit"
    controls: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_audio(self.audio)

    @property
    def frames(self) -> int:
        return frames_of(len(self.audio))


@dataclass(frozen=True)
class MotionResult:
    """A moving face, 25 frames per second, in head space (the head's own position is not part of the task).

    expression (T, 52) float32 in [0, 1], ARKit order; jaw (T, 3) float32 axis-angle, radians. Where the request's
    convention asked: vertices (T, V, 3), of all or of the coarser mesh, or landmarks (T, 478, 3), float32, metres,
    offsets from the neutral face.
    """

    fps: int
    expression: np.ndarray
    jaw: np.ndarray
    vertices: np.ndarray | None = None
    landmarks: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.expression)

    def first(self, frames: int) -> MotionResult:
        """The first `frames` frames."""

        def cut(array: np.ndarray | None) -> np.ndarray | None:
            return None if array is None else array[:frames]

        return MotionResult(
            self.fps, self.expression[:frames], self.jaw[:frames], cut(self.vertices), cut(self.landmarks)
        )


def request_of(clip: Clip) -> SpeechToMotionRequest:
    """The request whose true answer is the clip's own motion, with the emotion that its record states. Needs the field
    `flac`."""
    labels = clip.record.labels
    return SpeechToMotionRequest(clip_audio(clip), controls={n: labels[n] for n in STATED if n in labels})


def truth_of(clip: Clip) -> MotionResult:
    """The motion that the clip's `head.npz` records. Its expressions must be the ARKit ones."""
    head = clip.fields["head.npz"]
    return MotionResult(FPS, head.expression.astype(np.float32), head.jaw.astype(np.float32))


@dataclass(frozen=True)
class MeanMotion:
    """The trivial baseline: every frame is the mean frame of the training split. expression (52,), jaw (3,)."""

    expression: np.ndarray
    jaw: np.ndarray

    def generate(self, request: SpeechToMotionRequest) -> MotionResult:
        frames = request.frames
        return MotionResult(FPS, np.tile(self.expression, (frames, 1)), np.tile(self.jaw, (frames, 1)))


def mean_motion(clips: Iterable[Clip]) -> MeanMotion:
    """Fits the baseline on the training split's `head.npz`. Raises NotADataset where there is no clip."""
    heads = [clip.fields["head.npz"] for clip in clips]
    if not heads:
        raise NotADataset("no clip to take the mean motion of", cure="record or curate clips of the train split")
    expression = np.concatenate([h.expression for h in heads]).mean(0)
    jaw = np.concatenate([h.jaw for h in heads]).mean(0)
    return MeanMotion(expression.astype(np.float32), jaw.astype(np.float32))


SPEECH_TO_MOTION = Task(
    slug="speech_to_motion",
    title="Speech to facial motion",
    request=SpeechToMotionRequest,
    result=MotionResult,
    endpoint="/v1/speech-to-motion",
    needs=("flac", "head.npz"),
    metrics=("lve", "fdd", "mve"),
    request_of=request_of,
    truth_of=truth_of,
    baseline=mean_motion,
    baseline_name="mean motion",
    control=lambda request, other: replace(request, audio=other.audio),
    control_name="shuffled audio",
    show=lambda clip, result: show_curves(truth_of(clip), result),
    film=film_motions,
)
