"""The axes along which bodies differ, as displacement fields over the rest body that joints and mesh share.

One unit of an axis is about one standard deviation of adults. The head is not touched: it has its own identity.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from talkie.heads.body.skeleton import FLOOR_M, INDEX, rest_joints
from talkie.heads.builtin.assembly import smoothstep

Field = Callable[[np.ndarray], np.ndarray]


def _joint(name: str) -> np.ndarray:
    return rest_joints()[INDEX[name]]


def _share(points: np.ndarray, axis: int, low: float, high: float) -> np.ndarray:
    """How far each point lies between two coordinates, 0 to 1; linear, so that a length is stretched evenly."""
    return np.clip((points[:, axis] - low) / (high - low), 0, 1)


def _shift(axis: int, amount: np.ndarray) -> np.ndarray:
    moved = np.zeros((len(amount), 3))
    moved[:, axis] = amount
    return moved


def _height(points: np.ndarray) -> np.ndarray:
    below = smoothstep(points[:, 1], -0.120, -0.170)
    return 0.044 * (points - _joint("neck")) * below[:, None]


def _torso_length(points: np.ndarray) -> np.ndarray:
    return _shift(1, -0.020 * _share(points, 1, -0.29, -0.63))


def _leg_length(points: np.ndarray) -> np.ndarray:
    return _shift(1, -0.035 * _share(points, 1, float(_joint("left_hip")[1]), float(_joint("left_ankle")[1])))


def _arm_length(points: np.ndarray) -> np.ndarray:
    out = np.abs(points) * [1, 0, 0]
    share = _share(out, 0, float(_joint("left_shoulder")[0]), float(_joint("left_wrist")[0]))
    return _shift(0, 0.028 * share * np.sign(points[:, 0]))


def _shoulder_width(points: np.ndarray) -> np.ndarray:
    out = smoothstep(np.abs(points[:, 0]), 0.04, 0.172) * np.sign(points[:, 0])
    return _shift(0, 0.012 * out * smoothstep(points[:, 1], -0.56, -0.24))


def _hip_width(points: np.ndarray) -> np.ndarray:
    wide = np.clip(points[:, 0] / _joint("left_hip")[0], -1, 1)
    return _shift(0, 0.012 * wide * smoothstep(points[:, 1], -0.40, -0.62))


def _torso_mask(points: np.ndarray) -> np.ndarray:
    _, y, _ = points.T
    inner = smoothstep(np.abs(points[:, 0]) + 0.6 * (y + 0.2), 0.20, 0.10)
    return inner * smoothstep(y, -0.170, -0.27) * smoothstep(y, -0.86, -0.68)


def _torso_girth(points: np.ndarray) -> np.ndarray:
    outward = np.column_stack([points[:, 0], np.zeros(len(points)), points[:, 2] + 0.025])
    return 0.08 * outward * _torso_mask(points)[:, None]


def _front(points: np.ndarray, at: tuple[float, float, float], sigma: tuple[float, float, float]) -> np.ndarray:
    offset = (np.column_stack([np.abs(points[:, 0]), points[:, 1:]]) - at) / sigma
    return np.exp(-0.5 * (offset * offset).sum(1))


def _belly(points: np.ndarray) -> np.ndarray:
    return _shift(2, 0.028 * _front(points, (0, -0.53, 0.09), (0.09, 0.085, 0.055)))


def _chest(points: np.ndarray) -> np.ndarray:
    return _shift(2, 0.016 * _front(points, (0.07, -0.305, 0.09), (0.055, 0.055, 0.045)))


def _arm_girth(points: np.ndarray) -> np.ndarray:
    nodes = np.stack([_joint(f"left_{n}") for n in ("shoulder", "elbow", "wrist")])
    out = np.abs(points[:, 0])
    mask = smoothstep(out, 0.16, 0.26) * smoothstep(out, 0.75, 0.62)
    y, z = (np.interp(out, nodes[:, 0], nodes[:, k]) for k in (1, 2))
    outward = np.column_stack([np.zeros(len(points)), points[:, 1] - y, points[:, 2] - z])
    return 0.10 * outward * mask[:, None]


def _leg_girth(points: np.ndarray) -> np.ndarray:
    nodes = np.stack([_joint(f"left_{n}") for n in ("ankle", "knee", "hip")])
    x, y, z = points.T
    mask = smoothstep(y, -0.68, -0.86) * smoothstep(y, -1.53, -1.40)
    axis_x, axis_z = (np.interp(y, nodes[:, 1], nodes[:, k]) for k in (0, 2))
    outward = np.column_stack([np.abs(x) - axis_x, np.zeros(len(points)), z - axis_z])
    # The middle plane stays: what lies between the legs must not cross it.
    outward[:, 0] *= np.clip(x / 0.03, -1, 1)
    return 0.09 * outward * mask[:, None]


def _hand_size(points: np.ndarray) -> np.ndarray:
    wrist = _joint("left_wrist")
    local = np.column_stack([np.abs(points[:, 0]), points[:, 1:]]) - wrist
    grown = 0.05 * local * smoothstep(local[:, 0], -0.012, 0.012)[:, None]
    grown[:, 0] *= np.sign(points[:, 0])
    return grown


def _foot_size(points: np.ndarray) -> np.ndarray:
    low = smoothstep(points[:, 1], FLOOR_M + 0.10, FLOOR_M + 0.05)
    return _shift(2, 0.05 * (points[:, 2] - _joint("left_ankle")[2]) * low)


AXES: dict[str, tuple[str, Field]] = {
    "height": ("the body below the neck, evenly: +6.3 cm of stature a unit", _height),
    "torso_length": ("chest to pelvis: +2.0 cm a unit", _torso_length),
    "leg_length": ("hip to ankle: +3.5 cm a unit", _leg_length),
    "arm_length": ("shoulder to wrist: +2.8 cm a unit", _arm_length),
    "shoulder_width": ("between the shoulder joints: +2.4 cm a unit", _shoulder_width),
    "hip_width": ("between the hip joints: +2.4 cm a unit", _hip_width),
    "torso_girth": ("width and depth of the torso: +8 % a unit", _torso_girth),
    "belly": ("forward bulge of the belly: +2.8 cm a unit", _belly),
    "chest": ("forward bulge of the chest: +1.6 cm a unit", _chest),
    "arm_girth": ("thickness of the arms: +10 % a unit", _arm_girth),
    "leg_girth": ("thickness of the legs: +9 % a unit", _leg_girth),
    "hand_size": ("hands, evenly: +5 % a unit", _hand_size),
    "foot_size": ("length of the feet: +5 % a unit", _foot_size),
}
"""Meaning with its unit, and displacement (N, 3) metres of rest points (N, 3), by axis name."""
LIMIT = 3.0
"""Weights beyond this make no human body."""


def basis(points: np.ndarray) -> np.ndarray:
    """(S, N, 3) metres: displacement of rest points per unit of each axis."""
    return np.stack([field(points) for _, field in AXES.values()])
