"""How far joints turn: one bound a joint and the fingers' own ranges; poses are checked here, never changed."""

from __future__ import annotations

import numpy as np

from talkie.heads.body.hands import finger_angles, fingers_of, within_limits
from talkie.heads.body.skeleton import JOINT_NAMES, SIDES

MAX_TURN: dict[str, float] = {
    "pelvis": 3.15, "hip": 2.1, "spine1": 0.6, "spine2": 0.6, "spine3": 0.6, "knee": 2.5, "ankle": 0.9, "foot": 0.8,
    "neck": 0.7, "collar": 0.6, "head": 0.9, "shoulder": 3.0, "elbow": 2.9, "wrist": 1.9, "jaw": 0.6,
    "eye_smplhf": 0.8,
}  # fmt: skip
"""Greatest turn from rest in radians by joint (after the ranges of the AAOS, 1965; an elbow's includes half the
forearm's twist). Fingers have ranges of their own, `talkie.heads.body.hands.LIMITS`."""


def beyond_limits(pose: np.ndarray) -> tuple[str, ...]:
    """Names of what turns too far anywhere in a pose (..., 55, 3): joints, or `left fingers`, `right fingers`."""
    pose = np.asarray(pose, float).reshape(-1, len(JOINT_NAMES), 3)
    found = []
    for k, name in enumerate(JOINT_NAMES):
        bound = MAX_TURN.get(name.removeprefix("left_").removeprefix("right_"))
        if bound is not None and np.linalg.norm(pose[:, k], axis=1).max() > bound:
            found.append(name)
    found += [f"{s} fingers" for s in SIDES if not within_limits(finger_angles(s, pose[:, fingers_of(s)]))]
    return tuple(found)
