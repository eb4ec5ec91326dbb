"""Dubbing: the mouth of a video follows other speech, everything else stays. No network is here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from talkie.clip import FPS, Clip
from talkie.systems.task import Material, Task
from talkie.systems.tasks.checks import check_audio, check_finite, check_frames, clip_audio, clip_pictures
from talkie.systems.tasks.film import film_videos
from talkie.systems.tasks.video import VideoResult, show_video, video_truth


@dataclass(frozen=True)
class DubbingRequest:
    """Which video, and what is said in it. frames (T, H, W, 3) uint8: face crops at 25 fps; audio (N,) float32 in
    [-1, 1], 16 kHz mono, from the first frame on. `landmarks` (T, 478, 3) crop pixels, where they are known: methods
    that need a mouth box find it there. A method hides the mouth of `frames` from itself.
    """

    frames: np.ndarray
    audio: np.ndarray
    landmarks: np.ndarray | None = None
    controls: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        check_frames(self.frames, "frames")
        check_audio(self.audio)
        if self.landmarks is not None:
            check_finite(self.landmarks, "landmarks", (478, 3))


@dataclass(frozen=True)
class MeanMouth:
    """The trivial baseline: the lower half of every frame becomes the mean lower half of the video itself."""

    def generate(self, request: DubbingRequest) -> VideoResult:
        frames = request.frames.copy()
        lower = frames.shape[1] // 2
        frames[:, lower:] = np.round(request.frames[:, lower:].mean(0)).astype(np.uint8)
        return VideoResult(FPS, frames)


def request_of(clip: Clip) -> DubbingRequest:
    """A clip dubbed with its own speech: what it shows is then the answer."""
    return DubbingRequest(clip_pictures(clip), clip_audio(clip), clip.fields.get("landmarks.npy"))


def mean_mouth(clips: Iterable[Clip]) -> MeanMouth:
    """Nothing is fitted: the training clips are not read."""
    return MeanMouth()


def _other_speech(request: DubbingRequest, other: DubbingRequest) -> DubbingRequest:
    """Another clip's speech, repeated or cut to the length of this one."""
    return replace(request, audio=np.resize(other.audio, len(request.audio)))


def request_from(material: Material) -> DubbingRequest:
    """A video and what is to be said in it. Raises BadInput where one of them is missing."""
    video, audio = material.need("video"), material.need("audio")
    return DubbingRequest(video, audio, controls=material.controls, seed=material.seed)


DUBBING = Task(
    slug="dubbing",
    title="A video speaks other words",
    request=DubbingRequest,
    result=VideoResult,
    endpoint="/v1/dubbing",
    needs=("mp4", "flac", "landmarks.npy"),
    metrics=("l1_mouth", "aperture_correlation", "ssim"),
    request_of=request_of,
    truth_of=video_truth,
    baseline=mean_mouth,
    baseline_name="mean mouth",
    control=_other_speech,
    control_name="shuffled audio",
    show=show_video,
    film=film_videos,
    request_from=request_from,
)
