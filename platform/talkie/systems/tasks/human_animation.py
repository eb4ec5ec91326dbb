"""Human animation: a reference picture moves along a sequence of body and face poses. No network is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from talkie.clip import Clip
from talkie.errors import BadInput
from talkie.systems.task import Task
from talkie.systems.tasks.checks import check_finite, check_picture, clip_pictures
from talkie.systems.tasks.film import film_videos
from talkie.systems.tasks.video import VideoResult, show_video, still_picture, video_truth


@dataclass(frozen=True)
class HumanAnimationRequest:
    """Whom to move, and through which poses. reference (H, W, 3) uint8.

    `guidance`: arrays with one row a frame: "pose" (T, 33, 3) body points in MediaPipe's order, crop pixels and a
    flag; "coco133" (T, 133, 3) the same for the whole body in COCO's; "hands" (T, 2, 21, 3); "landmarks" (T, 478, 3);
    "depth" (T, H, W); "normals" (T, H, W, 3). `reference_pose`: the reference's own "pose" row, where it is known.
    Raises BadInput where no guidance is given or its rows disagree.
    """

    reference: np.ndarray
    guidance: Mapping[str, np.ndarray]
    reference_pose: np.ndarray | None = None
    controls: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        check_picture(self.reference, "reference")
        rows = {name: len(array) for name, array in self.guidance.items()}
        if not rows or min(rows.values()) < 1:
            raise BadInput("no pose to follow", cure="send at least one guidance sequence")
        if len(set(rows.values())) > 1:
            raise BadInput(f"guidance of different lengths: {rows}", cure="cut all sequences to the same frames")
        if "pose" in self.guidance:
            check_finite(self.guidance["pose"], "pose", (33, 3))

    @property
    def frames(self) -> int:
        return len(next(iter(self.guidance.values())))


def request_of(clip: Clip) -> HumanAnimationRequest:
    """The clip's first frame and its own poses."""
    points = clip.fields["pose.npz"]
    guidance = {"pose": points["mediapipe33"]}
    if "coco133" in points:
        guidance["coco133"] = points["coco133"]
    if "landmarks.npy" in clip.fields:
        guidance["landmarks"] = clip.fields["landmarks.npy"]
    if "hands.npz" in clip.fields:
        guidance["hands"] = clip.fields["hands.npz"]["landmarks"]
    return HumanAnimationRequest(clip_pictures(clip)[0], guidance, points["mediapipe33"][0])


HUMAN_ANIMATION = Task(
    slug="human_animation",
    title="A sequence of poses moves a person",
    request=HumanAnimationRequest,
    result=VideoResult,
    endpoint="/v1/human-animation",
    needs=("mp4", "pose.npz"),
    metrics=("l1", "ssim", "psnr"),
    request_of=request_of,
    truth_of=video_truth,
    baseline=still_picture(lambda request: request.reference, lambda request: request.frames),
    baseline_name="still reference",
    control=lambda request, other: replace(request, guidance=other.guidance),
    control_name="shuffled poses",
    show=show_video,
    film=film_videos,
)
