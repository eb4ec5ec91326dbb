"""A skeleton for a scanned head that has shapes only: jaw, eyes and neck derived from its geometry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from talkie.heads.rigid import rigid_motion_of

NECK_JOINT = np.array([0.0, -0.060, -0.010])
"""Top of the spine below the skull's middle (head frame); not derived, a scan of the surface does not show it."""
NECK_FADE_M = (-0.140, -0.085)
"""Heights between which the neck's turn fades in, along a line that rises towards the front."""


@dataclass(frozen=True)
class JawHinge:
    """The rigid motion of the lower teeth in jawOpen = 1, and how far each vertex follows it.

    joint: (3,) the point of its axis in the middle plane; rotation: (3,) axis-angle radians; share: (V,) in [0, 1];
    rigid_mm: largest error of the rigid motion on the lower teeth; skin_rms_mm: of share times rotation against
    the shape, over the given skin."""

    joint: np.ndarray
    rotation: np.ndarray
    share: np.ndarray
    rigid_mm: float
    skin_rms_mm: float


def jaw_hinge(points: np.ndarray, jaw_open: np.ndarray, lower_teeth: np.ndarray, skin: np.ndarray) -> JawHinge:
    """The jaw bone hidden in a jawOpen shape (V, 3) of a head at rest (V, 3); metres.

    The lower teeth are fixed to the bone: their rigid motion gives the rotation, and the fixed point of that in
    the middle plane the joint. A vertex's share is its displacement projected on the one it would have if it were
    fixed to the bone. What lips and cheeks do besides is left to the shape jawOpen itself."""
    matrix, shift = rigid_motion_of(points[lower_teeth], points[lower_teeth] + jaw_open[lower_teeth])
    rotation = Rotation.from_matrix(matrix).as_rotvec()
    moved = points @ matrix.T + shift - points
    missed = np.linalg.norm(moved[lower_teeth] - jaw_open[lower_teeth], axis=1)
    joint = np.zeros(3)
    joint[1:] = np.linalg.solve((np.eye(3) - matrix)[1:, 1:], shift[1:])
    turned = (points - joint) @ (matrix - np.eye(3)).T
    share = np.clip((jaw_open * turned).sum(1) / np.maximum((turned**2).sum(1), 1e-12), 0, 1)
    off = np.linalg.norm(share[:, None] * turned - jaw_open, axis=1)[skin]
    rms = float(np.sqrt((off**2).mean()))
    return JawHinge(joint, rotation, share, float(missed.max() * 1e3), rms * 1e3)


def neck_share(points: np.ndarray) -> np.ndarray:
    """Share (V,) of the neck's turn: 1 on the head, fading to 0 down the neck; points in the head frame."""
    height = points[:, 1] + 0.35 * (points[:, 2] + 0.01)
    step = np.clip((height - NECK_FADE_M[0]) / (NECK_FADE_M[1] - NECK_FADE_M[0]), 0, 1)
    return step * step * (3 - 2 * step)


def skin_weights(neck: np.ndarray, jaw: np.ndarray, eyes: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Weights (V, 4) of neck, jaw, left and right eye from shares (V,) and the eyeballs' vertex indices."""
    weights = np.zeros((len(neck), 4))
    weights[:, 1] = neck * jaw
    for k, index in enumerate(eyes):
        weights[index] = 0
        weights[index, 2 + k] = 1
    inside = np.zeros(len(neck), bool)
    inside[np.concatenate(eyes)] = True
    weights[:, 0] = np.where(inside, 0, neck - weights[:, 1])
    return weights


def joint_followers(points: np.ndarray, joint: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """Skin vertices that carry the jaw's joint along with identity: those nearest to both ends of its axis."""
    index = np.flatnonzero(skin)
    chosen = []
    for side in (-0.065, 0.065):
        far = np.linalg.norm(points[index] - joint - np.array([side, 0, 0]), axis=1)
        chosen.append(index[np.argsort(far)[:25]])
    return np.concatenate(chosen)
