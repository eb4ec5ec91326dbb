"""The 55 joints of SMPL-X: names, order, parents and the rest positions of an average adult; no mesh, no motion.

Frame: the head frame (x to the person's left, y up, z forward, metres), arms out sideways, palms down, as in
SMPL-X's zero pose (Pavlakos et al., CVPR 2019). The joint `head` is the built-in head's neck joint, `jaw` and the
eyes are its own, so that the head sits on the body without any offset.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from talkie.heads.builtin import features
from talkie.heads.builtin.assembly import JAW_JOINT, NECK_JOINT

SIDES = ("left", "right")
FINGERS = ("index", "middle", "pinky", "ring", "thumb")
"""In SMPL-X's order."""

_CHAIN = (
    ("pelvis", ""), ("left_hip", "pelvis"), ("right_hip", "pelvis"), ("spine1", "pelvis"),
    ("left_knee", "left_hip"), ("right_knee", "right_hip"), ("spine2", "spine1"),
    ("left_ankle", "left_knee"), ("right_ankle", "right_knee"), ("spine3", "spine2"),
    ("left_foot", "left_ankle"), ("right_foot", "right_ankle"), ("neck", "spine3"),
    ("left_collar", "spine3"), ("right_collar", "spine3"), ("head", "neck"),
    ("left_shoulder", "left_collar"), ("right_shoulder", "right_collar"),
    ("left_elbow", "left_shoulder"), ("right_elbow", "right_shoulder"),
    ("left_wrist", "left_elbow"), ("right_wrist", "right_elbow"),
    ("jaw", "head"), ("left_eye_smplhf", "head"), ("right_eye_smplhf", "head"),
    *((f"{side}_{finger}{k}", f"{side}_wrist" if k == 1 else f"{side}_{finger}{k - 1}")
      for side in SIDES for finger in FINGERS for k in (1, 2, 3)),
)  # fmt: skip

JOINT_NAMES: tuple[str, ...] = tuple(name for name, _ in _CHAIN)
"""SMPL-X's joint names in SMPL-X's order."""
JOINTS = len(JOINT_NAMES)
INDEX: dict[str, int] = {name: k for k, name in enumerate(JOINT_NAMES)}
"""Place of every joint in a pose (B, 55, 3)."""
PARENTS: tuple[int, ...] = tuple(INDEX.get(parent, -1) for _, parent in _CHAIN)
"""Parent of every joint, always earlier in the order; -1 for the pelvis."""

FLOOR_M = -1.575
"""Height of the floor under the average adult's soles in the head frame: stature 1.72 m."""

_LEFT_AND_MIDDLE: dict[str, tuple[float, float, float]] = {
    "pelvis": (0.0, -0.630, -0.020),
    "left_hip": (0.085, -0.675, -0.015),
    "spine1": (0.0, -0.520, -0.030),
    "left_knee": (0.095, -1.085, -0.015),
    "spine2": (0.0, -0.395, -0.035),
    "left_ankle": (0.100, -1.492, -0.045),
    "spine3": (0.0, -0.335, -0.040),
    "left_foot": (0.112, -1.553, 0.085),
    "neck": (0.0, -0.150, -0.040),
    "left_collar": (0.045, -0.210, -0.030),
    "left_shoulder": (0.172, -0.203, -0.040),
    "left_elbow": (0.442, -0.207, -0.048),
    "left_wrist": (0.692, -0.204, -0.038),
}

KNUCKLES: dict[str, tuple[tuple[float, float, float], ...]] = {
    "index": ((0.089, 0.001, 0.025), (0.130, -0.001, 0.0305), (0.1545, -0.0035, 0.0335), (0.176, -0.006, 0.036)),
    "middle": ((0.093, 0.003, 0.0015), (0.1385, 0.002, 0.0045), (0.167, 0.000, 0.0062), (0.1895, -0.0025, 0.0075)),
    "pinky": ((0.078, -0.0035, -0.040), (0.109, -0.0055, -0.052), (0.128, -0.0075, -0.059), (0.1465, -0.0095, -0.0655)),
    "ring": ((0.087, 0.0005, -0.0205), (0.1285, -0.0005, -0.0265), (0.155, -0.0025, -0.030), (0.177, -0.005, -0.0328)),
    "thumb": ((0.022, -0.010, 0.026), (0.054, -0.015, 0.053), (0.080, -0.017, 0.070), (0.104, -0.019, 0.083)),
}  # fmt: skip
"""Three joints and the tip of each finger of the left hand, metres from the wrist."""


def mirrored(name: str) -> str:
    """The name of the joint on the other side; middle joints are their own."""
    if name.startswith("left_"):
        return "right_" + name[5:]
    return "left_" + name[6:] if name.startswith("right_") else name


MIRROR_INDEX: tuple[int, ...] = tuple(INDEX[mirrored(name)] for name in JOINT_NAMES)
"""Joint on the other side by joint: a mirrored pose is `pose[:, MIRROR_INDEX] * (1, -1, -1)`."""


@cache
def rest_joints() -> np.ndarray:
    """(55, 3) metres, read-only: the average adult's joints at rest."""
    known = {name: np.array(at) for name, at in _LEFT_AND_MIDDLE.items()}
    known |= {"head": NECK_JOINT, "jaw": JAW_JOINT, "left_eye_smplhf": features.EYE_CENTRE}
    for finger, points in KNUCKLES.items():
        for k in (1, 2, 3):
            known[f"left_{finger}{k}"] = known["left_wrist"] + np.array(points[k - 1])
    flip = np.array([-1.0, 1.0, 1.0])
    joints = np.stack([known[n] if n in known else known[mirrored(n)] * flip for n in JOINT_NAMES])
    joints.setflags(write=False)
    return joints


@cache
def finger_tips() -> dict[str, np.ndarray]:
    """Tip (3,) at rest by the name of the last joint of its finger (`left_index3`, ...), metres."""
    tips: dict[str, np.ndarray] = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        wrist = rest_joints()[INDEX[f"{side}_wrist"]]
        for finger in FINGERS:
            tips[f"{side}_{finger}3"] = wrist + np.array(KNUCKLES[finger][3]) * np.array([sign, 1.0, 1.0])
    return tips


def descendants(name: str) -> tuple[int, ...]:
    """Indices of a joint and of all that hangs on it."""
    found = {INDEX[name]}
    for k, parent in enumerate(PARENTS):
        if parent in found:
            found.add(k)
    return tuple(sorted(found))
