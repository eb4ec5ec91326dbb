"""A hand that passes before a face: an actor of its own in footage, so that what it hides is known pixel by pixel."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from talkie.clip import FPS
from talkie.heads import HeadModel
from talkie.heads.body import INDEX, builtin_body
from talkie.heads.body.hands import fingers_of, hand_pose, shape_angles
from talkie.render import Costume, Frame, Look
from talkie.stage.wardrobe import dressed_body

SECONDS = (0.5, 1.5)
"""How long a passing hand is before the face."""
_FOREARM_M = 0.42
"""What lies nearer to the body's middle than this at rest is not there: an arm, cut at the elbow."""
_AWAY_M, _BELOW_M = 0.42, 0.40
"""Beside and under the face's middle, where the hand comes from and goes to: out of the picture."""


@dataclass(frozen=True)
class Passing:
    """A hand's way: vertices (n, V, 3) world metres of the frames `first` to `first + n`; side; seconds."""

    first: int
    vertices: np.ndarray
    side: str
    seconds: float


def hand_costume(look: Look, side: str) -> Costume:
    """A hand with its sleeve up to the elbow in somebody's skin and cloth; its vertices are the whole body's."""
    body, dress = builtin_body(), dressed_body(look)
    sign = 1.0 if side == "left" else -1.0
    x = sign * body.template.numpy()[dress.faces][..., 0]
    names = [dress.part_names.index(n) for n in (f"{side}_hand", "shirt")]
    kept = np.isin(dress.part, names) & (x > _FOREARM_M).all(1)
    rows = {name: getattr(dress, name)[kept] for name in ("faces", "part", "uv", "paint", "material")}
    return replace(dress, name="passing hand", body_faces=int(kept.sum()), **rows)


def passing(face: np.ndarray, rng: np.random.Generator) -> Passing:
    """Draws a hand's way past a face whose middle is at (T, 3) metres in the world: when, how long, from which side,
    which hand shape, palm or back towards the camera."""
    frames = len(face)
    seconds = float(rng.uniform(SECONDS[0], min(SECONDS[1], 0.8 * frames / FPS)))
    count = min(max(round(seconds * FPS), 2), frames - 2)
    first = int(rng.integers(1, frames - count))
    side = "left" if rng.random() < 0.5 else "right"
    shape = str(rng.choice(["open", "rest", "flat"]))
    hand, knuckles = _upright(side, shape, palm_forward=bool(rng.random() < 0.5))
    # In quickly, slowest before the face, out quickly: what a gesture before the mouth looks like.
    u = (np.arange(count) + 0.5) / count
    sweep = (u + 0.10 * np.sin(2 * np.pi * u)) * 2 - 1
    start = 1.0 if rng.random() < 0.5 else -1.0
    lift = rng.uniform(-0.045, 0.02) - _BELOW_M * np.abs(sweep) ** 3
    near = rng.uniform(0.065, 0.10)
    place = face[first : first + count] + np.stack([start * _AWAY_M * sweep, lift, np.full(count, near)], 1)
    lean = start * 0.35 * sweep
    return Passing(first, _turned(hand - knuckles, lean) + place[:, None], side, count / FPS)


def _upright(side: str, shape: str, palm_forward: bool) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) of the body with its forearm along the vertical, and the middle of the palm (3,)."""
    body = builtin_body()
    pose = np.zeros((1, len(body.joint_names), 3), np.float32)
    pose[0, fingers_of(side)] = hand_pose(side, shape_angles(shape))
    flat = body.vertices(torch.as_tensor(pose))[0].double().numpy()
    palm = body.joints()[0].double().numpy()[[INDEX[f"{side}_wrist"], INDEX[f"{side}_middle1"]]].mean(0)
    sign = 1.0 if side == "left" else -1.0
    # Columns: where the arm's x (outwards), y (back of the hand) and z (the thumb's side) go.
    back = -1.0 if palm_forward else 1.0
    x, y = np.array([0.0, sign, 0.0]), np.array([0.0, 0.0, back])
    turn = np.stack([x, y, np.cross(x, y)], 1)
    return flat @ turn.T, turn @ palm


def _turned(points: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Points (V, 3) turned by angles (n,) about the camera's axis: (n, V, 3)."""
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    x, y, z = points.T
    return np.stack([x * cos - y * sin, x * sin + y * cos, np.broadcast_to(z, (len(angle), len(z)))], -1)


def face_pixels(frame: Frame, model: HeadModel, actor: int) -> int:
    """How many pixels show the face of one actor, whose head is of `model`."""
    region = model.regions.get("face")
    faces = model.faces.numpy()
    of_face = np.ones(len(faces), bool) if region is None else np.isin(faces, region).all(1)
    seen = (frame.actor == actor) & (frame.triangle >= 0) & (frame.triangle < len(faces))
    return int(of_face[frame.triangle[seen]].sum())
