"""What each speech sound wants of the mouth: targets, how firmly it wants them and how far its wish reaches.
How neighbours are blended is in articulation.py.

Mouth parameters are ARKit shapes; a name without Left/Right sets both sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from talkie.clip import Phone
from talkie.speech.phones import viseme_of


@dataclass(frozen=True)
class Viseme:
    """targets: weights in [0, 1] by parameter; strength: dominance with which the phone imposes them; passive: the
    dominance with which it pulls every other parameter back to 0; reach_s: seconds over which the dominance falls to
    1 / e^2 outside the phone's span."""

    targets: Mapping[str, float]
    strength: float = 1.0
    passive: float = 0.3
    reach_s: float = 0.06


VISEMES: dict[str, Viseme] = {
    "sil": Viseme({}, 0.6, 0.6, 0.09),
    "PP": Viseme({"jawOpen": 0.06, "mouthPress": 0.35, "mouthRollUpper": 0.12, "mouthRollLower": 0.12}, 6.0, 0.2, 0.04),
    "FF": Viseme({"jawOpen": 0.17, "mouthRollLower": 0.85, "mouthStretch": 0.2, "mouthUpperUp": 0.2}, 4.0, 0.3, 0.04),
    "TH": Viseme({"jawOpen": 0.17, "mouthLowerDown": 0.25, "mouthUpperUp": 0.10, "tongueOut": 0.40}, 3.0, 0.4, 0.05),
    "DD": Viseme({"jawOpen": 0.14, "mouthStretch": 0.08, "mouthUpperUp": 0.10}, 0.9, 0.2, 0.05),
    "kk": Viseme({"jawOpen": 0.18, "mouthStretch": 0.06}, 0.6, 0.15, 0.05),
    "CH": Viseme({"jawOpen": 0.12, "mouthFunnel": 0.50, "mouthPucker": 0.15}, 2.0, 0.4, 0.06),
    "SS": Viseme({"jawOpen": 0.06, "mouthStretch": 0.20, "mouthLowerDown": 0.12, "mouthUpperUp": 0.10}, 1.5, 0.2, 0.05),
    "nn": Viseme({"jawOpen": 0.14, "mouthStretch": 0.06}, 0.8, 0.2, 0.05),
    "RR": Viseme({"jawOpen": 0.14, "mouthFunnel": 0.35, "mouthPucker": 0.25}, 1.4, 0.3, 0.06),
    "aa": Viseme({"jawOpen": 0.60, "mouthLowerDown": 0.15}, 1.5, 1.0, 0.07),
    "E": Viseme({"jawOpen": 0.38, "mouthStretch": 0.30, "mouthUpperUp": 0.12}, 1.4, 1.0, 0.07),
    "ih": Viseme({"jawOpen": 0.20, "mouthStretch": 0.40, "mouthSmile": 0.12}, 1.3, 1.0, 0.07),
    "oh": Viseme({"jawOpen": 0.42, "mouthFunnel": 0.55, "mouthPucker": 0.15}, 1.7, 1.0, 0.08),
    "ou": Viseme({"jawOpen": 0.20, "mouthFunnel": 0.30, "mouthPucker": 0.70}, 2.0, 1.0, 0.08),
}

_LATERAL = Viseme(
    {"jawOpen": 0.24, "mouthStretch": 0.05, "mouthLowerDown": 0.15, "mouthUpperUp": 0.08, "tongueOut": 0.22}, 1.6, 0.2
)
BY_PHONE: dict[str, Viseme] = {
    # The tongue's tip rises behind the upper teeth and is seen between the lips.
    "L": _LATERAL,
    # A breath takes the shape of the vowel after it.
    "HH": replace(VISEMES["kk"], strength=0.25, passive=0.08),
    "AH": Viseme({"jawOpen": 0.36, "mouthLowerDown": 0.08}, 1.1, 0.8, 0.06),
    "AE": Viseme({"jawOpen": 0.58, "mouthStretch": 0.28, "mouthLowerDown": 0.12}, 1.4, 1.0, 0.07),
}
"""Phones that look otherwise than their viseme class."""

DIPHTHONGS: dict[str, tuple[str, str]] = {
    "AY": ("aa", "ih"), "EY": ("E", "ih"), "OW": ("oh", "ou"), "AW": ("aa", "ou"), "OY": ("oh", "ih"),
}  # fmt: skip
"""Vowels that move from one shape to another."""

DIPHTHONG_SHARE = 0.6
"""Where in a diphthong the second shape begins."""

PARAMETERS: tuple[str, ...] = tuple(
    sorted({name for viseme in (*VISEMES.values(), *BY_PHONE.values()) for name in viseme.targets})
)

ROUNDING = frozenset({"mouthFunnel", "mouthPucker"})
"""Parameters that reach further ahead than others: the lips round two or three consonants before a rounded vowel
(Benguerel & Cowan 1974)."""
ROUNDING_AHEAD = 2.0


def segments(phone: Phone) -> list[tuple[float, float, Viseme]]:
    """Start, end (seconds) and viseme of a phone's one or two mouth shapes."""
    if viseme_of(phone.label) != phone.viseme:
        # A sound that English lacks: its label is only the nearest one, its viseme is its own.
        return [(phone.start_s, phone.end_s, VISEMES[phone.viseme])]
    if phone.label in DIPHTHONGS:
        middle = phone.start_s + DIPHTHONG_SHARE * (phone.end_s - phone.start_s)
        first, second = (VISEMES[name] for name in DIPHTHONGS[phone.label])
        return [(phone.start_s, middle, first), (middle, phone.end_s, second)]
    return [(phone.start_s, phone.end_s, BY_PHONE.get(phone.label, VISEMES[phone.viseme]))]
