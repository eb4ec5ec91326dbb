"""How one person moves whatever they say: size and tempo of movements, favoured shapes, the face at rest.
What is moved is decided by articulation, emotion, gaze and head motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkie.heads import ARKIT_NAMES


@dataclass(frozen=True)
class Style:
    """articulation scales mouth shapes, liveliness head motion and brows, tempo the speed of head motion.

    asymmetry in [-1, 1]: how much stronger the left half of the face moves (negative: the right half);
    blink_rate: blinks a minute at rest; breath_rate: breaths a second; gains: (52,) factors by which somebody favours
    single ARKit shapes; resting: (52,) weights of the face at rest; posture: (3,) neck rotation at rest, radians;
    nodding: share of stressed words that are nodded."""

    articulation: float
    liveliness: float
    tempo: float
    asymmetry: float
    blink_rate: float
    breath_rate: float
    nodding: float
    gains: np.ndarray
    resting: np.ndarray
    posture: np.ndarray


# What a face may show at rest, and how much of it at most.
_RESTING = {
    "mouthSmile": 0.14, "mouthFrown": 0.14, "mouthPress": 0.15, "browDown": 0.16, "browInnerUp": 0.14,
    "browOuterUp": 0.12, "eyeSquint": 0.14, "cheekSquint": 0.08, "mouthDimple": 0.12, "mouthRollLower": 0.08,
}  # fmt: skip
_SHOWN = 3
_FIXED = ("eyeBlink", "eyeLook", "tongueOut", "mouthClose")


def style_from_seed(seed: int) -> Style:
    """A style as a pure function of its seed."""
    rng = np.random.default_rng((seed, 0x57E1))
    posture = np.clip(rng.normal(0, [0.025, 0.04, 0.025]), -0.08, 0.08)
    return Style(
        articulation=float(rng.uniform(0.82, 1.18)),
        liveliness=float(rng.uniform(0.55, 1.35)),
        tempo=float(rng.uniform(0.8, 1.25)),
        asymmetry=float(np.clip(rng.normal(0, 0.4), -1, 1)),
        blink_rate=float(rng.uniform(15, 20)),
        breath_rate=float(rng.uniform(0.21, 0.29)),
        nodding=float(rng.uniform(0.3, 0.8)),
        gains=_gains(rng),
        resting=_resting(rng),
        posture=posture.astype(np.float32),
    )


def styled(weights: np.ndarray, style: Style) -> np.ndarray:
    """Weights (T, 52) as this person shows them: favoured shapes, the stronger half, the face at rest below."""
    scaled = weights * style.gains * halves(style.asymmetry)
    return np.clip(np.maximum(scaled, 0) + style.resting, 0.0, 1.0).astype(np.float32)


def halves(asymmetry: float) -> np.ndarray:
    """Factors (52,): the left shapes at 1 + asymmetry / 10, the right ones at 1 - asymmetry / 10, lids alike."""
    factors = np.ones(len(ARKIT_NAMES))
    for column, name in enumerate(ARKIT_NAMES):
        if name.startswith(_FIXED):
            continue
        if name.endswith("Left"):
            factors[column] += 0.1 * asymmetry
        elif name.endswith("Right"):
            factors[column] -= 0.1 * asymmetry
    return factors


def _gains(rng: np.random.Generator) -> np.ndarray:
    gains = np.ones(len(ARKIT_NAMES), np.float32)
    drawn: dict[str, float] = {}
    for column, name in enumerate(ARKIT_NAMES):
        bare = name.removesuffix("Left").removesuffix("Right")
        value = drawn.setdefault(bare, float(np.clip(np.exp(rng.normal(0, 0.18)), 0.7, 1.4)))
        gains[column] = 1.0 if name.startswith(_FIXED) else value
    return gains


def _resting(rng: np.random.Generator) -> np.ndarray:
    weights = np.zeros(len(ARKIT_NAMES), np.float32)
    for name in rng.choice(sorted(_RESTING), _SHOWN, replace=False):
        weight = rng.uniform(0.4, 1.0) * _RESTING[name]
        for target in (name, f"{name}Left", f"{name}Right"):
            if target in ARKIT_NAMES:
                weights[ARKIT_NAMES.index(target)] = weight
    return weights
