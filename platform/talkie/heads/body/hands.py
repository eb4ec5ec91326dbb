"""Hands by finger angles: named shapes, limits and the pose of SMPL-X's finger joints; no arms, no mesh."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.spatial.transform import Rotation

from talkie.errors import BadInput
from talkie.heads.body.skeleton import FINGERS, INDEX, finger_tips, rest_joints

ANGLES = ("flex1", "flex2", "flex3", "spread")
"""A finger's angles, radians: bending at its three joints towards the palm, and its first joint's spread, which is
positive away from the little finger's side; for the thumb `spread` is its swing in front of the palm."""

LIMITS: dict[str, np.ndarray] = {
    finger: np.array([(-0.40, 1.60), (-0.05, 1.95), (-0.15, 1.40), (-0.40, 0.40)])
    for finger in FINGERS
    if finger != "thumb"
} | {"thumb": np.array([(-0.60, 0.90), (-0.30, 1.00), (-0.35, 1.45), (-0.90, 0.80)])}
"""(4, 2) radians by finger: least and greatest angle (American Academy of Orthopaedic Surgeons, 1965, rounded)."""

SHAPES: dict[str, dict[str, tuple[float, float, float, float]]] = {
    "open": {"index": (-0.05, 0.05, 0.02, 0.05), "middle": (-0.05, 0.05, 0.02, 0.0), "ring": (-0.05, 0.05, 0.02, 0.0),
             "pinky": (-0.05, 0.05, 0.02, -0.03), "thumb": (-0.20, -0.05, -0.05, -0.05)},
    "rest": {"index": (0.25, 0.35, 0.20, -0.06), "middle": (0.35, 0.42, 0.22, -0.01), "ring": (0.42, 0.48, 0.25, 0.05),
             "pinky": (0.48, 0.50, 0.28, 0.11), "thumb": (0.10, 0.20, 0.20, 0.10)},
    "flat": {"index": (0.05, 0.10, 0.06, -0.09), "middle": (0.05, 0.10, 0.06, -0.02), "ring": (0.05, 0.10, 0.06, 0.08),
             "pinky": (0.05, 0.10, 0.06, 0.18), "thumb": (0.25, 0.05, 0.05, -0.05)},
    "fist": {"index": (1.40, 1.75, 1.05, -0.05), "middle": (1.45, 1.75, 1.05, 0.0), "ring": (1.48, 1.75, 1.05, 0.03),
             "pinky": (1.50, 1.70, 1.05, 0.08), "thumb": (0.57, 0.58, 0.66, 0.25)},
    "point": {"index": (0.02, 0.05, 0.03, 0.0), "middle": (1.40, 1.70, 1.00, 0.0), "ring": (1.45, 1.70, 1.00, 0.03),
              "pinky": (1.48, 1.65, 1.00, 0.08), "thumb": (0.57, 0.58, 0.66, 0.25)},
    "pinch": {"index": (0.63, 1.21, 1.39, 0.03), "middle": (0.55, 0.60, 0.30, 0.0), "ring": (0.50, 0.55, 0.30, 0.03),
              "pinky": (0.45, 0.50, 0.28, 0.08), "thumb": (0.22, 0.54, 0.40, 0.22)},
}  # fmt: skip
"""Angles in the order of `ANGLES` by finger by name of the hand's shape."""


@cache
def _axes(finger: str) -> tuple[np.ndarray, np.ndarray]:
    """Unit axes (3,) of the left finger at rest: bending towards the palm, and spreading."""
    joints = [rest_joints()[INDEX[f"left_{finger}{k}"]] for k in (1, 2, 3)] + [finger_tips()[f"left_{finger}3"]]
    along = (joints[3] - joints[0]) / np.linalg.norm(joints[3] - joints[0])
    palmward = np.array([0.0, -0.45, -0.89]) if finger == "thumb" else np.array([0.0, -1.0, 0.0])
    bend = np.cross(along, palmward)
    bend /= np.linalg.norm(bend)
    # Turning about -y takes +x towards +z, the thumb's side; the thumb's own axis takes it down in front of the palm.
    return bend, np.cross(along, bend) if finger == "thumb" else -np.cross(along, bend) * np.sign(
        np.cross(along, bend)[1]
    )


def shape_angles(name: str) -> np.ndarray:
    """(5, 4) radians in the order of `FINGERS` and `ANGLES`. Raises BadInput for an unknown name."""
    if name not in SHAPES:
        raise BadInput(f"no hand shape named {name!r}", cure=f"take one of {', '.join(SHAPES)}")
    return np.array([SHAPES[name][finger] for finger in FINGERS])


def hand_pose(side: str, angles: np.ndarray) -> np.ndarray:
    """(..., 5, 4) radians -> (..., 15, 3): axis-angle of one hand's joints in SMPL-X's order. Raises BadInput.

    The right hand is the mirror image of the left: the same angles mean the same shape."""
    angles = np.asarray(angles, float)
    if side not in ("left", "right") or angles.shape[-2:] != (5, 4):
        raise BadInput(
            f"finger angles of shape {angles.shape} for side {side!r}", cure="give (..., 5, 4), left or right"
        )
    flat = angles.reshape(-1, 5, 4)
    pose = np.zeros((len(flat), 15, 3))
    for f, finger in enumerate(FINGERS):
        bend, spread = _axes(finger)
        first = Rotation.from_rotvec(flat[:, f, 3:] * spread) * Rotation.from_rotvec(flat[:, f, :1] * bend)
        pose[:, 3 * f] = first.as_rotvec()
        for k in (1, 2):
            pose[:, 3 * f + k] = flat[:, f, k : k + 1] * bend
    if side == "right":
        pose *= [1.0, -1.0, -1.0]
    return pose.reshape(*angles.shape[:-2], 15, 3)


def finger_angles(side: str, pose: np.ndarray) -> np.ndarray:
    """Inverse of `hand_pose`: (..., 15, 3) -> (..., 5, 4) radians; turning about a finger's own length is left out."""
    flat = np.asarray(pose, float).reshape(-1, 15, 3) * ([1, -1, -1] if side == "right" else [1, 1, 1])
    angles = np.zeros((len(flat), 5, 4))
    for f, finger in enumerate(FINGERS):
        bend, spread = _axes(finger)
        frame = np.stack([np.cross(bend, spread), bend, spread])
        matrix = frame @ Rotation.from_rotvec(flat[:, 3 * f]).as_matrix() @ frame.T
        # Spread about the third axis after bending about the second, which only the spread moves.
        angles[:, f, 3] = np.arctan2(-matrix[:, 0, 1], matrix[:, 1, 1])
        angles[:, f, 0] = np.arctan2(-matrix[:, 2, 0], matrix[:, 2, 2])
        for k in (1, 2):
            angles[:, f, k] = flat[:, 3 * f + k] @ bend
    return angles.reshape(*np.shape(pose)[:-2], 5, 4)


def within_limits(angles: np.ndarray) -> bool:
    """Whether all finger angles (..., 5, 4) lie within `LIMITS`."""
    limits = np.stack([LIMITS[finger] for finger in FINGERS])
    return bool((angles >= limits[..., 0] - 1e-6).all() and (angles <= limits[..., 1] + 1e-6).all())


def fingers_of(side: str) -> slice:
    """Where one hand's 15 joints stand in a pose (..., 55, 3)."""
    first = INDEX[f"{side}_index1"]
    return slice(first, first + 15)
