"""A video as an answer: what the tasks that end in pictures share, and the trivial answer to most of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from talkie.clip import FPS, Clip
from talkie.media import encode_mp4
from talkie.systems.tasks.checks import clip_pictures


@dataclass(frozen=True)
class VideoResult:
    """Frames (T, H, W, 3) uint8 RGB at `fps`. `tracks`: what the method computed on the way, by name, one row a frame
    (motion codes, keypoints in pixels, depth, flow), for those who edit or measure it."""

    fps: int
    frames: np.ndarray
    tracks: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frames)


def video_truth(clip: Clip) -> VideoResult:
    """The frames that the clip shows. Needs `mp4`."""
    return VideoResult(FPS, clip_pictures(clip))


def show_video(clip: Clip, result: VideoResult) -> Mapping[str, bytes]:
    """The answer as a film, beside what the clip shows where the sizes agree."""
    true, given = clip_pictures(clip), result.frames
    if true.shape[1:] == given.shape[1:]:
        frames = min(len(true), len(given))
        given = np.concatenate([true[:frames], given[:frames]], axis=2)
    return {"video.mp4": encode_mp4(given, result.fps)}


@dataclass(frozen=True)
class StillPicture:
    """The trivial baseline: the picture that was given, standing still for as long as was asked.

    `picture_of` and `frames_of` read both from the task's request.
    """

    picture_of: Callable[[Any], np.ndarray]
    frames_of: Callable[[Any], int]

    def generate(self, request: Any) -> VideoResult:
        picture = self.picture_of(request)
        return VideoResult(FPS, np.repeat(picture[None], self.frames_of(request), 0))


def still_picture(
    picture_of: Callable[[Any], np.ndarray], frames_of: Callable[[Any], int]
) -> Callable[[Iterable[Clip]], StillPicture]:
    """A task's `baseline`: nothing is fitted, so the training clips are not read."""
    return lambda clips: StillPicture(picture_of, frames_of)
