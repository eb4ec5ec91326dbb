"""Which words of an utterance stand out, by pitch, loudness and length together. What a face makes of them is
`behaviour`'s business.

Prominence is carried by a rise of pitch, by loudness and by length, and by none of them alone (Fry, Lang. Speech 1,
1958; Kochanski, Grabe, Coleman & Rosner, JASA 118, 2005)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import theilslopes

from talkie.clip import SAMPLE_RATE, Phone, Transcription, Word
from talkie.speech.features import energy
from talkie.speech.phones import SILENCE, VOWELS
from talkie.speech.prosody import k_weighted, pitch_contour

RATE_HZ = 50.0
"""Of the contours: a vowel has at least two or three values."""
ACCENT_SEMITONES, ACCENT_DB, ACCENT_OCTAVES = 4.0, 6.0, 1.0
"""What counts as one clear accent in each measure: semitones of pitch, decibels, doublings of length."""
WEIGHTS = (0.4, 0.35, 0.25)
"""Of pitch, loudness and length in prominence."""
FINAL_LENGTHENING = 1.5
"""Factor by which the last vowel before a pause is longer whatever it means (Wightman et al., JASA 91, 1992)."""
APART_S = 0.5
"""Heads beat once or twice a second (Hadar et al. 1983)."""
_LEAST_FOR_A_LINE = 4
_FLOOR = 1e-5


@dataclass(frozen=True)
class Syllable:
    """A vowel and how it stands out: pitch in semitones and level in dB over the utterance's falling line, length in
    doublings of the usual, and the three together, where 1 is a clear accent in each."""

    phone: Phone
    semitones: float
    level_db: float
    octaves: float
    prominence: float

    @property
    def centre_s(self) -> float:
        return (self.phone.start_s + self.phone.end_s) / 2


def syllables(transcription: Transcription, audio: np.ndarray) -> list[Syllable]:
    """Every vowel of an utterance, (N,) samples at 16 kHz, with its prominence."""
    phones = transcription.phones
    vowels = [i for i, p in enumerate(phones) if p.label in VOWELS]
    if not vowels:
        return []
    pitch = 12 * np.log2(pitch_contour(audio, SAMPLE_RATE, RATE_HZ)[0])
    level = 20 * np.log10(np.maximum(energy(k_weighted(audio, SAMPLE_RATE), fps=RATE_HZ), _FLOOR))
    spans = [_span(phones[i], len(level)) for i in vowels]
    times = np.array([(phones[i].start_s + phones[i].end_s) / 2 for i in vowels])
    highest = np.array([_highest(pitch[span]) for span in spans])
    loudest = np.array([level[span].max() for span in spans])
    length = np.array([np.log2(phones[i].end_s - phones[i].start_s) for i in vowels])
    length -= np.log2(FINAL_LENGTHENING) * np.array([_is_final(phones, i) for i in vowels])
    semitones, level_db = _over_its_line(times, highest), _over_its_line(times, loudest)
    octaves = length - np.median(length)
    parts = semitones / ACCENT_SEMITONES, level_db / ACCENT_DB, octaves / ACCENT_OCTAVES
    together = sum(w * np.clip(p, -1.5, 1.5) for w, p in zip(WEIGHTS, parts, strict=True))
    return [
        Syllable(phones[i], *(float(v) for v in values))
        for i, *values in zip(vowels, semitones, level_db, octaves, np.asarray(together), strict=True)
    ]


def stressed_words(transcription: Transcription, audio: np.ndarray) -> list[tuple[float, float]]:
    """(seconds, strength in [0, 1]) of the words that stand out, in order: the middle of each one's most prominent
    vowel, where its prominence is above the median of the words', at least APART_S apart.

    audio: (N,) at 16 kHz. A word as prominent as the others has half the strength of a clear accent."""
    found = syllables(transcription, audio)
    best = [max(inside, key=lambda s: s.prominence) for w in transcription.words if (inside := _within(w, found))]
    if not best:
        return []
    middle = float(np.median([s.prominence for s in best]))
    chosen: list[tuple[float, float]] = []
    for syllable in sorted(best, key=lambda s: -s.prominence):
        moment = syllable.centre_s
        if syllable.prominence >= middle and all(abs(moment - other) >= APART_S for other, _ in chosen):
            chosen.append((moment, float(np.clip(0.5 + 0.5 * syllable.prominence, 0.0, 1.0))))
    return sorted(chosen)


def _span(phone: Phone, frames: int) -> slice:
    first = min(int(phone.start_s * RATE_HZ), frames - 1)
    return slice(first, max(first + 1, int(np.ceil(phone.end_s * RATE_HZ))))


def _highest(semitones: np.ndarray) -> float:
    """The pitch that a vowel reaches for a good part of its time, nan where it is not voiced."""
    voiced = semitones[np.isfinite(semitones)]
    return float(np.percentile(voiced, 80)) if len(voiced) else float("nan")


def _is_final(phones: tuple[Phone, ...], at: int) -> bool:
    """Whether no other vowel comes before the next pause or the end."""
    for phone in phones[at + 1 :]:
        if phone.label == SILENCE:
            return True
        if phone.label in VOWELS:
            return False
    return True


def _over_its_line(times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values over the straight line through them that single accents do not bend (Theil-Sen); 0 where nan. A voice
    falls in pitch and level from the beginning of a sentence to its end."""
    known = np.isfinite(values)
    out = np.zeros(len(values))
    if known.sum() >= _LEAST_FOR_A_LINE:
        slope, offset, _, _ = theilslopes(values[known], times[known])
        # A voice falls; a line that rises would be one of accents.
        slope = min(float(slope), 0.0)
        offset = float(np.median(values[known] - slope * times[known]))
        out[known] = values[known] - offset - slope * times[known]
    elif known.any():
        out[known] = values[known] - np.median(values[known])
    return out


def _within(word: Word, found: list[Syllable]) -> list[Syllable]:
    """The vowels of a word that may carry an accent: words of one or two letters do not."""
    if len(word.text) <= 2:
        return []
    return [s for s in found if word.start_s <= s.centre_s < word.end_s]
