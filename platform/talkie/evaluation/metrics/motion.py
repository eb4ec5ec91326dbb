"""Vertex metrics of speech-driven animation: LVE, FDD, MVE and MOD. Which clips and whose answers are compared is
decided in evaluate.py; scans and rigid errors are in capture.py, rhythm and blinks in rhythm.py and activity.py.

Motions are offsets (T, V, 3) in metres from the person's neutral face; truth and guess share the neutral face, so
that errors of offsets are errors of vertices.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from talkie.errors import BadInput
from talkie.evaluation.metrics.checks import array, pair
from talkie.evaluation.metrics.registry import MESH, measure, metric
from talkie.heads import HeadModel
from talkie.systems.measurement import Measurement

MOTION = (None, None, 3)


@dataclass(frozen=True)
class Mask:
    """A named set of vertices. `digest` (SHA-256 of the indices) goes into every protocol that uses it."""

    name: str
    indices: np.ndarray

    @property
    def digest(self) -> str:
        return hashlib.sha256(np.ascontiguousarray(self.indices, np.int64).tobytes()).hexdigest()[:16]

    def __str__(self) -> str:
        return f"{self.name} ({len(self.indices)} vertices, sha256 {self.digest})"


@dataclass(frozen=True)
class MotionMasks:
    """The masks of a head model that the metrics use."""

    head: str
    lips: Mask
    upper_face: Mask

    @classmethod
    def of(cls, head: HeadModel) -> MotionMasks:
        return cls(head.name, Mask("lips", head.regions["lips"]), Mask("upper_face", head.regions["upper_face"]))


@dataclass(frozen=True)
class ClipErrors:
    """What the metrics keep of a clip. lip (T,): squared metres; vertex (T,): metres; dynamics: squared metres."""

    lip: np.ndarray
    vertex: np.ndarray
    dynamics: float


def clip_errors(truth: np.ndarray, guess: np.ndarray, masks: MotionMasks) -> ClipErrors:
    """Errors of one clip; the longer motion is trimmed to the shorter, as the field's protocols do."""
    frames = min(len(truth), len(guess))
    truth, guess = truth[:frames].astype(np.float64), guess[:frames].astype(np.float64)
    return ClipErrors(
        lip=lip_error(truth, guess, masks.lips.indices),
        vertex=vertex_error(truth, guess),
        dynamics=upper_dynamics(truth, masks.upper_face.indices) - upper_dynamics(guess, masks.upper_face.indices),
    )


@metric(
    "lve",
    "Lip vertex error: per frame the largest squared distance of a lip vertex, mean over frames",
    unit="m^2",
    better="lower",
    tasks=MESH,
    source="CodeTalker's cal_metric (Xing et al. 2023)",
)
def lip_error(truth: np.ndarray, guess: np.ndarray, lips: np.ndarray) -> np.ndarray:
    """(T,) m^2; lower is better. truth, guess: (T, V, 3) vertices or offsets of one frame of reference; lips: rows.
    Raises BadInput for unlike shapes, nothing, NaN."""
    a, b = pair(truth, guess, MOTION)
    return np.asarray(np.square(a[:, lips] - b[:, lips]).sum(-1).max(-1))


@metric(
    "mve",
    "Mean vertex error: mean distance over all vertices",
    unit="m",
    better="lower",
    tasks=(*MESH, "capture"),
    source="mean L2 over vertices, then over frames (some papers take the largest: `mve_max`)",
)
def vertex_error(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """(T,) m; lower is better. Arguments as of `lip_error`."""
    a, b = pair(truth, guess, MOTION)
    return np.asarray(np.linalg.norm(a - b, axis=-1).mean(-1))


@metric(
    "mve_max",
    "Largest vertex error of each frame",
    unit="m",
    better="lower",
    tasks=MESH,
    source="the other reading of MVE: maximum over vertices, then mean over frames",
)
def largest_vertex_error(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """(T,) m; lower is better. Arguments as of `lip_error`."""
    a, b = pair(truth, guess, MOTION)
    return np.asarray(np.linalg.norm(a - b, axis=-1).max(-1))


@metric(
    "fdd",
    "Upper-face dynamics deviation: truth minus guess, signed",
    unit="m^2",
    better="lower",
    signed=True,
    tasks=MESH,
    source="CodeTalker's cal_metric (Xing et al. 2023); papers print the magnitude",
    item="clip",
)
def dynamics_deviation(truth: np.ndarray, guess: np.ndarray, upper: np.ndarray) -> float:
    """m^2; 0 is best, positive where the guess moves too little. truth, guess: (T, V, 3) OFFSETS from the neutral
    face; upper: rows of the upper face. Raises BadInput for unlike shapes, nothing, NaN."""
    a, b = pair(truth, guess, MOTION)
    return upper_dynamics(a, upper) - upper_dynamics(b, upper)


def upper_dynamics(motion: np.ndarray, upper: np.ndarray) -> float:
    """m^2: standard deviation over time of each vertex' squared displacement, mean over the vertices (CodeTalker)."""
    return float(np.square(motion[:, upper]).sum(-1).std(0).mean())


@metric(
    "mod",
    "Mouth opening difference",
    unit="m",
    better="lower",
    tasks=MESH,
    source="DiffPoseTalk (Sun et al. 2024; no code of theirs read): mean absolute difference of the lips' distance",
)
def opening_difference(truth: np.ndarray, guess: np.ndarray, upper_lip: int, lower_lip: int) -> np.ndarray:
    """(T,) m; lower is better. truth, guess: (T, V, 3) VERTICES; the rows of the middle of either lip's inner rim.
    Raises BadInput for unlike shapes, nothing, NaN."""
    a, b = pair(truth, guess, MOTION)
    return np.abs(mouth_opening(a, upper_lip, lower_lip) - mouth_opening(b, upper_lip, lower_lip))


def mouth_opening(vertices: np.ndarray, upper_lip: int, lower_lip: int) -> np.ndarray:
    """(T,) m: distance of two vertices (T, V, 3)."""
    moving = array(vertices, "vertices", MOTION)
    return np.linalg.norm(moving[:, upper_lip] - moving[:, lower_lip], axis=-1)


def measure_motion(name: str, errors: Sequence[ClipErrors], masks: MotionMasks) -> Measurement:
    """LVE, MVE or FDD over clips, from what `clip_errors` kept of each: the mean over all frames of all clips
    (CodeTalker), of FDD over the clips; the interval over per-clip means. Raises BadInput for another metric."""
    if name not in _KEPT:
        raise BadInput(f"motions are not measured by {name!r}", cure=f"use {', '.join(_KEPT)}")
    field, mask = _KEPT[name]
    said = {
        "mask": str(getattr(masks, mask)) if mask else "all vertices",
        "head": masks.head,
        "fps": "25",
        "length": "trimmed to the shorter",
    }
    return measure(name, [getattr(e, field) for e in errors], protocol=said, pooled=True)


_KEPT = {"lve": ("lip", "lips"), "mve": ("vertex", ""), "fdd": ("dynamics", "upper_face")}
"""Of each metric the field of ClipErrors that it is the mean of, and its mask."""
