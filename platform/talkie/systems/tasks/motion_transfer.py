"""Motion transfer: what happens in one clip happens to something else, without tracked poses. No network is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from talkie.clip import Clip
from talkie.errors import BadInput
from talkie.systems.task import Task
from talkie.systems.tasks.checks import check_frames, check_picture, clip_pictures
from talkie.systems.tasks.film import film_videos
from talkie.systems.tasks.video import VideoResult, show_video, still_picture, video_truth


@dataclass(frozen=True)
class MotionTransferRequest:
    """Which motion, and onto what. reference (T, H, W, 3) uint8: the clip whose motion is taken; target (H, W, 3)
    uint8: the first picture of the answer, or None where `prompt` describes it (methods say which they take)."""

    reference: np.ndarray
    target: np.ndarray | None = None
    prompt: str = ""
    controls: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        check_frames(self.reference, "reference")
        if self.target is not None:
            check_picture(self.target, "target")
        elif not self.prompt:
            raise BadInput("nothing to move", cure="send a target picture or a prompt")

    @property
    def frames(self) -> int:
        return len(self.reference)


def request_of(clip: Clip) -> MotionTransferRequest:
    """A clip's motion onto its own first frame: the case with a known answer."""
    frames = clip_pictures(clip)
    return MotionTransferRequest(frames, frames[0])


def _still(request: MotionTransferRequest) -> np.ndarray:
    return request.reference[0] if request.target is None else request.target


MOTION_TRANSFER = Task(
    slug="motion_transfer",
    title="The motion of a clip moves a picture",
    request=MotionTransferRequest,
    result=VideoResult,
    endpoint="/v1/motion-transfer",
    needs=("mp4",),
    metrics=("l1", "ssim", "psnr"),
    request_of=request_of,
    truth_of=video_truth,
    baseline=still_picture(_still, lambda request: request.frames),
    baseline_name="still target",
    control=lambda request, other: replace(request, reference=other.reference),
    control_name="shuffled motion",
    show=show_video,
    film=film_videos,
)
