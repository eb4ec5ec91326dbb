"""How motion goes with the beats of sound, how varied and how smooth it is. Blinks and silence are in activity.py."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import argrelextrema, find_peaks
from scipy.spatial.transform import Rotation

from talkie.clip import FPS, SAMPLE_RATE
from talkie.errors import BadInput
from talkie.evaluation.metrics.checks import array
from talkie.evaluation.metrics.registry import MESH, VIDEO, metric
from talkie.speech.features import log_mel

SIGMA, TAU = 5.0, 3.0
"""Frames: width of the Gaussian over the speed, and of the kernel between two beats (Bailando's code)."""
HEAD_RADIUS_M = 0.1
"""Distance from the head's axis at which a turn is counted as a way, so that turns and shifts share a unit."""
_HOP_S = 0.01
_ONSET_GAP_S, _ONSET_RISE = 0.1, 0.3
"""Least time between two onsets, and the rise of the mean log power (nepers a hop) that is one: syllables come at 4 to
8 a second, and speech's steady parts rise by less than a tenth."""
_QUIET = -12.0
"""Natural log power of a mel band below which a rise is noise in a pause."""


def motion_beats(speed: np.ndarray, sigma: float = SIGMA) -> np.ndarray:
    """Frames (B,) of the local minima of a speed (T,) smoothed by a Gaussian (Bailando's code, Siyao et al. 2022).

    speed[t] is that between frames t and t + 1. Raises BadInput for nothing or NaN."""
    return argrelextrema(gaussian_filter1d(array(speed, "speed", (None,)), sigma), np.less)[0]


def joint_speed(joints: np.ndarray) -> np.ndarray:
    """(T - 1,) mean speed of joints (T, J, 3), in their unit a frame."""
    moving = array(joints, "joints", (None, None, 3))
    return np.linalg.norm(np.diff(moving, axis=0), axis=2).mean(1)


def head_speed(rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """(T - 1,) metres a frame: the speed of a 6-D head pose, axis-angle (T, 3) and metres (T, 3). The way of a turn is
    that of a point HEAD_RADIUS_M from its axis; both ways add as the sides of a right angle."""
    turns, ways = array(rotation, "rotation", (None, 3)), array(translation, "translation", (len(rotation), 3))
    if len(turns) < 2:
        raise BadInput(f"{len(turns)} frames have no speed", where="rotation", cure="give a longer clip")
    rotations = Rotation.from_rotvec(turns)
    angle = (rotations[:-1].inv() * rotations[1:]).magnitude()
    return np.hypot(HEAD_RADIUS_M * angle, np.linalg.norm(np.diff(ways, axis=0), axis=1))


def sound_beats(samples: np.ndarray, rate: int = SAMPLE_RATE, fps: float = FPS) -> np.ndarray:
    """Onsets of sound as (B,) frame numbers with a fraction: peaks of the rise of the mean log-mel power (spectral
    flux, Bello et al. 2005) that are at least 0.1 s apart. samples: (N,) in [-1, 1]."""
    power = np.maximum(
        log_mel(array(samples, "samples", (None,)).astype(np.float32), rate, hop_s=_HOP_S).numpy(), _QUIET
    )
    flux = np.maximum(np.diff(power, axis=0, prepend=power[:1]), 0).mean(1)
    peaks = find_peaks(flux, height=_ONSET_RISE, distance=round(_ONSET_GAP_S / _HOP_S))[0]
    return (peaks + 0.5) * _HOP_S * fps


@metric(
    "beat_align",
    "Mean over sound beats of the nearness of a motion beat",
    unit="1",
    better="higher",
    tasks=(*VIDEO, *MESH),
    source="Bailando's code: exp(-d^2 / (2 tau^2)), tau 3 frames; SadTalker's use of it was never released",
    item="clip",
)
def beat_align(sound: np.ndarray, motion: np.ndarray, tau: float = TAU) -> float:
    """In [0, 1]; higher is better. sound, motion: (B,), (C,) frame numbers. 0 where nothing moves in beats; many motion
    beats are rewarded, so that `beat_align_reverse` belongs beside it. Raises BadInput for sound without beats."""
    beats, moves = array(sound, "sound", (None,)), array(motion, "motion", (None,), empty=True)
    if len(moves) == 0:
        return 0.0
    gaps = np.abs(beats[:, None] - moves[None]).min(1)
    return float(np.exp(-np.square(gaps) / (2 * tau**2)).mean())


@metric(
    "beat_align_reverse",
    "Mean over motion beats of the nearness of a sound beat",
    unit="1",
    better="higher",
    tasks=(*VIDEO, *MESH),
    source="Bailando's score with the two exchanged: punishes motion beats without a sound beat",
    item="clip",
)
def beat_align_reverse(sound: np.ndarray, motion: np.ndarray, tau: float = TAU) -> float:
    """In [0, 1]; higher is better. Raises BadInput for sound without beats."""
    array(sound, "sound", (None,))
    return beat_align(motion, sound, tau) if len(motion) else 0.0


@metric(
    "diversity",
    "Standard deviation of head motion features, mean over features",
    unit="unit of the features",
    better="higher",
    tasks=(*VIDEO, *MESH),
    source="SadTalker (Zhang et al. 2023): Hopenet's angles in degrees; over time within a clip, or over samples",
    item="clip",
)
def diversity(features: np.ndarray) -> float:
    """features: (T, D) over time, or (S, D) over samples of one input; higher is more varied, and more than the truth's
    is no merit. Population standard deviation. Raises BadInput for fewer than two rows, NaN."""
    rows = array(features, "features", (None, None))
    if len(rows) < 2:
        raise BadInput("one row does not vary", where="features", cure="give more frames or samples")
    return float(rows.std(0).mean())


@metric(
    "jerk",
    "Mean magnitude of the third derivative of motion",
    unit="unit of the motion/s^3",
    better="lower",
    tasks=(*VIDEO, *MESH),
    source="third difference times the cube of the frame rate (Flash & Hogan 1985); the truth's is best",
)
def jerk(motion: np.ndarray, fps: float = FPS) -> np.ndarray:
    """(T - 3,); lower is smoother. motion: (T, D) or (T, K, D), a point's last axis its coordinates; mean over K.
    Raises BadInput for fewer than four frames, NaN."""
    moving = array(motion, "motion")
    if moving.ndim < 2 or len(moving) < 4:
        raise BadInput(
            f"has shape {moving.shape}, wanted (4 or more, ..., D)", where="motion", cure="give a longer clip"
        )
    magnitude = np.linalg.norm(np.diff(moving, n=3, axis=0), axis=-1) * fps**3
    return np.asarray(magnitude.reshape(len(magnitude), -1).mean(1))
