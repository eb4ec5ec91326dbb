"""Vertex metrics of speech-driven animation: LVE, FDD, MVE and MOD. Which clips and whose answers are compared is
decided in evaluate.py; scans and rigid errors are in capture.py, rhythm and blinks in rhythm.py and activity.py.

Motions are offsets (T, V, 3) in metres from the person's neutral face; truth and guess share the neutral face, so
that errors of offsets are errors of vertices.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from talkie.evaluation.bootstrap import RESAMPLES, interval
from talkie.evaluation.metrics.checks import array, pair
from talkie.evaluation.metrics.registry import MESH, metric
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


def lve(errors: Sequence[ClipErrors], masks: MotionMasks, resamples: int = RESAMPLES) -> Measurement:
    """Lip vertex error: mean of `lip_error` over all frames of all clips, m^2; interval over per-clip means."""
    return _over_frames(
        "lve",
        "m^2",
        errors,
        lambda e: e.lip,
        {"definition": "per frame max over lip vertices of squared L2, mean over frames", "mask": str(masks.lips)},
        masks,
        resamples,
    )


def mve(errors: Sequence[ClipErrors], masks: MotionMasks, resamples: int = RESAMPLES) -> Measurement:
    """Mean vertex error: mean L2 distance over all vertices and frames, m; interval over per-clip means."""
    definition = {"definition": "mean L2 over all vertices, mean over frames", "mask": "all vertices"}
    return _over_frames("mve", "m", errors, lambda e: e.vertex, definition, masks, resamples)


def fdd(errors: Sequence[ClipErrors], masks: MotionMasks, resamples: int = RESAMPLES) -> Measurement:
    """Upper-face dynamics deviation: truth minus guess, SIGNED, mean over clips, m^2; positive where the guess moves
    too little."""
    values = [e.dynamics for e in errors]
    low, high = interval(values, resamples)
    return Measurement(
        name="fdd",
        value=float(np.mean(values)),
        unit="m^2",
        items=len(values),
        item="clip",
        protocol=_protocol(
            {
                "definition": "std over time of squared displacement, mean over vertices, truth minus guess, signed",
                "mask": str(masks.upper_face),
            },
            masks,
            errors,
        ),
        low=low,
        high=high,
    )


METRICS: dict[str, Callable[..., Measurement]] = {"lve": lve, "fdd": fdd, "mve": mve}
"""By the names that the task uses."""


def _over_frames(
    name: str,
    unit: str,
    errors: Sequence[ClipErrors],
    of: Callable[[ClipErrors], np.ndarray],
    definition: dict[str, str],
    masks: MotionMasks,
    resamples: int,
) -> Measurement:
    per_frame = np.concatenate([of(e) for e in errors])
    low, high = interval([float(of(e).mean()) for e in errors], resamples)
    return Measurement(
        name=name,
        value=float(per_frame.mean()),
        unit=unit,
        items=len(per_frame),
        item="frame",
        protocol=_protocol(definition, masks, errors),
        low=low,
        high=high,
    )


def _protocol(definition: dict[str, str], masks: MotionMasks, errors: Sequence[Any]) -> dict[str, str]:
    return {
        **definition,
        "head": masks.head,
        "clips": str(len(errors)),
        "fps": "25",
        "interval": "95 % percentile bootstrap over per-clip means",
        "length": "trimmed to the shorter",
    }
