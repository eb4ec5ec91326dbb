"""The body under a performing head: where it stands, how its weight shifts, its shape; a take's body in the world.

The head moves as performed, and the body follows its neck: the bone `neck` keeps the head frame's axes, so that the
head's own parameters stay true. What arms do is drawn in `gesturing` and `touching`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from talkie.errors import BadInput
from talkie.heads import HeadModel
from talkie.heads.body import INDEX, BodyModel, builtin_body
from talkie.heads.body.limb import Limb, hinge_places, turns
from talkie.stage.cast import Person
from talkie.stage.gesturing import gestured_pose, weight_shift
from talkie.stage.performance import Performance

LOWEST_NECK_M = -0.135
"""A head whose neck ends above this height of the head frame leaves a gap over the collar."""
_NOSE, _CHIN = np.array([0.0, -0.004, 0.129]), np.array([0.0, -0.077, 0.102])
_BENT_M = 0.012
"""By how much bent knees let the pelvis down."""
_STANCE_M, _TURNED_OUT = 0.025, 0.14
"""Half of what the feet stand apart beyond the hips, and how far each turns outwards, radians."""


@dataclass(frozen=True)
class BodyTrack:
    """A body through a take. pose: (T, 55, 3) axis-angle in SMPL-X's order; shape: (S,); translation: (T, 3) metres,
    as `BodyModel.vertices` takes them; transforms: (T, 55, 4, 4) of the bones in the world; vertices: (T, V, 3) float64
    world metres."""

    pose: np.ndarray
    shape: np.ndarray
    translation: np.ndarray
    transforms: np.ndarray
    vertices: np.ndarray

    @property
    def joints(self) -> np.ndarray:
        """(T, 55, 3) metres in the world."""
        return self.transforms[..., :3, 3]


def check_joins(head: HeadModel) -> None:
    """Raise BadInput for a head that the body cannot carry: its neck must reach into the collar, and its nose and chin
    lie within 3 cm of the built-in head's in the head frame."""
    template = head.template.numpy()
    points = head.landmarks(head.template[None])[0].numpy()[[1, 152]]
    if np.abs(points - [_NOSE, _CHIN]).max() > 0.03:
        raise BadInput(f"head {head.name!r} lies elsewhere than the body's neck", cure="film it without a body")
    if template[:, 1].min() > LOWEST_NECK_M:
        raise BadInput(f"head {head.name!r} has too short a neck for the body's collar", cure="film it without a body")


def shape_of(person: Person, body: BodyModel, seed: int) -> np.ndarray:
    """(S,) weights of the person's body, truncated at 1.5 sigma; the same in all of somebody's takes."""
    rng = np.random.default_rng((seed, *person.name.encode(), 0xB0D1))
    return np.clip(rng.normal(0, 0.8, len(body.shape_names)), -1.5, 1.5).astype(np.float32)


def embodied(person: Person, performance: Performance, rng: np.random.Generator, gestures: float = 1.0) -> np.ndarray:
    """(T, 55, 3): the pose of a standing body under a performance, its legs still straight (`stand` bends them)."""
    arms_rng, weight_rng = rng.spawn(2)
    pose = gestured_pose(person, performance, arms_rng, gestures)
    lean(pose, performance.translation, weight_shift(len(performance), weight_rng))
    for name, value in (("head", "neck"), ("left_eye_smplhf", "left_eye"), ("right_eye_smplhf", "right_eye")):
        pose[:, INDEX[name]] = getattr(performance, value)
    return pose


def lean(pose: np.ndarray, translation: np.ndarray, shift: np.ndarray) -> None:
    """Turns the spine, in place, so that a pelvis that stands `shift` (T, 2) beside the feet's middle carries a head
    that has moved by `translation` (T, 3)."""
    away = (translation - translation.mean(0))[:, [0, 2]] - shift
    # Three turns of one size at 0.37, 0.245 and 0.185 m below the neck move it by their sum.
    turn = away / 0.8
    for name in ("spine1", "spine2", "spine3"):
        pose[:, INDEX[name], 2] -= turn[:, 0]
        pose[:, INDEX[name], 0] += turn[:, 1]


def stand(pose: np.ndarray, shape: np.ndarray, translation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pose (T, 55, 3) and root translation (T, 3) of a body whose neck carries a head at `translation` (T, 3) and whose
    feet stand still on the floor. The neck undoes the spine's turns; the knees bend as they must."""
    body = builtin_body()
    pose = np.array(pose, float)
    weights = torch.as_tensor(shape)[None]
    rest = body.joints(weights)[0].double().numpy()
    pose[:, INDEX["neck"]] = 0.0
    bones = _bones(body, pose, weights)
    pose[:, INDEX["neck"]] = Rotation.from_matrix(bones[:, INDEX["spine3"], :3, :3]).inv().as_rotvec()
    root = rest[INDEX["neck"]] + translation - bones[:, INDEX["neck"], :3, 3]
    floor = translation.mean(0) + np.array([0.0, _BENT_M, 0.0])
    for side, sign in (("left", 1.0), ("right", -1.0)):
        _plant(pose, bones, root, rest, floor, side, sign)
    return pose, root


def _plant(
    pose: np.ndarray, bones: np.ndarray, root: np.ndarray, rest: np.ndarray, floor: np.ndarray, side: str, sign: float
) -> None:
    """Bends one leg, in place, so that its foot stands where it stood at rest, turned out a little."""
    hip, knee, ankle = (INDEX[f"{side}_{n}"] for n in ("hip", "knee", "ankle"))
    limb = Limb(rest[knee] - rest[hip], rest[ankle] - rest[knee], np.array([0.0, 0.0, -1.0]))
    out = Rotation.from_rotvec([0.0, sign * _TURNED_OUT, 0.0])
    place = np.broadcast_to(rest[ankle] + floor + [sign * _STANCE_M, 0.0, 0.0], root.shape)
    at = bones[:, hip, :3, 3] + root
    bent, end = hinge_places(limb, at, place, out.apply([0.0, 0.0, 1.0]))
    thigh, shank = turns(limb, at, bent, end)
    pelvis = bones[:, INDEX["pelvis"], :3, :3]
    pose[:, hip] = Rotation.from_matrix(np.swapaxes(pelvis, 1, 2) @ thigh).as_rotvec()
    pose[:, knee] = Rotation.from_matrix(np.swapaxes(thigh, 1, 2) @ shank).as_rotvec()
    pose[:, ankle] = Rotation.from_matrix(np.swapaxes(shank, 1, 2) @ out.as_matrix()).as_rotvec()
    pose[:, INDEX[f"{side}_foot"]] = 0.0


def _bones(body: BodyModel, pose: np.ndarray, weights: torch.Tensor) -> np.ndarray:
    return body.transforms(torch.as_tensor(pose, dtype=torch.float64), weights.double()).numpy()


@torch.no_grad()
def tracked(pose: np.ndarray, shape: np.ndarray, root: np.ndarray, batch: int = 64) -> BodyTrack:
    """The body's mesh and bones of a motion: pose (T, 55, 3), shape (S,), root translation (T, 3)."""
    body = builtin_body()
    weights = torch.as_tensor(shape, dtype=torch.float32)[None]
    pose, root = np.asarray(pose, np.float32), np.asarray(root, np.float32)
    transforms, vertices = [], []
    for at in range(0, len(pose), batch):
        part, place = torch.as_tensor(pose[at : at + batch]), torch.as_tensor(root[at : at + batch])
        transforms.append(body.transforms(part, weights, place))
        vertices.append(body.vertices(part, weights, place))
    return BodyTrack(
        pose, np.asarray(shape, np.float32), root, torch.cat(transforms).numpy(), torch.cat(vertices).double().numpy()
    )


@torch.no_grad()
def joined(head: HeadModel, vertices: np.ndarray, translation: np.ndarray, track: BodyTrack) -> np.ndarray:
    """World vertices (T, V, 3) of a head posed without a body, with its neck going down into the collar.

    translation: (T, 3) of the head, whose frame has the world's axes."""
    own = torch.as_tensor(vertices - translation[:, None], dtype=torch.float32)
    weights = torch.as_tensor(track.shape)[None]
    attached = builtin_body().attach(head, own, torch.as_tensor(track.transforms), weights)
    return attached.double().numpy()
