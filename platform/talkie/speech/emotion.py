"""How an emotion changes a voice: pitch, range, rate, level, breath and irregular voicing. Faces are elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from talkie.errors import BadConfig
from talkie.speech.voices import LIMITS, Voice

EMOTIONS = ("neutral", "happy", "sad", "angry", "surprised", "afraid", "disgusted", "contempt")
INTENSITIES = (1, 2, 3)


@dataclass(frozen=True)
class Change:
    """What full intensity adds to a voice, in the units of Voice; `rate` multiplies."""

    pitch: int
    range: int
    rate: float
    gain_db: float
    breath: int = 0
    roughness: int = 0
    flutter: int = 0


CHANGES: dict[str, Change] = {
    "neutral": Change(0, 0, 1.0, 0.0),
    "happy": Change(24, 36, 1.12, 4.0),
    "sad": Change(-14, -26, 0.78, -6.0, breath=25),
    "angry": Change(18, 30, 1.15, 6.0, roughness=3),
    "surprised": Change(30, 42, 1.05, 3.0),
    "afraid": Change(27, 15, 1.30, 1.5, breath=10, flutter=16),
    "disgusted": Change(-10, 12, 0.80, -2.0, roughness=2),
    "contempt": Change(-8, -14, 0.86, -1.5),
}
"""Full intensity of each emotion.

Directions from Murray & Arnott (JASA 93, 1993, table I) and Scherer (Speech Communication 40, 2003, table 2): joy and
hot anger have higher mean f0, wider range, faster rate and more energy; anger a breathy or rough quality; sadness lower
f0, narrower range, slower rate, less energy; fear much higher f0 and rate, with irregular voicing; disgust lower f0,
slightly wider range, slower, a grumbling quality, less energy. Surprise: f0 and range far up (Murray & Arnott, section
IV). For contempt studies agree least; here a low, narrow, slow and quieter voice (Banse & Scherer, JPSP 70, 1996).
The sizes are ours: what still sounds like one speaker on espeak-ng's scales.
"""

_SHARE = {1: 0.4, 2: 0.7, 3: 1.0}
_FLOOR = {"pitch": 5, "range": 8}
"""Below these of espeak-ng's scale a voice creaks or is monotone."""


def emotional(voice: Voice, emotion: str, intensity: int = 2) -> Voice:
    """The voice under an emotion of EMOTIONS at intensity 1, 2 or 3 (40, 70 and 100 % of its Change); neutral knows
    intensity 1 only and changes nothing. A value that would leave the voice's limits stops there.

    Raises BadConfig for any other emotion or intensity.
    """
    check_emotion(emotion, intensity)
    change, share = CHANGES[emotion], _SHARE[intensity]
    if emotion == "neutral":
        return voice
    return replace(
        voice,
        pitch=_within("pitch", voice.pitch + share * change.pitch),
        range=_within("range", voice.range + share * change.range),
        rate_wpm=_within("rate_wpm", voice.rate_wpm * change.rate**share),
        breath=_within("breath", voice.breath + share * change.breath),
        roughness=_within("roughness", voice.roughness + share * change.roughness),
        flutter=_within("flutter", voice.flutter + share * change.flutter),
        gain_db=float(np.clip(voice.gain_db + share * change.gain_db, *LIMITS["gain_db"])),
    )


def check_emotion(emotion: str, intensity: int) -> None:
    """Raises BadConfig for an emotion or an intensity that is not known."""
    if emotion not in EMOTIONS:
        raise BadConfig(f"no emotion {emotion!r}", cure=f"use one of {', '.join(EMOTIONS)}")
    allowed = (1,) if emotion == "neutral" else INTENSITIES
    if intensity not in allowed:
        raise BadConfig(f"{emotion} has no intensity {intensity!r}", cure=f"use {' or '.join(map(str, allowed))}")


def _within(name: str, value: float) -> int:
    low, high = LIMITS[name]
    return round(min(max(value, _FLOOR.get(name, low)), high))
