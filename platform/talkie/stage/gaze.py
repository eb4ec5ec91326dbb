"""Where eyes look: fixations and saccades in the world, and the turn of both eyes that points them there.
Blinks are in blinks.py, the head's own turn in headmotion.py.

World: metres, the middle of the face near the origin, x to the person's left, y up, z out of the face.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
import torch

from talkie.clip import FPS
from talkie.heads import ARKIT_NAMES
from talkie.heads.rotations import axis_angle_to_matrix
from talkie.stage.noise import ease

SACCADE_S_PER_RAD, SACCADE_LEAST_S = 2.2e-3 * 180 / np.pi, 0.021
"""Duration of a saccade: 2.2 ms a degree and 21 ms (the main sequence; Bahill, Clark & Stark 1975)."""
BLINK_SHIFT_RAD = 0.30
"""Shifts of gaze above this come with a blink (Evinger et al. 1994)."""

PLACES = ("camera", "listener", "side", "up", "down")
_LID_DOWN, _LID_UP = 0.98, 1.74
"""Weights of eyeBlink and eyeWide for each radian by which an eye looks down or up: the lids go with the ball."""


class Eyes(Protocol):
    """The part of a head's anatomy that gaze needs: metres, head frame at rest."""

    @property
    def left_eye(self) -> np.ndarray: ...
    @property
    def right_eye(self) -> np.ndarray: ...
    @property
    def neck(self) -> np.ndarray: ...
    @property
    def centre(self) -> np.ndarray: ...


@dataclass(frozen=True)
class Fixation:
    """From start_s to end_s the eyes rest on `target` (3,); place: one of PLACES."""

    start_s: float
    end_s: float
    target: np.ndarray
    place: str


@dataclass(frozen=True)
class Saccade:
    """A jump of gaze: seconds, radians and the peak velocity in radians a second (minimum jerk: 15/8 of the mean)."""

    start_s: float
    seconds: float
    amplitude: float

    @property
    def peak_velocity(self) -> float:
        return 15 / 8 * self.amplitude / self.seconds


@dataclass(frozen=True)
class GazePlan:
    """target: (T, 3) metres, the point looked at in every frame; saccade: (T,) bool, frames in which the eyes jump."""

    target: np.ndarray
    saccade: np.ndarray
    fixations: tuple[Fixation, ...]
    saccades: tuple[Saccade, ...]

    @property
    def places(self) -> tuple[str, ...]:
        """The place looked at in every frame; during a jump the one that is left."""
        times = (np.arange(len(self.target)) + 0.5) / FPS
        ends = np.array([f.end_s for f in self.fixations])
        return tuple(self.fixations[min(int(i), len(ends) - 1)].place for i in np.searchsorted(ends, times))


def plan_gaze(
    frames: int,
    rng: np.random.Generator,
    *,
    camera: np.ndarray,
    averted: float,
    away: str,
    turns: Sequence[tuple[float, float, str]] = (),
) -> GazePlan:
    """Fixations with log-normal times, small jumps around the partner and now and then away.

    camera: (3,) its place; averted: probability that a fixation goes `away` (one of PLACES); turns: (start, end,
    place) in seconds where the eyes are bound to a place, as while thinking."""
    spots = {name: _spot(name, camera, rng) for name in PLACES}
    fixations: list[Fixation] = []
    at, length = -float(rng.uniform(0.0, 0.6)), frames / FPS
    while at < length:
        bound = next((t for t in turns if t[0] - 0.05 <= at < t[1] - 0.05), None)
        place = bound[2] if bound else (away if rng.random() < averted else "camera")
        mean = 0.9 if place == "camera" else 0.7
        end = at + float(np.clip(rng.lognormal(np.log(mean), 0.5), 0.25, 3.0))
        limit = bound[1] if bound else next((t[0] for t in turns if t[0] > at), np.inf)
        end = limit if end > limit - 0.25 else end
        jitter = rng.normal(0, 0.02 if place in ("camera", "listener") else 0.04, 3)
        fixations.append(Fixation(at, end, spots[place] + jitter, place))
        at = end
    return follow(tuple(fixations), frames)


def _spot(place: str, camera: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    side = rng.choice([-1.0, 1.0])
    across, height = side * rng.uniform(0.35, 0.7), rng.uniform(0.3, 0.5)
    return {
        "camera": np.asarray(camera, float),
        "listener": np.array([side * rng.uniform(0.15, 0.35), rng.uniform(-0.05, 0.05), 1.1]),
        "side": np.array([across, rng.uniform(-0.15, 0.1), 1.2]),
        "up": np.array([0.8 * across, height, 1.2]),
        "down": np.array([0.4 * across, -height, 1.0]),
    }[place]


def follow(fixations: tuple[Fixation, ...], frames: int) -> GazePlan:
    """The course of gaze through fixations in order: each is left by a saccade of the main sequence's length."""
    times = (np.arange(frames) + 0.5) / FPS
    target = np.repeat(fixations[0].target[None], frames, 0)
    moving = np.zeros(frames, bool)
    saccades: list[Saccade] = []
    for before, after in pairwise(fixations):
        a, b = (f.target / np.linalg.norm(f.target) for f in (before, after))
        angle = float(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b))
        jump = Saccade(after.start_s, SACCADE_LEAST_S + SACCADE_S_PER_RAD * angle, angle)
        done = ease((times - jump.start_s) / jump.seconds)[:, None]
        target = target + done * (after.target - before.target)
        moving |= (times + 0.5 / FPS > jump.start_s) & (times - 0.5 / FPS < jump.start_s + jump.seconds)
        if jump.start_s < frames / FPS and jump.start_s + jump.seconds > 0:
            saccades.append(jump)
    return GazePlan(target, moving, fixations, tuple(saccades))


def eye_centres(eyes: Eyes, neck: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """Centres (T, 2, 3) of the left and right eye in the world under neck rotations (T, 3) and translations (T, 3)."""
    turn = _matrices(neck)
    rest = np.stack([eyes.left_eye, eyes.right_eye]) - eyes.neck
    return np.einsum("tij,kj->tki", turn, rest) + eyes.neck + translation[:, None]


def point_eyes(
    target: np.ndarray, eyes: Eyes, neck: np.ndarray, translation: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(left, right, directions): axis-angle turns (T, 3) of both eyes in the head, and unit gaze vectors (T, 2, 3) in
    the world, so that both eyes meet at `target` (T, 3) whatever the head does.

    The turn is Listing's: its axis lies in the frontal plane, so that the eye never rolls about its line of sight."""
    centres = eye_centres(eyes, neck, translation)
    world = target[:, None] - centres
    world = world / np.linalg.norm(world, axis=-1, keepdims=True)
    local = np.einsum("tji,tkj->tki", _matrices(neck), world)
    sine = np.hypot(local[..., 0], local[..., 1])
    angle = np.arctan2(sine, local[..., 2])
    axis = np.stack([-local[..., 1], local[..., 0], np.zeros_like(sine)], -1) / np.maximum(sine, 1e-9)[..., None]
    turns = (axis * angle[..., None]).astype(np.float32)
    return turns[:, 0], turns[:, 1], world.astype(np.float32)


def following_lids(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """ARKit weights (T, 52) float32 of lids that go with eyes turned by (T, 3) each."""
    weights = np.zeros((len(left), len(ARKIT_NAMES)), np.float32)
    for side, turn in (("Left", left), ("Right", right)):
        pitch = turn[:, 0]
        weights[:, ARKIT_NAMES.index(f"eyeBlink{side}")] = np.clip(_LID_DOWN * pitch, 0, 0.5)
        weights[:, ARKIT_NAMES.index(f"eyeWide{side}")] = np.clip(-_LID_UP * pitch, 0, 0.7)
    return weights


def _matrices(turns: np.ndarray) -> np.ndarray:
    return np.asarray(axis_angle_to_matrix(torch.as_tensor(np.asarray(turns), dtype=torch.float64)))
