"""From phones to mouth shapes: viseme targets blended by dominance functions, and contacts that nothing may break.
Eyes, brows and head are elsewhere.

Coarticulation follows M. M. Cohen and D. W. Massaro, "Modeling coarticulation in synthetic visual speech" (1993):
every phone has, for each mouth parameter, a target and a dominance that falls off exponentially before and after it,
and a parameter's value at any time is the dominance-weighted mean of the targets. What must touch, touches: lips on
p, b, m and the lower lip on the upper teeth for f, v are constraints on the sum of everything that moves the mouth,
whatever the emotion (the critical articulators of Saltzman & Munhall 1989).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from talkie.clip import FPS, Transcription
from talkie.heads import ARKIT_NAMES
from talkie.stage.noise import ease
from talkie.stage.visemes import PARAMETERS, ROUNDING, ROUNDING_AHEAD, segments

TRANSITION_S = 0.06
"""How long lips take to meet and to part around a contact."""

CONSONANT_JAW, JAW_LOST, JAW_GAIN = 0.12, 0.7, 1.2
"""What opens the jaw further than consonants need follows loudness, as loud speech does (Schulman, JASA 85, 1989): so
much of it is lost in silence, and so much comes with full loudness."""

_BOTH_LIPS = {"mouthFunnel": 0.0, "mouthLowerDown": 0.0, "mouthUpperUp": 0.0, "mouthShrugUpper": 0.0, "tongueOut": 0.0}
CONTACTS: dict[str, Mapping[str, float]] = {
    "PP": _BOTH_LIPS,
    "FF": {
        "jawOpen": 0.17, "jawForward": 0.0, "mouthRollLower": 1.0, "mouthRollUpper": 0.0, "mouthClose": 0.0,
        "mouthPucker": 0.0, "mouthFunnel": 0.0, "mouthLowerDown": 0.0, "mouthUpperUp": 0.25, "mouthStretch": 0.3,
        "mouthShrugLower": 0.0, "mouthShrugUpper": 0.0, "tongueOut": 0.0,
    },
}  # fmt: skip
"""By viseme: the weights that its contact asks for. In PP, `mouthClose` also rises to `jawOpen`, which shuts the lips
at any opening of the jaw, and the jaw opens no further than CLOSED_JAW."""
CLOSED_JAW = 0.16


def articulate(
    transcription: Transcription, frames: int, loudness: np.ndarray, *, articulation: float = 1.0
) -> np.ndarray:
    """Mouth weights (frames, 52) float32 in ARKit order, in [0, 1]; shapes that speech does not move stay 0.

    `loudness`: (frames,) in [0, 1], relative to the clip's loud frames; loud vowels open wider. Frame i is seen at
    (i + 0.5) / 25 s. `articulation` scales every shape; contacts hold whatever it is."""
    times = frame_times(frames)
    parts = [part for phone in transcription.phones for part in segments(phone)]
    start = np.array([p[0] for p in parts])
    end = np.array([p[1] for p in parts])
    visemes = [p[2] for p in parts]
    ahead = np.maximum(start - times[:, None], 0.0)
    behind = np.maximum(times[:, None] - end, 0.0)
    reach = np.array([v.reach_s for v in visemes])
    values = np.zeros((frames, len(PARAMETERS)))
    for column, name in enumerate(PARAMETERS):
        target = np.array([v.targets.get(name, 0.0) for v in visemes])
        strength = np.array([v.strength if name in v.targets else v.passive for v in visemes])
        stretch = ROUNDING_AHEAD if name in ROUNDING else 1.0
        dominance = strength * np.exp(-2.0 * (ahead / (reach * stretch) + behind / reach))
        values[:, column] = dominance @ target / dominance.sum(1)
    values *= articulation
    jaw = values[:, PARAMETERS.index("jawOpen")]
    jaw += np.maximum(jaw - CONSONANT_JAW, 0.0) * (JAW_GAIN * np.asarray(loudness) - JAW_LOST)
    return hold_contacts(_spread(np.clip(values, 0.0, 1.0)), transcription)


def frame_times(frames: int) -> np.ndarray:
    """Seconds (frames,) at which the frames are seen: the middle of each frame's span."""
    return (np.arange(frames) + 0.5) / FPS


def hold_contacts(weights: np.ndarray, transcription: Transcription) -> np.ndarray:
    """Weights (T, 52) with the contacts of p, b, m, f and v enforced; (T, 52) float32. Applying it twice changes
    nothing more at a contact's frames.

    A contact holds over the phone's span and at least over the frame nearest to its centre, so that sampling at
    25 frames a second misses none."""
    out = np.array(weights, np.float32)
    lips, teeth = (contact(transcription, viseme, len(out)) for viseme in ("PP", "FF"))
    # Where one contact is at its centre the other is only on its way; lips go before teeth.
    lips = np.where((teeth == 1) & (lips < 1), 0.0, lips)
    teeth = teeth * (1 - lips)
    for viseme, held in (("FF", teeth), ("PP", lips)):
        for name, target in CONTACTS[viseme].items():
            for column in _columns(name):
                out[:, column] += held * (target - out[:, column])
    jaw, close = ARKIT_NAMES.index("jawOpen"), ARKIT_NAMES.index("mouthClose")
    out[:, jaw] -= lips * np.maximum(out[:, jaw] - CLOSED_JAW, 0.0)
    # More than the jaw's opening would push the lips through each other.
    out[:, close] = np.minimum(np.maximum(out[:, close], lips * out[:, jaw]), out[:, jaw])
    return np.clip(out, 0.0, 1.0)


def contact(transcription: Transcription, viseme: str, frames: int) -> np.ndarray:
    """How firmly (frames,) float32 in [0, 1] the phones of a viseme hold their contact at each frame; 1 within them."""
    times = frame_times(frames)
    held = np.zeros(frames)
    for phone in transcription.phones:
        if phone.viseme != viseme:
            continue
        centre = (phone.start_s + phone.end_s) / 2
        half = max((phone.end_s - phone.start_s) / 2, 0.5 / FPS)
        held = np.maximum(held, ease(1 - (np.abs(times - centre) - half - 1e-6) / TRANSITION_S))
    return held.astype(np.float32)


def _columns(name: str) -> list[int]:
    sides = [name] if name in ARKIT_NAMES else [f"{name}Left", f"{name}Right"]
    return [ARKIT_NAMES.index(side) for side in sides]


def _spread(values: np.ndarray) -> np.ndarray:
    """Parameters to ARKit columns, both sides alike."""
    weights = np.zeros((len(values), len(ARKIT_NAMES)), np.float32)
    for column, name in enumerate(PARAMETERS):
        for side in _columns(name):
            weights[:, side] = values[:, column]
    return weights
