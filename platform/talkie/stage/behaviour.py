"""How head and brows move: posture, wandering, gestures, accents on stressed words, breath. Eyes, lids, mouth and
emotional expressions are elsewhere.

Rotations are axis-angle about the head frame's axes: x pitches down, y turns to the person's left, z tilts towards
the person's right shoulder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from talkie.clip import FPS
from talkie.heads import ARKIT_NAMES
from talkie.stage.emotion import Manner
from talkie.stage.noise import ease, smooth_noise
from talkie.stage.style import Style

LIMIT_RAD = np.array([0.30, 0.50, 0.25])
"""Pitch, yaw and roll that the head never exceeds: 17, 29 and 14 degrees."""
HELD: dict[str, tuple[int, float]] = {
    "lower": (0, 1.0), "raise": (0, -1.0), "turn_left": (1, 1.0), "turn_right": (1, -1.0),
    "tilt_right": (2, 1.0), "tilt_left": (2, -1.0),
}  # fmt: skip
"""Axis and sign of the gestures that go somewhere, stay there and come back."""
GESTURES = ("nod", "shake", *HELD)


@dataclass(frozen=True)
class Gesture:
    """A movement of the head: one of GESTURES, seconds, radians, and for nods and shakes the number of strokes."""

    kind: str
    start_s: float
    seconds: float
    size: float
    strokes: int = 1


def beats(stresses: Sequence[tuple[float, float]], style: Style, rng: np.random.Generator) -> list[Gesture]:
    """Small nods on a share of the stressed words, the clear accents almost always; the head is lowest at the stress.

    stresses: (seconds, strength) of `emphasis.stressed_words`."""
    gestures = []
    for moment, strength in stresses:
        length, size = rng.uniform(0.36, 0.56) / style.tempo, (0.01 + 0.07 * strength) * style.liveliness
        if rng.random() < style.nodding + (1 - style.nodding) * _clearness(strength):
            gestures.append(Gesture("nod", moment - length / 2, length, float(size)))
    return gestures


def _clearness(strength: float) -> float:
    """How clearly (0 to 1) a word stands out from those that are as strong as any other, which have half a strength."""
    return min(max(2 * strength - 1, 0.0), 1.0)


def gestured(gestures: Sequence[Gesture], frames: int) -> np.ndarray:
    """Neck rotation (frames, 3) of gestures, radians."""
    times = (np.arange(frames) + 0.5) / FPS
    turn = np.zeros((frames, 3))
    for g in gestures:
        u = np.clip((times - g.start_s) / g.seconds, 0, 1)
        if g.kind == "nod":
            turn[:, 0] += g.size * np.sin(np.pi * g.strokes * u) ** 2
        elif g.kind == "shake":
            turn[:, 1] += g.size * np.sin(2 * np.pi * g.strokes * u) * np.sin(np.pi * u)
        else:
            axis, sign = HELD[g.kind]
            turn[:, axis] += sign * g.size * ease(u / 0.35) * (1 - ease((u - 0.7) / 0.3))
    return turn


def head_motion(
    gestures: Sequence[Gesture],
    target: np.ndarray,
    level: np.ndarray,
    style: Style,
    manner: Manner,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """(rotation, sway): neck rotation (T, 3) in radians and translation (T, 3) in metres of the head.

    A resting posture, wandering, the gestures, the emotion's pose with its course `level` (T,), and a share of the
    way to what is looked at (`target` (T, 3), metres): the head follows when gaze goes far (Freedman & Sparks 1997)."""
    frames = len(target)
    pace = style.tempo * manner.tempo
    size = style.liveliness * manner.amplitude
    wander = smooth_noise(frames, 3, 0.7 / pace, rng) * [0.025, 0.045, 0.02] * size
    rotation = style.posture + wander + gestured(gestures, frames) * manner.amplitude
    rotation += level[:, None] * np.array(manner.pose)
    rotation += level[:, None] * manner.tremor * smooth_noise(frames, 3, 0.08, rng)
    rotation += _towards(target) * [0.35, 0.45, 0.0]
    sway = smooth_noise(frames, 3, 1.0 / pace, rng) * [0.005, 0.0025, 0.005] * size
    # Leaning goes with the emotion's pitch: back in surprise, forward in anger.
    sway[:, 2] += 0.12 * level * manner.pose[0]
    # Close to the limits movements are compressed, not cut: a clipped head would stop dead.
    rotation = LIMIT_RAD * np.tanh(rotation / LIMIT_RAD)
    return rotation.astype(np.float32), sway.astype(np.float32)


def _towards(target: np.ndarray) -> np.ndarray:
    """Rotation (T, 3) that would face the target, without what eyes do alone (12 degrees), eased over 0.3 s."""
    pitch = np.arctan2(-target[:, 1], target[:, 2])
    yaw = np.arctan2(target[:, 0], target[:, 2])
    angles = np.stack([pitch, yaw, np.zeros_like(yaw)], 1)
    beyond = np.sign(angles) * np.maximum(np.abs(angles) - 0.2, 0.0)
    return gaussian_filter1d(beyond, 0.12 * FPS, axis=0, mode="nearest")


def breathing(frames: int, rate: float, intakes: Sequence[tuple[float, float]], rng: np.random.Generator) -> np.ndarray:
    """Fill of the lungs (frames,) float32 in [0, 1]: 40 % of a breath goes in, the rest out; before speech and in its
    pauses (`intakes`, the seconds from which until which air goes in) a breath is taken quickly (Winkworth et al.
    1995).

    rate: breaths a second at rest."""
    length = frames / FPS
    taken = [(start, end) for start, end in sorted(intakes) if end < length]
    free, cursor = [], -rng.uniform(0, 1) / rate
    while cursor < length:
        if all(not -1.0 < end - cursor < 0.75 / rate for _, end in taken):
            free.append((cursor, 0.4 / rate))
        cursor += rng.normal(1, 0.08) / rate
    inhalations = sorted([*free, *((start, end - start) for start, end in taken)])
    times = np.array([-1.0 / rate, *(t for s, d in inhalations for t in (s, s + d)), length + 0.6 / rate])
    lungs = np.array([0.0, *(v for _ in inhalations for v in (0.0, 1.0)), 0.0])
    order = np.argsort(times, kind="stable")
    fill = np.interp((np.arange(frames) + 0.5) / FPS, times[order], lungs[order])
    return np.asarray(ease(gaussian_filter1d(fill, 2.0, mode="nearest"))).astype(np.float32)


def breath_motion(fill: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(rotation (T, 3) radians, sway (T, 3) metres) of a head on a breathing chest: 2 mm up, half a degree back."""
    still = np.zeros(len(fill))
    return np.stack([-0.009 * (fill - 0.5), still, still], 1), np.stack([still, 0.002 * fill, 0.0005 * fill], 1)


def brows(
    stresses: Sequence[tuple[float, float]], frames: int, style: Style, rng: np.random.Generator, *, question: bool
) -> np.ndarray:
    """ARKit weights (T, 52): brows flash on some of the stressed words, higher and more often the more a word stands
    out (Swerts & Krahmer, J. Phonetics 36, 2008), rise at the end of a question, drift."""
    times = (np.arange(frames) + 0.5) / FPS
    rise = 0.04 * np.maximum(smooth_noise(frames, 1, 0.8, rng)[:, 0], 0)
    for moment, strength in stresses:
        clear = _clearness(strength)
        size = (0.3 + 0.7 * clear) * rng.uniform(0.3, 0.6) * (rng.random() < 0.4 + 0.6 * clear)
        rise += size * np.exp(-0.5 * ((times - moment) / 0.13) ** 2)
    if question:
        rise += 0.35 * ease((times - frames / FPS + 1.0) / 0.5)
    rise = np.clip(style.liveliness * rise, 0.0, 0.8)
    weights = np.zeros((frames, len(ARKIT_NAMES)), np.float32)
    weights[:, ARKIT_NAMES.index("browInnerUp")] = rise
    for side in ("Left", "Right"):
        weights[:, ARKIT_NAMES.index(f"browOuterUp{side}")] = 0.7 * rise
    return weights
