"""Speech to video: one portrait and a recording become a talking portrait. No network is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from talkie.clip import Clip
from talkie.systems.task import Material, Task
from talkie.systems.tasks.checks import check_audio, check_frames, check_picture, clip_audio, clip_pictures
from talkie.systems.tasks.film import film_videos
from talkie.systems.tasks.speech_to_motion import frames_of
from talkie.systems.tasks.video import VideoResult, show_video, still_picture, video_truth


@dataclass(frozen=True)
class SpeechToVideoRequest:
    """Whom to animate and what they say. portrait (H, W, 3) uint8 RGB, a square face crop; audio (N,) float32 in
    [-1, 1], 16 kHz mono.

    `style`: frames (S, H, W, 3) uint8 of a face whose manner is to be taken over, for methods with a style encoder.
    `controls`: values for the names in the system's card (emotion, intensity, pose (T, 3) radians, gaze, weights).
    `seed` decides what the method draws. Raises BadInput for pictures or sound of a wrong form.
    """

    portrait: np.ndarray
    audio: np.ndarray
    style: np.ndarray | None = None
    controls: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        check_picture(self.portrait, "portrait")
        check_audio(self.audio)
        if self.style is not None:
            check_frames(self.style, "style")

    @property
    def frames(self) -> int:
        return frames_of(len(self.audio))


def request_of(clip: Clip) -> SpeechToVideoRequest:
    """The clip's first frame and its own speech: what the clip shows is then the answer."""
    return SpeechToVideoRequest(clip_pictures(clip)[0], clip_audio(clip))


def request_from(material: Material) -> SpeechToVideoRequest:
    """A portrait and speech. Raises BadInput where one of them is missing."""
    portrait, audio = material.need("portrait"), material.need("audio")
    return SpeechToVideoRequest(portrait, audio, controls=material.controls, seed=material.seed)


SPEECH_TO_VIDEO = Task(
    slug="speech_to_video",
    title="Speech and a portrait to video",
    request=SpeechToVideoRequest,
    result=VideoResult,
    endpoint="/v1/portrait-video",
    needs=("mp4", "flac"),
    metrics=("aperture_correlation", "l1", "ssim", "lmd"),
    request_of=request_of,
    truth_of=video_truth,
    baseline=still_picture(lambda request: request.portrait, lambda request: request.frames),
    baseline_name="still portrait",
    control=lambda request, other: replace(request, audio=other.audio),
    control_name="shuffled audio",
    show=show_video,
    film=film_videos,
    request_from=request_from,
)
