"""Shares of the bones in every point of the rest body, from where it lies; all shares are smooth and sum to 1."""

from __future__ import annotations

import numpy as np

from talkie.heads.body.garments import FINGER_RADII
from talkie.heads.body.skeleton import FINGERS, INDEX, JOINTS, finger_tips, rest_joints
from talkie.heads.builtin.assembly import smoothstep

_PALM_RADIUS_M = 0.013
_CREASE_M = 0.008
"""Depth over which two bones of a hand share the skin."""


def neck_share(y: np.ndarray) -> np.ndarray:
    """Share of the neck bone against the chest in what lies around the neck, by rest height."""
    return smoothstep(y, -0.170, -0.115)


def _spine(y: np.ndarray, table: np.ndarray, share: np.ndarray) -> None:
    """Adds `share` (N,) of each point to pelvis, spine and neck by height."""
    steps = [
        smoothstep(y, -0.62, -0.46),
        smoothstep(y, -0.47, -0.34),
        smoothstep(y, -0.37, -0.27),
        neck_share(y),
    ]
    left = share
    for name, step in zip(("pelvis", "spine1", "spine2", "spine3"), steps, strict=True):
        table[:, INDEX[name]] += left * (1 - step)
        left = left * step
    table[:, INDEX["neck"]] += left


def shirt_weights(points: np.ndarray) -> np.ndarray:
    """(N, 3) -> (N, 55) for torso, collar and sleeves."""
    x, y, _ = points.T
    table = np.zeros((len(points), JOINTS))
    out = np.abs(x)
    # The cut between arm and torso runs from the armpit up and inward: count distance along its normal.
    arm = smoothstep(out + 0.6 * (y + 0.2), 0.105, 0.225)
    collar = smoothstep(out, 0.03, 0.13) * smoothstep(y, -0.37, -0.24)
    elbow_x = float(rest_joints()[INDEX["left_elbow"]][0])
    elbow = smoothstep(out, elbow_x - 0.055, elbow_x + 0.055)
    for side, own in (("left", x >= 0), ("right", x < 0)):
        table[:, INDEX[f"{side}_shoulder"]] = own * arm * (1 - elbow)
        table[:, INDEX[f"{side}_elbow"]] = own * arm * elbow
        table[:, INDEX[f"{side}_collar"]] = own * (1 - arm) * collar
    _spine(y, table, (1 - arm) * (1 - collar))
    return table


def trouser_weights(points: np.ndarray) -> np.ndarray:
    """(N, 3) -> (N, 55) for the waist and both legs."""
    x, y, _ = points.T
    table = np.zeros((len(points), JOINTS))
    leg = smoothstep(y, -0.610, -0.770)
    knee_y = float(rest_joints()[INDEX["left_knee"]][1])
    knee = smoothstep(y, knee_y + 0.07, knee_y - 0.07)
    # Above the crotch both legs share the cloth; further down one must not pull the other.
    reach = 0.018 + 0.042 * smoothstep(y, -0.79, -0.70)
    left = smoothstep(x / reach, -1, 1)
    for side, own in (("left", left), ("right", 1 - left)):
        table[:, INDEX[f"{side}_hip"]] = own * leg * (1 - knee)
        table[:, INDEX[f"{side}_knee"]] = own * leg * knee
    _spine(y, table, 1 - leg)
    return table


def shoe_weights(points: np.ndarray) -> np.ndarray:
    """(N, 3) -> (N, 55) for shoes of either side: they bend at the ball of the foot."""
    table = np.zeros((len(points), JOINTS))
    ball = float(rest_joints()[INDEX["left_foot"]][2])
    toes = smoothstep(points[:, 2], ball - 0.035, ball + 0.025)
    for side, own in (("left", points[:, 0] >= 0), ("right", points[:, 0] < 0)):
        table[:, INDEX[f"{side}_ankle"]] = own * (1 - toes)
        table[:, INDEX[f"{side}_foot"]] = own * toes
    return table


def _beyond(points: np.ndarray, a: np.ndarray, b: np.ndarray, ra: float, rb: float) -> np.ndarray:
    """Distance (N,) of points to a rod whose radius goes from `ra` to `rb`; negative inside."""
    along = b - a
    t = np.clip((points - a) @ along / float(along @ along), 0, 1)
    return np.linalg.norm(points - a - t[:, None] * along, axis=1) - (ra + t * (rb - ra))


def hand_weights(points: np.ndarray, side: str) -> np.ndarray:
    """(N, 3) -> (N, 55) for one hand: the nearest phalanges and the palm, blended where they meet.

    The support of a share is `_CREASE_M` wide, less than the gaps between fingers, so that no finger pulls another."""
    joints, tips = rest_joints(), finger_tips()
    wrist = INDEX[f"{side}_wrist"]
    bones: list[int] = []
    distances: list[np.ndarray] = []
    for finger in FINGERS:
        nodes = [joints[INDEX[f"{side}_{finger}{k}"]] for k in (1, 2, 3)] + [tips[f"{side}_{finger}3"]]
        radii = FINGER_RADII[finger]
        if finger != "thumb":
            bones.append(wrist)
            distances.append(_beyond(points, joints[wrist], nodes[0], 0.018, _PALM_RADIUS_M))
        for k in range(3):
            bones.append(INDEX[f"{side}_{finger}{k + 1}"])
            distances.append(_beyond(points, nodes[k], nodes[k + 1], radii[k], radii[k + 1]))
    away = np.stack(distances, 1)
    share = np.clip(1 - (away - away.min(1, keepdims=True)) / _CREASE_M, 0, 1) ** 2
    table = np.zeros((len(points), JOINTS))
    for bone in sorted(set(bones)):
        # Several rods stand for the palm: their union counts once.
        table[:, bone] = share[:, [k for k, b in enumerate(bones) if b == bone]].max(1)
    table /= table.sum(1, keepdims=True)
    # The wrist itself bends over its own thickness, half of it hidden in the sleeve.
    fore = smoothstep(np.abs(points[:, 0]) - abs(joints[wrist, 0]), 0.016, -0.034)
    table *= 1 - fore[:, None]
    table[:, INDEX[f"{side}_elbow"]] = fore
    return table
