"""Avatars: a model of one person is driven by speech, by expression, or by both, and filmed. No network is here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from talkie.clip import FPS, SAMPLES_PER_FRAME, Clip, HeadTrack
from talkie.errors import BadInput, NotADataset
from talkie.systems.task import Task
from talkie.systems.tasks.checks import check_audio, clip_audio, clip_pictures
from talkie.systems.tasks.film import film_videos
from talkie.systems.tasks.video import VideoResult, show_video, video_truth

_MOVING = ("expression", "jaw", "neck", "left_eye", "right_eye", "rotation", "translation", "K", "residual")


@dataclass(frozen=True)
class AvatarRequest:
    """How the person moves and from where they are seen. `motion`: head parameters and cameras, one row a frame, in
    `HeadTrack`'s conventions; `audio` (N,) float32 16 kHz mono from the first frame on, for methods whose lips follow
    speech. `size`: side of the answer's pictures in pixels; K of `motion` belongs to that size.
    """

    motion: HeadTrack
    audio: np.ndarray | None = None
    size: int = 256
    controls: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not len(self.motion):
            raise BadInput("a motion without frames", cure="send at least one frame")
        if self.audio is not None:
            check_audio(self.audio)

    @property
    def frames(self) -> int:
        return len(self.motion)


@dataclass(frozen=True)
class MeanFrame:
    """The trivial baseline: every frame is the mean picture (H, W, 3) uint8 of the training clips."""

    picture: np.ndarray

    def generate(self, request: AvatarRequest) -> VideoResult:
        return VideoResult(FPS, np.repeat(self.picture[None], request.frames, 0))


def request_of(clip: Clip) -> AvatarRequest:
    """The clip's own motion, speech and camera."""
    size = clip.record.crop.size if clip.record.crop else clip_pictures(clip).shape[1]
    return AvatarRequest(clip.fields["head.npz"], clip_audio(clip), size)


def mean_frame(clips: Iterable[Clip]) -> MeanFrame:
    """Fits the baseline on training clips, one after the other. Raises NotADataset where there is none."""
    total, count = None, 0
    for clip in clips:
        frames = clip_pictures(clip)
        part = frames.sum(0, dtype=np.float64)
        total = part if total is None else total + part
        count += len(frames)
    if total is None:
        raise NotADataset("no clip to take the mean frame of", cure="record or curate clips of the person")
    return MeanFrame(np.round(total / count).astype(np.uint8))


def _other_speech(request: AvatarRequest, other: AvatarRequest) -> AvatarRequest:
    if request.audio is None or other.audio is None:
        raise BadInput("no speech to exchange", cure="use clips with sound")
    return replace(request, audio=np.resize(other.audio, len(request.audio)))


def with_speech(request: AvatarRequest, audio: np.ndarray) -> AvatarRequest:
    """The person says something else: the motion goes forth and back for as long as that lasts."""
    motion = request.motion
    frames, turn = max(1, round(len(audio) / SAMPLES_PER_FRAME)), max(1, 2 * len(motion) - 2)
    at = np.arange(frames) % turn
    at = np.minimum(at, turn - at)
    moving = [*_MOVING, *(("R", "t") if motion.R.ndim == 3 else ())]
    return replace(request, motion=replace(motion, **{name: getattr(motion, name)[at] for name in moving}), audio=audio)


AVATARS = Task(
    slug="avatars",
    title="A model of one person, driven and filmed",
    request=AvatarRequest,
    result=VideoResult,
    endpoint="/v1/avatar-video",
    needs=("mp4", "flac", "head.npz"),
    metrics=("psnr_mouth", "psnr", "ssim", "l1"),
    request_of=request_of,
    truth_of=video_truth,
    baseline=mean_frame,
    baseline_name="mean frame",
    control=_other_speech,
    control_name="shuffled audio",
    with_speech=with_speech,
    show=show_video,
    film=film_videos,
    held_out="time",
)
