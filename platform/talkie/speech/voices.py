"""Who speaks: a language, a variant of espeak-ng and its pitch, rate and timbre. Nothing is spoken here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkie.errors import BadConfig
from talkie.speech.languages import language_of

VARIANTS = (
    "m1", "m3", "m4", "m5", "m6", "m7", "m8", "Alex", "Andy", "Michael", "norbert", "robert", "travis",
    "f1", "Annie", "anika", "belinda", "linda", "shelby", "steph",
)  # fmt: skip
"""espeak-ng's voice variants in use: men, then women. Left out are those with an echo (f2 to f5, m2), which rings on
into the closures that phone times are read from, and the whispering and robotic ones."""

FORMANT_SPREAD = 0.08
"""Vocal tracts of adults of one sex lie within about 8 % of their mean length (Fitch & Giedd, JASA 106, 1999)."""


@dataclass(frozen=True)
class Voice:
    """How espeak-ng speaks a language.

    variant: of VARIANTS. pitch, range: base pitch and pitch range in espeak-ng's scale of 0 to 99 (50 is the variant's
    own). rate_wpm: words per minute, 80 to 400. language: a code of `languages.LANGUAGES`. formant_scale: resonance
    frequencies times 0.75 to 1.35. breath: noise in the voice, 0 to 100 % of a whisper's. roughness (-7 to 7),
    flutter (-10 to 40): irregular voicing, more than the variant's own. gain_db: level, -30 to 12 dB.
    """

    variant: str = "m3"
    pitch: int = 50
    rate_wpm: int = 165
    range: int = 50
    language: str = "en-us"
    formant_scale: float = 1.0
    breath: int = 0
    roughness: int = 0
    flutter: int = 0
    gain_db: float = 0.0

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise BadConfig(f"no voice variant {self.variant!r}", cure=f"use one of {', '.join(VARIANTS)}")
        language_of(self.language)
        for name, (low, high) in LIMITS.items():
            if not low <= getattr(self, name) <= high:
                raise BadConfig(f"voice {name} is {getattr(self, name)}, outside {low} to {high}")


LIMITS: dict[str, tuple[float, float]] = {
    "pitch": (0, 99), "rate_wpm": (80, 400), "range": (0, 99), "formant_scale": (0.75, 1.35), "breath": (0, 100),
    "roughness": (-7, 7), "flutter": (-10, 40), "gain_db": (-30, 12),
}  # fmt: skip
"""Least and greatest value of a voice's numbers."""


def voices(language: str = "en-us") -> tuple[Voice, ...]:
    """Every variant speaking a language. Raises BadConfig for a language that cannot be spoken."""
    return tuple(Voice(variant, language=language_of(language).code) for variant in VARIANTS)


def voice_from_seed(seed: int, *, language: str = "en-us") -> Voice:
    """A voice drawn from the seed: any variant, within the rates, pitches and vocal tracts at which all of them sound
    natural. The same seed is the same speaker in every language."""
    rng = np.random.default_rng(seed)
    return Voice(
        variant=VARIANTS[int(rng.integers(len(VARIANTS)))],
        pitch=int(rng.integers(30, 71)),
        rate_wpm=int(rng.integers(140, 201)),
        range=int(rng.integers(35, 76)),
        formant_scale=round(float(rng.uniform(1 - FORMANT_SPREAD, 1 + FORMANT_SPREAD)), 2),
        language=language,
    )
