"""Reenactment: pictures of one person move as a driving video does. No network is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from talkie.clip import Clip
from talkie.systems.task import Material, Task
from talkie.systems.tasks.checks import check_frames, clip_pictures
from talkie.systems.tasks.film import film_videos
from talkie.systems.tasks.video import VideoResult, show_video, still_picture, video_truth


@dataclass(frozen=True)
class ReenactmentRequest:
    """Whom to move, and how. sources (N, H, W, 3) uint8: pictures of the person, the first one leads; driving
    (T, H, W, 3) uint8: face crops of the driver.

    `relative`: the motion since the driver's first frame is added to the source's own pose, which keeps the source's
    proportions; else the driver's pose is taken as it is. `controls`: values for the names in the system's card.
    """

    sources: np.ndarray
    driving: np.ndarray
    relative: bool = False
    controls: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        check_frames(self.sources, "sources")
        check_frames(self.driving, "driving")

    @property
    def frames(self) -> int:
        return len(self.driving)


def request_of(clip: Clip) -> ReenactmentRequest:
    """A person driven by their own video from its first frame: the only case with a known answer."""
    frames = clip_pictures(clip)
    return ReenactmentRequest(frames[:1], frames)


def request_from(material: Material) -> ReenactmentRequest:
    """A portrait that takes over what moves in the driving video, from its first frame on. Raises BadInput where one of
    them is missing."""
    sources, driving = material.need("portrait")[None], material.need("driving")
    return ReenactmentRequest(sources, driving, relative=True, controls=material.controls, seed=material.seed)


REENACTMENT = Task(
    slug="reenactment",
    title="A driving video moves a portrait",
    request=ReenactmentRequest,
    result=VideoResult,
    endpoint="/v1/reenactment",
    needs=("mp4",),
    metrics=("l1", "ssim", "psnr", "f_lmd"),
    request_of=request_of,
    truth_of=video_truth,
    baseline=still_picture(lambda request: request.sources[0], lambda request: request.frames),
    baseline_name="still source",
    control=lambda request, other: replace(request, driving=other.driving),
    control_name="shuffled driver",
    show=show_video,
    film=film_videos,
    request_from=request_from,
)
