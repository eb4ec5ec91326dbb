"""From phones to mouth shapes: viseme targets blended by dominance functions. Eyes, brows and head are elsewhere.

Coarticulation follows M. M. Cohen and D. W. Massaro, "Modeling coarticulation in synthetic visual speech" (1993):
every phone has, for each mouth parameter, a target and a dominance that falls off exponentially before and after it,
and a parameter's value at any time is the dominance-weighted mean of the targets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from talkie.clip import FPS, Transcription
from talkie.heads import ARKIT_NAMES


@dataclass(frozen=True)
class Viseme:
    """Targets in [0, 1] by mouth parameter, the strength with which a phone imposes them, and the reach in seconds of
    its dominance before and after its span. Parameters without a target are relaxed towards 0."""

    targets: Mapping[str, float]
    strength: float = 1.0
    reach_s: float = 0.06


# Mouth parameters are ARKit shapes; a name without Left/Right sets both sides.
VISEMES: dict[str, Viseme] = {
    "sil": Viseme({}, 0.6, 0.09),
    "PP": Viseme({"mouthPress": 0.35, "mouthRollUpper": 0.12, "mouthRollLower": 0.15}, 6.0, 0.035),
    "FF": Viseme({"jawOpen": 0.06, "mouthRollLower": 0.55, "mouthUpperUp": 0.25}, 4.0, 0.04),
    "TH": Viseme({"jawOpen": 0.16, "mouthLowerDown": 0.15, "tongueOut": 0.25}, 1.6, 0.05),
    "DD": Viseme({"jawOpen": 0.14, "mouthStretch": 0.10, "mouthUpperUp": 0.10}, 0.9, 0.05),
    "kk": Viseme({"jawOpen": 0.18, "mouthStretch": 0.08}, 0.7, 0.05),
    "CH": Viseme({"jawOpen": 0.12, "mouthFunnel": 0.50, "mouthPucker": 0.15}, 2.0, 0.06),
    "SS": Viseme({"jawOpen": 0.06, "mouthStretch": 0.30, "mouthLowerDown": 0.12, "mouthUpperUp": 0.10}, 1.6, 0.05),
    "nn": Viseme({"jawOpen": 0.14, "mouthStretch": 0.08}, 0.8, 0.05),
    "RR": Viseme({"jawOpen": 0.14, "mouthFunnel": 0.35, "mouthPucker": 0.25}, 1.4, 0.06),
    "aa": Viseme({"jawOpen": 0.60, "mouthLowerDown": 0.15}, 1.5, 0.07),
    "E": Viseme({"jawOpen": 0.38, "mouthStretch": 0.30, "mouthUpperUp": 0.12}, 1.4, 0.07),
    "ih": Viseme({"jawOpen": 0.22, "mouthStretch": 0.40, "mouthSmile": 0.12}, 1.3, 0.07),
    "oh": Viseme({"jawOpen": 0.42, "mouthFunnel": 0.55, "mouthPucker": 0.15}, 1.7, 0.08),
    "ou": Viseme({"jawOpen": 0.20, "mouthFunnel": 0.30, "mouthPucker": 0.70}, 2.0, 0.08),
}

_PARAMETERS = sorted({name for viseme in VISEMES.values() for name in viseme.targets})


def articulate(
    transcription: Transcription, frames: int, loudness: np.ndarray, *, articulation: float = 1.0
) -> np.ndarray:
    """Mouth weights (frames, 52) float32 in ARKit order, in [0, 1]; shapes that speech does not move stay 0.

    `loudness`: (frames,) in [0, 1], relative to the clip's loud frames; loud vowels open wider. Frame i is seen at
    (i + 0.5) / 25 s."""
    times = (np.arange(frames) + 0.5) / FPS
    phones = transcription.phones
    start = np.array([p.start_s for p in phones])
    end = np.array([p.end_s for p in phones])
    visemes = [VISEMES[p.viseme] for p in phones]
    reach = np.array([v.reach_s for v in visemes])
    strength = np.array([v.strength for v in visemes])
    outside = np.maximum(np.maximum(start - times[:, None], times[:, None] - end), 0.0)
    dominance = strength * np.exp(-outside / reach * 2.0)
    targets = np.array([[v.targets.get(name, 0.0) for name in _PARAMETERS] for v in visemes])
    values = dominance @ targets / dominance.sum(1, keepdims=True)
    gain = articulation * np.ones(len(_PARAMETERS)) * np.ones((frames, 1))
    gain[:, _PARAMETERS.index("jawOpen")] *= 0.7 + 0.5 * loudness
    return _spread(np.clip(values * gain, 0.0, 1.0))


def _spread(values: np.ndarray) -> np.ndarray:
    """Parameters to ARKit columns, both sides alike."""
    weights = np.zeros((len(values), len(ARKIT_NAMES)), np.float32)
    for column, name in enumerate(_PARAMETERS):
        sides = [name] if name in ARKIT_NAMES else [f"{name}Left", f"{name}Right"]
        for side in sides:
            weights[:, ARKIT_NAMES.index(side)] = values[:, column]
    return weights
