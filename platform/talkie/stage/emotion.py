"""What an emotion does to a face and to somebody's manner: FACS combinations in ARKit shapes and their course in time.
How it changes the voice is the speech room's; which person feels what is the script's.

Action units after P. Ekman and W. Friesen's EMFACS (1983) and Matsumoto & Ekman (2008) for contempt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from talkie.clip import FPS
from talkie.heads import ARKIT_NAMES
from talkie.speech.emotion import EMOTIONS, INTENSITIES, check_emotion
from talkie.stage.noise import ease, smooth_noise

__all__ = [
    "EMOTIONS", "INTENSITIES", "Manner", "check_emotion", "emotional_face", "envelope", "manner_of",
]  # fmt: skip

INTENSITY_GAIN: dict[int, float] = {1: 0.45, 2: 0.72, 3: 1.0}
"""Share of the full expression at each intensity."""

FACES: dict[str, Mapping[str, float]] = {
    "neutral": {},
    # 6 + 12
    "happy": {"cheekSquint": 0.65, "mouthSmile": 0.75, "mouthDimple": 0.15, "eyeSquint": 0.35, "browOuterUp": 0.08},
    # 1 + 4 + 15 + 17, lids drooping
    "sad": {"browInnerUp": 0.80, "browDown": 0.20, "mouthFrown": 0.70, "mouthShrugLower": 0.35, "eyeBlink": 0.18},
    # 4 + 5 + 7 + 10 + 23
    "angry": {
        "browDown": 0.95, "eyeWide": 0.25, "eyeSquint": 0.45, "noseSneer": 0.25, "mouthPress": 0.40,
        "mouthRollLower": 0.12, "jawForward": 0.30, "mouthUpperUp": 0.12,
    },
    # 1 + 2 + 5 + 26
    "surprised": {"browInnerUp": 0.90, "browOuterUp": 0.90, "eyeWide": 0.80, "jawOpen": 0.32},
    # 1 + 2 + 4 + 5 + 20 + 26
    "afraid": {
        "browInnerUp": 0.85, "browOuterUp": 0.35, "browDown": 0.30, "eyeWide": 0.90, "mouthStretch": 0.65,
        "jawOpen": 0.10, "mouthLowerDown": 0.15,
    },
    # 9 + 10 + 4 + 16
    "disgusted": {
        "noseSneer": 0.95, "mouthUpperUp": 0.45, "browDown": 0.40, "cheekSquint": 0.35, "eyeSquint": 0.40,
        "mouthFrown": 0.25, "mouthShrugLower": 0.25,
    },
    # Unilateral 12 + 14, chin up (see MANNERS)
    "contempt": {"mouthDimple": 0.80, "mouthSmile": 0.45, "browOuterUp": 0.30, "eyeSquint": 0.15, "eyeBlink": 0.10},
}  # fmt: skip
"""Full expression (intensity 3) by emotion: ARKit weights, a name without Left/Right on both sides."""
ONE_SIDED = frozenset({"contempt"})
OTHER_SIDE = 0.12
"""Share of a one-sided expression that the other half of the face shows."""


@dataclass(frozen=True)
class Manner:
    """How an emotion moves somebody at full intensity; neutral is all ones and zeros.

    onset_s: seconds from first sign to apex; tempo, amplitude: factors on head motion; pose: added neck rotation
    (pitch down, yaw left, roll; radians), `tremor` its fast shaking (radians); articulation, blinking: factors;
    averted: probability that a fixation leaves the partner, `away` where it goes then (see gaze.py)."""

    onset_s: float = 0.5
    tempo: float = 1.0
    amplitude: float = 1.0
    pose: tuple[float, float, float] = (0.0, 0.0, 0.0)
    tremor: float = 0.0
    articulation: float = 1.0
    blinking: float = 1.0
    averted: float = 0.15
    away: str = "side"


MANNERS: dict[str, Manner] = {
    "neutral": Manner(),
    "happy": Manner(0.5, 1.2, 1.35, (-0.02, 0.0, 0.03), 0.0, 1.06, 1.1, 0.10),
    "sad": Manner(0.9, 0.6, 0.60, (0.11, 0.0, 0.05), 0.0, 0.85, 1.2, 0.50, "down"),
    "angry": Manner(0.4, 1.35, 1.30, (0.06, 0.0, 0.0), 0.0, 1.12, 0.7, 0.05),
    "surprised": Manner(0.2, 1.1, 1.10, (-0.06, 0.0, 0.0), 0.0, 1.05, 0.8, 0.10),
    "afraid": Manner(0.25, 1.3, 0.80, (-0.04, 0.05, 0.0), 0.006, 1.0, 1.5, 0.40),
    "disgusted": Manner(0.4, 0.9, 0.90, (-0.03, 0.10, 0.03), 0.0, 0.95, 1.1, 0.35),
    "contempt": Manner(0.6, 0.8, 0.75, (-0.08, 0.05, 0.06), 0.0, 0.95, 0.9, 0.25),
}


def manner_of(emotion: str, intensity: int) -> Manner:
    """The manner at an intensity: between neutral's and the full one."""
    check_emotion(emotion, intensity)
    full, plain, share = MANNERS[emotion], MANNERS["neutral"], INTENSITY_GAIN[intensity]

    def mix(name: str) -> float:
        return float(getattr(plain, name) + share * (getattr(full, name) - getattr(plain, name)))

    numbers = {n: mix(n) for n in ("tempo", "amplitude", "tremor", "articulation", "blinking", "averted")}
    x, y, z = (share * angle for angle in full.pose)
    return Manner(onset_s=full.onset_s, pose=(x, y, z), away=full.away, **numbers)


def envelope(frames: int, emotion: str, rng: np.random.Generator) -> np.ndarray:
    """Onset, apex and offset (frames,) float32 in [0, 1]: an expression that has begun when the clip does, rises to
    its apex, wavers there by a few per cent and fades a little towards the end. Neutral is 0 throughout."""
    if emotion == "neutral":
        return np.zeros(frames, np.float32)
    times = (np.arange(frames) + 0.5) / FPS
    length = frames / FPS
    begin = rng.uniform(-0.3, 0.12 * min(length, 4.0))
    rise = ease((times - begin) / (MANNERS[emotion].onset_s * rng.uniform(0.8, 1.25)))
    start = rng.uniform(0.15, 0.4)
    fall = ease((times - (length - rng.uniform(0.4, 0.7))) / 0.7) * rng.uniform(0.1, 0.4)
    waver = 1.0 - 0.06 * np.abs(smooth_noise(frames, 1, 0.5, rng)[:, 0])
    return np.clip((start + (1 - start) * rise) * (1 - fall) * waver, 0.0, 1.0).astype(np.float32)


def emotional_face(
    emotion: str, intensity: int, level: np.ndarray, *, left: bool = True, gains: np.ndarray | None = None
) -> np.ndarray:
    """ARKit weights (T, 52) float32 of an expression with the course `level` (T,).

    left: the half of the face that a one-sided expression takes; gains: (52,) a person's preferences."""
    check_emotion(emotion, intensity)
    full = np.zeros(len(ARKIT_NAMES))
    for name, weight in FACES[emotion].items():
        if name in ARKIT_NAMES:
            full[ARKIT_NAMES.index(name)] = weight
            continue
        for side in ("Left", "Right"):
            share = OTHER_SIDE if emotion in ONE_SIDED and (side == "Left") != left else 1.0
            full[ARKIT_NAMES.index(name + side)] = weight * share
    if gains is not None:
        full = full * gains
    return np.clip(np.outer(level * INTENSITY_GAIN[intensity], full), 0.0, 1.0).astype(np.float32)
