"""What a face does besides speaking: blinks, gaze, brows and head motion. Mouth shapes are in articulation.py."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from talkie.clip import FPS
from talkie.heads import ARKIT_NAMES

# Lid closure of one blink at 25 fps: about 80 ms down, 160 ms up.
_BLINK = np.array([0.35, 1.0, 0.95, 0.6, 0.3, 0.1], np.float32)
_LEFT_RIGHT = ("Left", "Right")


def blinks(frames: int, mean_gap_s: float, rng: np.random.Generator) -> np.ndarray:
    """Lid closure (frames,) in [0, 1]; gaps are 1 s plus exponential, so that blinks never pile up."""
    closure = np.zeros(frames + len(_BLINK), np.float32)
    at = rng.uniform(0.3, mean_gap_s)
    while at * FPS < frames:
        first = int(at * FPS)
        closure[first : first + len(_BLINK)] = _BLINK
        at += 1.0 + rng.exponential(max(mean_gap_s - 1.0, 0.3))
    return closure[:frames]


def gaze(frames: int, rng: np.random.Generator) -> np.ndarray:
    """Eye rotation (frames, 3) axis-angle, both eyes alike: fixations of 0.4 to 2 s near the camera, saccades of one
    frame between them. x pitches the eyes down, y turns them to the person's left; at most 8 degrees."""
    angles = np.zeros((frames, 3), np.float32)
    at = 0
    while at < frames:
        until = at + int(rng.uniform(0.4, 2.0) * FPS)
        angles[at:until, 0] = np.clip(rng.normal(0, 0.03), -0.1, 0.1)
        angles[at:until, 1] = np.clip(rng.normal(0, 0.06), -0.14, 0.14)
        at = until
    return angles


def brows(loudness: np.ndarray, liveliness: float, rng: np.random.Generator) -> np.ndarray:
    """ARKit weights (T, 52): brows rise on some of the loud stretches and drift slowly."""
    frames = len(loudness)
    drift = smooth_noise(frames, 1, 0.8, rng)[:, 0]
    accent = gaussian_filter1d(loudness, 3.0) * max(rng.normal(0.35, 0.2), 0.0)
    rise = np.clip(liveliness * (0.12 * drift + accent), 0.0, 0.8)
    weights = np.zeros((frames, len(ARKIT_NAMES)), np.float32)
    weights[:, ARKIT_NAMES.index("browInnerUp")] = rise
    for side in _LEFT_RIGHT:
        weights[:, ARKIT_NAMES.index(f"browOuterUp{side}")] = 0.7 * rise
    return weights


def lids(closure: np.ndarray) -> np.ndarray:
    """ARKit weights (T, 52) of a lid closure (T,)."""
    weights = np.zeros((len(closure), len(ARKIT_NAMES)), np.float32)
    for side in _LEFT_RIGHT:
        weights[:, ARKIT_NAMES.index(f"eyeBlink{side}")] = closure
    return weights


def head_motion(loudness: np.ndarray, liveliness: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(rotation, sway): neck rotation (T, 3) axis-angle in radians and translation (T, 3) in metres.

    A resting pose, slow wandering and small nods with loudness; pitch, yaw and roll stay within about 8, 15 and 6
    degrees."""
    frames = len(loudness)
    rest = rng.normal(0, [0.03, 0.08, 0.02])
    wander = smooth_noise(frames, 3, 0.6, rng) * [0.035, 0.06, 0.025] * liveliness
    nods = gaussian_filter1d(loudness - loudness.mean(), 2.0) * rng.uniform(0.02, 0.07) * liveliness
    rotation = np.clip(rest + wander, [-0.12, -0.25, -0.1], [0.12, 0.25, 0.1])
    rotation[:, 0] += np.clip(nods, -0.05, 0.05)
    sway = smooth_noise(frames, 3, 1.0, rng) * [0.006, 0.003, 0.006] * liveliness
    return rotation.astype(np.float32), sway.astype(np.float32)


def smooth_noise(frames: int, channels: int, scale_s: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian-filtered white noise (frames, channels) of unit variance, correlated over about `scale_s` seconds."""
    sigma = scale_s * FPS / 2
    pad = int(4 * sigma)
    noise = gaussian_filter1d(rng.normal(size=(frames + 2 * pad, channels)), sigma, axis=0, mode="wrap")
    # The filter shrinks the variance of white noise by 1 / (2 sigma sqrt(pi)).
    return noise[pad : pad + frames] * np.sqrt(2 * sigma * np.sqrt(np.pi))
