"""Inverse kinematics of an arm: fingertips or palm brought onto a point, in closed form per candidate; no mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from talkie.errors import BadInput
from talkie.heads.body.garments import FINGER_RADII
from talkie.heads.body.limb import Limb, frames, turns
from talkie.heads.body.model import BodyModel
from talkie.heads.body.skeleton import FINGERS, INDEX, finger_tips, rest_joints

_SPINS, _SWIVELS = 36, 36
_TILTS = tuple((a, b) for a in (-0.6, -0.3, 0.0, 0.3, 0.6) for b in (-0.6, -0.3, 0.0, 0.3, 0.6))
"""Radians by which the hand may lean away from lying flat on the surface."""
SHOULDER_TURN = 2.9
"""Greatest turn of the upper arm from rest, radians."""
WRIST_SWING = 1.25
"""Greatest bend of the wrist, radians."""
WRIST_TWIST = 2.3
"""Greatest turn of the hand about the forearm from palm down at rest, radians (forearm and wrist together)."""


@dataclass(frozen=True)
class _Arm:
    """One arm in the world: shoulder (3,), bones' rest vectors (3,), the collar's rotation (3, 3), contact in the
    wrist's frame (3,) and the rotation (3, 3) from the wrist to the bone that touches."""

    shoulder: np.ndarray
    upper: np.ndarray
    fore: np.ndarray
    collar: np.ndarray
    contact: np.ndarray
    bone: np.ndarray


def contact_offset(side: str, contact: str) -> tuple[str, np.ndarray]:
    """Joint that carries the touching place of the mean hand, and the place (3,) from it at rest, metres.

    contact: a finger's name (the pad of its tip) or "palm". Raises BadInput."""
    sign = 1.0 if side == "left" else -1.0
    if contact == "palm":
        return f"{side}_wrist", np.array([sign * 0.060, -0.0165, 0.0])
    if contact not in FINGERS:
        raise BadInput(f"no contact named {contact!r}", cure=f"take palm or one of {', '.join(FINGERS)}")
    joint = f"{side}_{contact}3"
    along = finger_tips()[joint] - rest_joints()[INDEX[joint]]
    radius = FINGER_RADII[contact][3]
    pad = along * (1 - radius / np.linalg.norm(along)) + np.array([0.0, -radius, 0.0])
    return joint, pad


def _arm(body: BodyModel, side: str, pose: np.ndarray, contact: str, shape, translation) -> _Arm:  # type: ignore[no-untyped-def]
    joint, offset = contact_offset(side, contact)
    bones = body.transforms(torch.tensor(pose[None], dtype=torch.float64), shape, translation)[0].numpy()
    rest = body.joints(shape)[0].double().numpy()
    at = {n: INDEX[f"{side}_{n}"] for n in ("collar", "shoulder", "elbow", "wrist")}
    to_wrist = bones[at["wrist"], :3, :3].T
    bone = bones[INDEX[joint]]
    touch = bone[:3, :3] @ offset + bone[:3, 3] - bones[at["wrist"], :3, 3]
    return _Arm(
        bones[at["shoulder"], :3, 3],
        rest[at["elbow"]] - rest[at["shoulder"]],
        rest[at["wrist"]] - rest[at["elbow"]],
        bones[at["collar"], :3, :3],
        to_wrist @ touch,
        to_wrist @ bone[:3, :3],
    )


def _wrists(arm: _Arm, normal: np.ndarray, steep: float) -> tuple[np.ndarray, np.ndarray]:
    """Candidate rotations of the wrist (N, 3, 3) and how far each leans from what is wanted (N,), radians."""
    side_axis = np.cross(normal, [0.31, 0.9, 0.3])
    base = frames(normal, side_axis)
    # Columns to (x, y, z): the back of the hand, its local y, looks along the normal.
    base = np.stack([base[:, 1], base[:, 0], -base[:, 2]], 1)
    spins = Rotation.from_rotvec(np.linspace(0, 2 * np.pi, _SPINS, endpoint=False)[:, None] * [0.0, 1.0, 0.0])
    leans = Rotation.from_rotvec(np.array([(a, 0.0, b) for a, b in _TILTS]))
    # Turning about z takes the fingers, which point along x, down onto the surface.
    down = Rotation.from_rotvec([0.0, 0.0, -np.sign(arm.fore[0]) * steep]).as_matrix()
    touching = base @ (spins.as_matrix()[:, None] @ down @ leans.as_matrix()[None])
    lean = np.broadcast_to(leans.magnitude(), touching.shape[:2])
    return touching.reshape(-1, 3, 3) @ arm.bone.T, lean.ravel()


def _elbows(arm: _Arm, wrist: np.ndarray) -> np.ndarray:
    """(N, 3) wrists -> (N, S, 3) places of the elbow around the line from the shoulder; the cosine law."""
    line = wrist - arm.shoulder
    far = np.linalg.norm(line, axis=1)
    a, b = np.linalg.norm(arm.upper), np.linalg.norm(arm.fore)
    along = (a * a - b * b + far * far) / (2 * far)
    radius = np.sqrt(np.maximum(a * a - along * along, 0))
    frame = frames(line, np.broadcast_to([0.02, -1.0, -0.01], line.shape))
    turn = np.linspace(0, 2 * np.pi, _SWIVELS, endpoint=False)
    ring = np.cos(turn)[:, None] * frame[:, None, :, 1] + np.sin(turn)[:, None] * frame[:, None, :, 2]
    return arm.shoulder + (along / far)[:, None, None] * line[:, None] + radius[:, None, None] * ring


def _rotations(arm: _Arm, elbow: np.ndarray, wrist: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """World rotations (..., 3, 3) of upper arm and forearm; the elbow is a hinge."""
    return turns(Limb(arm.upper, arm.fore, np.array([0.0, 0.0, 1.0])), arm.shoulder, elbow, wrist)


def _bends(arm: _Arm, forearm: np.ndarray, wrist: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Swing and twist (N,) radians of the hand on the forearm, split about the forearm's rest axis."""
    local = np.swapaxes(forearm, -1, -2) @ wrist
    axis = arm.fore / np.linalg.norm(arm.fore)
    quaternion = Rotation.from_matrix(local.reshape(-1, 3, 3)).as_quat()
    twist = 2 * np.arctan2(quaternion[:, :3] @ axis, quaternion[:, 3])
    twist = (twist + np.pi) % (2 * np.pi) - np.pi
    moved = local.reshape(-1, 3, 3) @ axis
    return np.arccos(np.clip(moved @ axis, -1, 1)), twist


def _crowding(body: BodyModel, pose: np.ndarray, places: np.ndarray, shape, translation) -> np.ndarray:  # type: ignore[no-untyped-def]
    """How deep points (N, P, 3) of an arm lie in an ellipsoid around torso or head, 0 outside, summed to (N,)."""
    bones = body.transforms(torch.tensor(pose[None], dtype=torch.float64), shape, translation)[0].numpy()
    total = np.zeros(len(places))
    for bone, centre, half in (
        ("spine2", (0.0, -0.40, -0.02), (0.215, 0.32, 0.165)),
        ("head", (0.0, 0.035, 0.01), (0.105, 0.145, 0.130)),
    ):
        transform = bones[INDEX[bone]]
        local = (places - transform[:3, 3]) @ transform[:3, :3] + rest_joints()[INDEX[bone]]
        inside = 1 - np.linalg.norm((local - centre) / np.array(half), axis=-1)
        total += np.maximum(inside, 0).sum(1)
    return total


def reach(
    body: BodyModel,
    side: str,
    target: np.ndarray,
    normal: np.ndarray,
    pose: np.ndarray,
    contact: str = "index",
    shape: torch.Tensor | None = None,
    translation: torch.Tensor | None = None,
    steep: float = 0.0,
) -> np.ndarray:
    """The pose (55, 3) with one arm changed so that its hand touches a point.

    side: left or right; target, normal: (3,) metres and outward direction of the touched surface in the world;
    pose: (55, 3) of everything else, the fingers included; contact: finger or "palm"; steep: radians by which the
    finger points down into the surface instead of lying flat on it. The touching place of the mean
    hand comes to lie on `target` exactly, the palm's side towards the surface. Of all ways to do so the one with the
    least bent wrist, the lowest elbow and no arm inside the body is taken.

    Raises BadInput if the point is out of the arm's reach or no wrist could take it.
    """
    if side not in ("left", "right"):
        raise BadInput(f"no side named {side!r}", cure="take left or right")
    pose, target = np.array(pose, float), np.asarray(target, float)
    normal = np.asarray(normal, float) / np.linalg.norm(normal)
    arm = _arm(body, side, pose, contact, shape, translation)
    turned, lean = _wrists(arm, normal, steep)
    wrist = target - turned @ arm.contact
    far = np.linalg.norm(wrist - arm.shoulder, axis=1)
    a, b = np.linalg.norm(arm.upper), np.linalg.norm(arm.fore)
    possible = (far < (a + b) * 0.9995) & (far > abs(a - b) + 0.12)
    if not possible.any():
        excess = 1000 * float(np.min(np.abs(far - np.clip(far, abs(a - b) + 0.12, (a + b) * 0.9995))))
        raise BadInput(
            f"the {side} hand misses the target by {excess:.0f} mm",
            where="reach",
            cure="lean or move the target",
        )
    turned, wrist, lean = turned[possible], wrist[possible], lean[possible]
    elbow = _elbows(arm, wrist)
    shoulder, forearm = _rotations(arm, elbow, wrist[:, None])
    swing, twist = _bends(arm, forearm, np.broadcast_to(turned[:, None], forearm.shape))
    flat_elbow = elbow.reshape(-1, 3)
    middle = [flat_elbow, (flat_elbow + np.repeat(wrist, _SWIVELS, 0)) / 2, np.repeat(wrist, _SWIVELS, 0)]
    cost = 0.8 * swing**2 + 0.25 * np.maximum(np.abs(twist) - 0.8, 0) ** 2 + 0.8 * np.repeat(lean, _SWIVELS) ** 2
    cost += 2.5 * np.maximum(flat_elbow[:, 1] - arm.shoulder[1] + 0.15, 0) / a
    cost += 1.2 * np.maximum(arm.shoulder[2] - flat_elbow[:, 2], 0) / a
    cost += 4.0 * _crowding(body, pose, np.stack(middle, 1), shape, translation)
    cost[(swing > WRIST_SWING) | (np.abs(twist) > WRIST_TWIST)] = np.inf
    # The trace of a rotation is 1 + 2 cos of its angle; for the shoulder it is counted from the collar.
    trace = np.einsum("ji,nsji->ns", arm.collar, shoulder).ravel()
    cost[np.arccos(np.clip((trace - 1) / 2, -1, 1)) > SHOULDER_TURN] = np.inf
    best = int(np.argmin(cost))
    if not np.isfinite(cost[best]):
        raise BadInput(f"no {side} wrist bends so far", where="reach", cure="take another normal or the other hand")
    k, s = divmod(best, _SWIVELS)
    pose[INDEX[f"{side}_shoulder"]] = Rotation.from_matrix(arm.collar.T @ shoulder[k, s]).as_rotvec()
    # Forearm and wrist share the twist, as radius and ulna do, so that no skin is wrung.
    roll = Rotation.from_rotvec(arm.fore / np.linalg.norm(arm.fore) * twist[best] / 2).as_matrix()
    rolled = forearm[k, s] @ roll
    pose[INDEX[f"{side}_elbow"]] = Rotation.from_matrix(shoulder[k, s].T @ rolled).as_rotvec()
    pose[INDEX[f"{side}_wrist"]] = Rotation.from_matrix(rolled.T @ turned[k]).as_rotvec()
    return pose
