"""Named points of body, hands and face in the orders that pose detectors use; projection to images is elsewhere."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from talkie.errors import BadInput
from talkie.heads.body import shape
from talkie.heads.body.kinematics import skinning_transforms
from talkie.heads.body.model import BodyModel
from talkie.heads.body.skeleton import FLOOR_M, INDEX, SIDES, finger_tips
from talkie.heads.builtin.features import EAR_ANCHOR

FACE68 = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301,
    168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip
"""MediaPipe's points nearest to the 68 of Multi-PIE / iBUG, in that order: jaw, brows, nose, eyes, lips."""

_FACE = {"nose": 1, "left_eye": 473, "right_eye": 468, "left_eye_inner": 362, "left_eye_outer": 263,
         "right_eye_inner": 133, "right_eye_outer": 33, "mouth_left": 291, "mouth_right": 61}  # fmt: skip


def _sided(*names: str, order: tuple[str, ...] = SIDES) -> tuple[str, ...]:
    return tuple(f"{side}_{name}" for name in names for side in order)


def _arm_chain(side: str) -> tuple[str, ...]:
    return tuple(f"{side}_{n}" for n in ("shoulder", "elbow", "wrist"))


def _leg_chain(side: str) -> tuple[str, ...]:
    return tuple(f"{side}_{n}" for n in ("hip", "knee", "ankle"))


def _foot(side: str) -> tuple[str, ...]:
    return tuple(f"{side}_{n}" for n in ("big_toe", "small_toe", "heel"))


def _hand21(side: str) -> tuple[str, ...]:
    """Wrist, then thumb to little finger, each from its root to its tip (Simon et al., CVPR 2017)."""
    fingers = ("thumb", "index", "middle", "ring", "pinky")
    return (f"{side}_wrist", *(f"{side}_{f}{k}" for f in fingers for k in (1, 2, 3, 4)))


_COCO17 = ("nose", *_sided("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"))
_FACE_ON_TOP = ("right_eye", "left_eye", "right_ear", "left_ear")

LAYOUTS: dict[str, tuple[str, ...]] = {
    "coco17": _COCO17,
    "openpose18": ("nose", "neck", *_arm_chain("right"), *_arm_chain("left"), *_leg_chain("right"),
                   *_leg_chain("left"), *_FACE_ON_TOP),
    "openpose25": ("nose", "neck", *_arm_chain("right"), *_arm_chain("left"), "mid_hip", *_leg_chain("right"),
                   *_leg_chain("left"), *_FACE_ON_TOP, *_foot("left"), *_foot("right")),
    "coco133": (*_COCO17, *_foot("left"), *_foot("right"), *(f"face_{k}" for k in range(68)), *_hand21("left"),
                *_hand21("right")),
    "mediapipe33": ("nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye",
                    "right_eye_outer", "left_ear", "right_ear", "mouth_left", "mouth_right",
                    *_sided("shoulder", "elbow", "wrist", "pinky1", "index1", "thumb2", "hip", "knee", "ankle", "heel",
                            "big_toe")),
    "left_hand21": _hand21("left"),
    "right_hand21": _hand21("right"),
}  # fmt: skip
"""Names of points by layout: COCO (Lin et al. 2014) and COCO-WholeBody (Jin et al. 2020), OpenPose's COCO and BODY_25
models (Cao et al. 2019), MediaPipe's BlazePose and hands. A fingertip is the fourth point of its finger."""


@cache
def _markers() -> dict[str, tuple[int, np.ndarray]]:
    """Bone and rest place (3,) of the points that are no joints, by name."""
    left = {
        "big_toe": ("left_foot", np.array([0.102, FLOOR_M + 0.016, 0.160])),
        "small_toe": ("left_foot", np.array([0.147, FLOOR_M + 0.016, 0.118])),
        "heel": ("left_ankle", np.array([0.100, FLOOR_M + 0.020, -0.108])),
        "ear": ("head", EAR_ANCHOR),
    }
    found: dict[str, tuple[int, np.ndarray]] = {}
    for name, (bone, place) in left.items():
        found[f"left_{name}"] = (INDEX[bone], place)
        found[f"right_{name}"] = (INDEX[bone.replace("left_", "right_")], place * [-1.0, 1.0, 1.0])
    for joint, tip in finger_tips().items():
        found[joint[:-1] + "4"] = (INDEX[joint], tip)
    return found


def keypoints(
    body: BodyModel, layout: str, transforms: Tensor, landmarks: Tensor | None = None, weights: Tensor | None = None
) -> Tensor:
    """Points of a layout in the world: (B, K, 3) metres, differentiable, in the order of `LAYOUTS[layout]`.

    transforms: (B, 55, 4, 4) of the body; landmarks: (B, 478, 3) of the attached head in the world, which every
    layout but those of hands needs; weights: the body's shape. Raises BadInput.
    """
    if layout not in LAYOUTS:
        raise BadInput(f"no keypoint layout named {layout!r}", cure=f"take one of {', '.join(LAYOUTS)}")
    names = LAYOUTS[layout]
    if landmarks is None and any(n in _FACE or n.startswith("face_") for n in names):
        raise BadInput(f"{layout} has points on the face", cure="give the attached head's landmarks (B, 478, 3)")
    places, markers = transforms[..., :3, 3], _markers()
    bones = skinning_transforms(transforms, body.joints(weights))
    points = []
    for name in names:
        if name in _FACE or name.startswith("face_"):
            assert landmarks is not None
            row = _FACE[name] if name in _FACE else FACE68[int(name[5:])]
            points.append(landmarks[:, row].to(places))
        elif name in markers:
            bone, rest = markers[name]
            points.append(_carried(rest, bones[:, bone], weights))
        elif name == "mid_hip":
            points.append((places[:, INDEX["left_hip"]] + places[:, INDEX["right_hip"]]) / 2)
        elif name == "neck":
            # OpenPose's neck is the middle of the shoulders, not the joint of that name.
            points.append((places[:, INDEX["left_shoulder"]] + places[:, INDEX["right_shoulder"]]) / 2)
        else:
            points.append(places[:, INDEX[name]])
    return torch.stack(points, 1)


def _carried(rest: np.ndarray, bone: Tensor, weights: Tensor | None) -> Tensor:
    """A rest place (3,), shaped by (B, S), moved by its bone (B, 3, 4): (B, 3)."""
    place = torch.tensor(rest).to(bone).expand(len(bone), 3)
    if weights is not None:
        basis = torch.tensor(shape.basis(rest[None])[:, 0]).to(bone)
        place = place + weights.to(bone) @ basis
    return (bone[..., :3] @ place[..., None])[..., 0] + bone[..., 3]
