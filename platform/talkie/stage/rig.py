"""Cameras of a take: where they stand, how they see, how they move. What they see is filmed in `film`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkie.stage.noise import smooth_noise
from talkie.stage.sections import Framing, Rig

HEAD_HEIGHT_M = 0.24
"""Chin to crown, rounded up: what `head_share` is a share of the picture for."""
_HANDHELD_M, _HANDHELD_RAD = 0.004, 0.004
FRAMINGS: dict[Framing, tuple[float, float, float]] = {
    "face": (0.0, 1.0, 1.0), "bust": (0.08, 0.58, 1.2), "half": (0.27, 0.36, 1.8), "full": (0.74, 0.19, 2.6),
}  # fmt: skip
"""By framing: metres that cameras look below the face's middle, factors on the head's share and on the distance."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera through a take, OpenCV's world-to-camera convention, no lens distortion.

    K: (T, 3, 3) pixels; R: (T, 3, 3) and t: (T, 3) metres; width, height: pixels."""

    name: str
    K: np.ndarray
    R: np.ndarray
    t: np.ndarray
    width: int
    height: int

    @property
    def still(self) -> bool:
        return bool((self.R[:1] == self.R).all() and (self.t == self.t[:1]).all())

    def centre(self) -> np.ndarray:
        """Where the camera stands in the world, (T, 3) metres."""
        return -np.einsum("tji,tj->ti", self.R, self.t)


def look_at(position: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """World-to-camera R (..., 3, 3) and t (..., 3) of cameras at `position` (..., 3) that look at `target` with the
    world's y upwards in the picture. A camera straight above or below its target has no such up."""
    forward = target - position
    forward = forward / np.linalg.norm(forward, axis=-1, keepdims=True)
    right = np.cross(forward, np.array([0.0, 1.0, 0.0]))
    right = right / np.linalg.norm(right, axis=-1, keepdims=True)
    R = np.stack([right, np.cross(forward, right), forward], axis=-2)
    return R, -np.einsum("...ij,...j->...i", R, position)


def around(distance_m: float, yaw_rad: float, pitch_rad: float) -> np.ndarray:
    """Place (3,) at a distance from the world's origin: yaw towards the person's left, pitch upwards."""
    flat = distance_m * np.cos(pitch_rad)
    return np.array([flat * np.sin(yaw_rad), distance_m * np.sin(pitch_rad), flat * np.cos(yaw_rad)])


def directions(rig: Rig) -> np.ndarray:
    """Yaw and pitch (views, 2) in radians of each view: the first in front, the others on staggered rows over the arc,
    as multi-view rigs stand (three rows at most)."""
    others = rig.views - 1
    if others == 0:
        return np.zeros((1, 2))
    rows = min(3, max(1, round(np.sqrt(others * max(rig.rise_deg, 1e-9) / max(rig.arc_deg, 1e-9)))))
    out = [(0.0, 0.0)]
    for row, members in enumerate(np.array_split(np.arange(others), rows)):
        pitch = 0.0 if rows == 1 else (row / (rows - 1) - 0.5) * rig.rise_deg
        n = len(members)
        steps = (np.arange(n) + 0.5 + (0.25 if row % 2 else -0.25) * (n > 1)) / n - 0.5
        out += [(step * rig.arc_deg, pitch) for step in steps]
    return np.radians(np.array(out))


def place(rig: Rig, frames: int, rng: np.random.Generator, number: int = 0) -> list[Camera]:
    """The cameras of one take, all at one distance and focal length; the head is near the world's origin. number: of
    the take, by which framings are dealt."""
    drop, share, further = FRAMINGS[rig.framing[number % len(rig.framing)]]
    distance = further * float(rng.uniform(*rig.distance_m))
    focal = share * float(rng.uniform(*rig.head_share)) * rig.size * distance / HEAD_HEIGHT_M
    first = np.radians(rig.turn_deg) * float(rng.uniform(-1, 1))
    moved, looked = _motion(rig, frames, rng)
    aim = np.array([0.0, -drop, 0.0])
    shake = moved, looked + aim
    cameras = []
    for view, (yaw, pitch) in enumerate(directions(rig)):
        position = around(distance, yaw + (first if view == 0 else 0.0), pitch)
        cameras.append(_camera(f"view{view:02d}", position + aim, focal, (rig.size, rig.size), shake))
    return cameras


def _camera(
    name: str, position: np.ndarray, focal: float, size: tuple[int, int], motion: tuple[np.ndarray, np.ndarray]
) -> Camera:
    moved, aim = motion
    width, height = size
    R, t = look_at(position + moved, aim)
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    K, R, t = (np.ascontiguousarray(a, np.float32) for a in (np.repeat(K[None], len(moved), 0), R, t))
    return Camera(name, K, R, t, width, height)


def frontal(size: tuple[int, int], distance_m: float, focal: float, frames: int) -> Camera:
    """A still camera in front of the world's origin; size: width and height in pixels."""
    still = np.zeros((frames, 3))
    return _camera("view00", around(distance_m, 0.0, 0.0), focal, size, (still, still))


def _motion(rig: Rig, frames: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Shift of the camera (T, 3) and the point it looks at (T, 3), metres."""
    still = np.zeros((frames, 3))
    if rig.motion == "fixed":
        return still, still
    if rig.motion == "handheld":
        tremor = smooth_noise(frames, 6, 0.25, rng) + 2 * smooth_noise(frames, 6, 1.5, rng)
        return tremor[:, :3] * _HANDHELD_M, tremor[:, 3:] * _HANDHELD_RAD * rig.distance_m[0]
    way = np.linspace(-0.5, 0.5, frames)[:, None] * float(rng.choice([-1.0, 1.0]))
    if rig.motion == "pan":
        return still, way * np.array([[0.06, 0.0, 0.0]])
    return way * np.array([[0.25, 0.0, 0.10]]), still
