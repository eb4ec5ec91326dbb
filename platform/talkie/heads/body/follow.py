"""An arm that leads its hand along a given path: closed form and smooth. Where a hand may go is searched in `reach`."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from talkie.heads.body.limb import Limb, hinge_places, turns
from talkie.heads.body.model import BodyModel
from talkie.heads.body.skeleton import INDEX

_AHEAD = np.array([0.0, 0.0, 1.0])


def follow(
    body: BodyModel,
    side: str,
    place: np.ndarray,
    turn: np.ndarray,
    towards: np.ndarray,
    pose: np.ndarray,
    shape: torch.Tensor | None = None,
    translation: torch.Tensor | None = None,
) -> np.ndarray:
    """The motion (T, 55, 3) with one arm changed so that its wrist lies where it is told.

    place: (T, 3) metres and turn: (T, 3, 3) rotation from rest of the wrist in the world; towards: (T, 3) the side to
    which the elbow stands out; pose: (T, 55, 3) of everything else. A place beyond the arm's reach is approached as far
    as the arm is long. Forearm and wrist share the hand's twist, as radius and ulna do."""
    pose = np.array(pose, float)
    names = [INDEX[f"{side}_{n}"] for n in ("collar", "shoulder", "elbow", "wrist")]
    collar, shoulder, elbow, wrist = names
    bones = body.transforms(torch.as_tensor(pose), _double(shape), _double(translation)).numpy()
    rest = body.joints(shape)[0].double().numpy()
    limb = Limb(rest[elbow] - rest[shoulder], rest[wrist] - rest[elbow], _AHEAD)
    root = bones[:, shoulder, :3, 3]
    hinge, end = hinge_places(limb, root, place, towards)
    upper, fore = turns(limb, root, hinge, end)
    axis = limb.lower / np.linalg.norm(limb.lower)
    quaternion = Rotation.from_matrix(np.swapaxes(fore, 1, 2) @ turn).as_quat()
    twist = np.unwrap(2 * np.arctan2(quaternion[:, :3] @ axis, quaternion[:, 3]))
    twist -= 2 * np.pi * np.round(twist.mean() / (2 * np.pi))
    rolled = fore @ Rotation.from_rotvec(axis * twist[:, None] / 2).as_matrix()
    for joint, parent, now in (
        (shoulder, bones[:, collar, :3, :3], upper), (elbow, upper, rolled), (wrist, rolled, turn)
    ):  # fmt: skip
        pose[:, joint] = Rotation.from_matrix(np.swapaxes(parent, 1, 2) @ now).as_rotvec()
    return pose


def _double(values: torch.Tensor | None) -> torch.Tensor | None:
    return None if values is None else values.double()
