"""The solids of the dressed body (shirt, trousers, shoes, hands), in its rest pose; meshing and skinning are elsewhere.

Sizes are adult means, rounded (Gordon et al., Anthropometric Survey of U.S. Army Personnel, 2014), plus cloth.
"""

from __future__ import annotations

import numpy as np

from talkie.heads.body.skeleton import FLOOR_M, INDEX, KNUCKLES, rest_joints
from talkie.heads.body.solids import Solid, both_sides, cut, half_space, loft, tube, union

NECK_CENTRE_Z = -0.005
NECK_HALF_M = (0.050, 0.057)
"""Half width and half depth of the neck where it enters the collar."""
COLLAR_M = 0.0105
"""Thickness of the collar around the neck."""
COLLAR_TOP = (0.0, -0.1285, NECK_CENTRE_Z)
COLLAR_NORMAL = (0.0, 1.0, 0.16)
"""The plane of the collar's upper rim: a point on it and its normal, lower in front."""
CUFF_M = 0.016
"""How far before the wrist the sleeve ends."""

_TORSO = (
    (-0.700, 0.178, 0.122, -0.020), (-0.640, 0.170, 0.119, -0.020), (-0.560, 0.154, 0.108, -0.020),
    (-0.480, 0.146, 0.101, -0.024), (-0.400, 0.153, 0.107, -0.024), (-0.320, 0.164, 0.114, -0.024),
    (-0.260, 0.160, 0.106, -0.030), (-0.205, 0.130, 0.086, -0.036), (-0.165, 0.070, 0.066, -0.030),
)  # fmt: skip
_PELVIS = (
    (-0.745, 0.110, 0.090, -0.020), (-0.690, 0.162, 0.110, -0.022), (-0.620, 0.156, 0.105, -0.020),
    (-0.560, 0.138, 0.094, -0.020),
)  # fmt: skip
FINGER_RADII = {
    "index": (0.0102, 0.0092, 0.0083, 0.0072),
    "middle": (0.0104, 0.0094, 0.0085, 0.0074),
    "pinky": (0.0088, 0.0080, 0.0072, 0.0063),
    "ring": (0.0099, 0.0089, 0.0081, 0.0071),
    "thumb": (0.0150, 0.0125, 0.0112, 0.0092),
}
"""Radius at the three joints and near the tip, metres."""


def _joint(name: str) -> np.ndarray:
    return rest_joints()[INDEX[name]]


def _off(place: np.ndarray, x: float, y: float, z: float) -> np.ndarray:
    """The point (x, y, z) metres away from a place."""
    return place + np.array([x, y, z])


def shirt() -> Solid:
    """Torso, sleeves and collar in one; ends above the hips, before the wrists and around the neck."""
    shoulder, elbow, wrist = (_joint(f"left_{n}") for n in ("shoulder", "elbow", "wrist"))
    slope = tube((0.035, -0.172, -0.035), _off(shoulder, -0.012, -0.004, 0.002), (0.048, 0.052, 0.054))
    upper = tube(shoulder, elbow, (0.057, 0.055, 0.048))
    lower = tube(elbow, _off(wrist, 0.05, 0, 0), (0.048, 0.046, 0.040, 0.036))
    arm = cut(union([upper, lower], 0.02), half_space(_off(wrist, -CUFF_M, 0, 0), (1, 0, 0)), 0.004)
    half = union([loft(_TORSO), slope, arm], 0.045)
    collar = loft(
        [(-0.26, NECK_HALF_M[0] + COLLAR_M, NECK_HALF_M[1] + COLLAR_M, NECK_CENTRE_Z - 0.012),
         (-0.09, NECK_HALF_M[0] + COLLAR_M, NECK_HALF_M[1] + COLLAR_M, NECK_CENTRE_Z)],
        power=2.0,
    )  # fmt: skip
    collar = cut(collar, half_space(COLLAR_TOP, COLLAR_NORMAL), 0.006)
    return both_sides(union([half, collar], 0.018))


def trousers() -> Solid:
    """Pelvis and legs down to the ankles; the waist hides under the shirt."""
    hip, knee, ankle = (_joint(f"left_{n}") for n in ("hip", "knee", "ankle"))
    thigh = tube(_off(hip, -0.003, -0.035, -0.005), knee, (0.088, 0.080, 0.066))
    shank = tube(knee, _off(ankle, 0, -0.03, 0), (0.066, 0.064, 0.055, 0.053))
    leg = cut(union([thigh, shank], 0.03), half_space(_off(ankle, 0, -0.018, 0), (0, -1, 0)), 0.006)
    return both_sides(union([loft(_PELVIS), leg], 0.03))


def shoe() -> Solid:
    """The left shoe, flat on the floor."""
    ankle, ball = _joint("left_ankle"), _joint("left_foot")
    heel = np.array([ankle[0], FLOOR_M + 0.036, ankle[2] - 0.030])
    toe = np.array([ball[0] + 0.004, FLOOR_M + 0.026, ball[2] + 0.052])
    solids = [
        tube(heel, _off(ball, 0, 0.014, 0), (0.037, 0.041, 0.043)),
        tube(_off(ball, 0, 0.014, 0), toe, (0.043, 0.040, 0.032)),
        tube(_off(ankle, 0, 0.02, 0), _off(ankle, 0, -0.035, 0.02), (0.036, 0.040)),
    ]
    return cut(union(solids, 0.02), half_space((0, FLOOR_M, 0), (0, -1, 0)), 0.008)


def hand() -> Solid:
    """The left hand with its five fingers and a wrist that reaches into the sleeve."""
    wrist = _joint("left_wrist")
    knuckle = {name: [wrist + np.array(p) for p in points] for name, points in KNUCKLES.items()}
    palm = [
        tube(_off(wrist, -0.055, 0.001, z), _off(wrist, 0.004, 0, z), (0.0205, 0.0190)) for z in (-0.008, 0.008)
    ] + [
        tube(_off(wrist, 0.008, -0.001, z), knuckle[name][0], (0.0175, 0.0150, radius))
        for name, z, radius in (("index", 0.010, 0.0118), ("middle", 0.003, 0.0122), ("ring", -0.005, 0.0118),
                                ("pinky", -0.012, 0.0108))
    ]  # fmt: skip
    heel = tube(_off(wrist, 0.018, -0.010, -0.018), _off(wrist, 0.055, -0.010, -0.032), (0.0125, 0.0105))
    ball = tube(_off(wrist, 0.016, -0.011, 0.012), knuckle["thumb"][1], (0.0165, 0.0170, 0.0130))
    base = union([*palm, heel, ball], 0.010)
    fingers = [_finger(knuckle[name], FINGER_RADII[name]) for name in KNUCKLES]
    return union([base, *fingers], 0.0045)


def _finger(points: list[np.ndarray], radii: tuple[float, ...]) -> Solid:
    end = points[3] - points[2]
    last = points[3] - end / np.linalg.norm(end) * radii[3]
    nodes = [*points[:3], last]
    return union([tube(nodes[k], nodes[k + 1], (radii[k], radii[k + 1])) for k in range(3)], 0.003)
