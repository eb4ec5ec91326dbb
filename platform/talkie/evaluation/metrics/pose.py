"""Errors of head pose: rotations and translations. Which network read the pose of a frame belongs in the protocol.

Rotations are matrices (T, 3, 3), angles are degrees (T, 3) in the order yaw, pitch, roll. All functions raise BadInput
for unlike shapes, nothing, NaN, or matrices that are no rotations.
"""

from __future__ import annotations

import numpy as np

from talkie.errors import BadInput
from talkie.evaluation.metrics.checks import array, pair
from talkie.evaluation.metrics.registry import DRIVEN, metric

_OFF = 1e-3
"""Most that a product R^T R may differ from the identity: float32 matrices stay below 1e-6, mere guesses do not."""


@metric(
    "pose_geodesic",
    "Angle between true and found rotation",
    unit="deg",
    better="lower",
    tasks=(*DRIVEN, "capture"),
    source="acos((tr(R1^T R2) - 1) / 2), the distance on SO(3) (Huynh 2009)",
)
def geodesic(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """(T,) degrees in [0, 180]; lower is better."""
    a, b = pair(truth, guess, (None, 3, 3))
    _rotations(a, "truth")
    _rotations(b, "guess")
    return angle_deg(np.einsum("tji,tjk->tik", a, b))


@metric(
    "pose_translation",
    "Distance between true and found translation",
    unit="m",
    better="lower",
    tasks=(*DRIVEN, "capture"),
    source="L2 norm",
)
def translation(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """(T,) in the unit of the translations (T, 3), metres throughout the platform; lower is better."""
    a, b = pair(truth, guess, (None, 3))
    return np.linalg.norm(a - b, axis=1)


@metric(
    "prmse",
    "Root mean square of the differences of yaw, pitch and roll",
    unit="deg",
    better="lower",
    tasks=DRIVEN,
    source="MarioNETte, DaGAN's code: sqrt((dy^2 + dp^2 + dr^2) / 3) of each frame",
    network="head_pose",
)
def prmse(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """(T,) degrees; lower is better. Differences are taken the short way round."""
    return np.sqrt(np.square(_turns(truth, guess)).mean(1))


@metric(
    "ard",
    "Average rotation distance: mean absolute difference of yaw, pitch and roll",
    unit="deg",
    better="lower",
    tasks=DRIVEN,
    source="as in LIA's and HyperReenact's tables (no code of theirs read)",
    network="head_pose",
)
def ard(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """(T,) degrees; lower is better. Differences are taken the short way round."""
    return np.abs(_turns(truth, guess)).mean(1)


def angle_deg(rotations: np.ndarray) -> np.ndarray:
    """Angles (T,) of rotation matrices (T, 3, 3). By atan2 of sine and cosine: acos loses half of its digits near 0."""
    off = rotations - rotations.transpose(0, 2, 1)
    sine = np.sqrt(off[:, 2, 1] ** 2 + off[:, 0, 2] ** 2 + off[:, 1, 0] ** 2) / 2
    cosine = (np.trace(rotations, axis1=1, axis2=2) - 1) / 2
    return np.degrees(np.arctan2(sine, cosine))


def _turns(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    a, b = pair(truth, guess, (None, 3))
    return (b - a + 180) % 360 - 180


def _rotations(matrices: np.ndarray, name: str) -> None:
    products = np.einsum("tji,tjk->tik", array(matrices, name), matrices)
    if np.abs(products - np.eye(3)).max() > _OFF or (np.linalg.det(matrices) < 0).any():
        raise BadInput("a matrix that is no rotation", where=name, cure="give orthonormal matrices of determinant 1")
