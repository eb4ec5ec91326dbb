"""Sounds of a voice that are no words: laughter, breath, hesitation, pauses; and joining them with speech.
Words are `synthesis`'s business.

Inside laughter and breath every phone is labelled SIL, because no ARPABET phone is said, and its viseme is the mouth's:
readers of labels skip it, readers of visemes animate it, and an event names it. A hesitation ("um") is said, has its
phones and word, and an event too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
from scipy.signal import lfilter

from talkie.clip import SAMPLE_RATE, Phone, Transcription, Word
from talkie.errors import BadConfig, BadInput
from talkie.speech.phones import SILENCE, viseme_of
from talkie.speech.prosody import pitch_contour
from talkie.speech.synthesis import ORIGIN, Utterance, VocalEvent, speak
from talkie.speech.voices import VARIANTS, Voice

CALLS_PER_S = 4.6
"""Of laughter (Bachorowski, Smoski & Owren, JASA 110, 2001); the next three figures are theirs too, rounded."""
_PITCH_FACTOR = 2.0
_CALL_S = (0.08, 0.13)
_FALL = 0.75
"""f0 at the end of a bout of laughter over that at its beginning."""

_OPEN_FORMANTS_HZ = (700.0, 1300.0, 2550.0, 3600.0)
_WIDTHS_HZ = (110.0, 120.0, 180.0, 260.0)
_FEMALE_SCALE = 1.16
_FIRST_WOMAN = VARIANTS.index("f1")
_BREATH_WIDTHS = 3.0
_LAUGH_PEAK, _BREATH_PEAK = 0.5, 0.06
"""Sample values; espeak-ng's speech peaks at 0.6 to 1."""

HESITATIONS: dict[str, tuple[str, ...]] = {
    "en-us": ("um", "uh"), "en-gb": ("um", "er"), "de": ("ähm", "äh"), "fr": ("euh",), "es": ("eh", "em"),
    "it": ("ehm", "eh"), "pt": ("hum", "eh"), "nl": ("eem", "ee"), "pl": ("em", "ee"),
}  # fmt: skip
"""What speakers of each language say while they look for words."""


def pause(duration_s: float) -> Utterance:
    """Silence. Raises BadConfig for a duration outside 0.01 to 120 s."""
    _check("duration_s", duration_s, 0.01, 120)
    audio = np.zeros(round(duration_s * SAMPLE_RATE), np.float32)
    return _wordless(audio, [(0.0, "sil")], VocalEvent("pause", 0.0, len(audio) / SAMPLE_RATE))


def laughter(voice: Voice, rng: np.random.Generator, *, calls: int = 5) -> Utterance:
    """A bout of voiced laughter: `calls` (1 to 20) breathy bursts of an open vowel at 4.6 a second, far above the
    voice's pitch and falling, each an [h] (viseme kk) and a vowel (aa).

    Raises BadConfig for another number of calls."""
    _check("calls", calls, 1, 20)
    top = _PITCH_FACTOR * _resting_hz(voice) * rng.uniform(0.9, 1.15)
    pieces: list[np.ndarray] = []
    mouth: list[tuple[float, str]] = []
    at = 0.0
    for call in range(calls):
        along = call / max(calls - 1, 1)
        period_s = rng.uniform(0.93, 1.07) / CALLS_PER_S
        vowel_s = rng.uniform(*_CALL_S)
        breath_s = period_s - vowel_s
        f0 = top * _FALL**along * rng.uniform(0.97, 1.03)
        strength = (1 - 0.5 * along) * rng.uniform(0.85, 1.0)
        pieces.append(strength * _call(voice, rng, f0, breath_s, vowel_s))
        mouth += [(at, "kk"), (at + breath_s, "aa")]
        at += len(pieces[-1]) / SAMPLE_RATE
    # The tract is one filter for the whole bout: a call rings on into the next one's breath.
    audio = _resonate(np.concatenate(pieces), _formants(voice), widths=1.0)
    audio = (audio * (_LAUGH_PEAK / np.abs(audio).max())).astype(np.float32)
    return _wordless(audio, mouth, VocalEvent("laughter", 0.0, len(audio) / SAMPLE_RATE))


def breath(voice: Voice, rng: np.random.Generator, *, duration_s: float = 0.45) -> Utterance:
    """An audible intake through a mouth somewhat open (viseme kk): noise in the tract's resonances that swells for two
    thirds of its time. Raises BadConfig for a duration outside 0.1 to 2 s."""
    _check("duration_s", duration_s, 0.1, 2)
    samples = round(duration_s * SAMPLE_RATE)
    noise = _resonate(rng.normal(size=samples), _formants(voice), widths=_BREATH_WIDTHS)
    audio = noise * np.interp(np.linspace(0, 1, samples), (0, 0.65, 0.85, 1), (0, 1, 0.7, 0))
    audio = (audio * (_BREATH_PEAK / np.abs(audio).max())).astype(np.float32)
    return _wordless(audio, [(0.0, "kk")], VocalEvent("breath", 0.0, samples / SAMPLE_RATE))


def hesitation(voice: Voice, rng: np.random.Generator) -> Utterance:
    """A filled pause of HESITATIONS in the voice's language, slow, low and level, as filled pauses are (Shriberg,
    J. Int. Phonetic Assoc. 31, 2001)."""
    said = HESITATIONS[voice.language]
    word = said[int(rng.integers(len(said)))]
    slow = replace(voice, rate_wpm=int(rng.integers(80, 96)), pitch=max(0, voice.pitch - 8), range=8)
    spoken = speak(word, slow, lead_s=0.0, tail_s=0.0)
    sounding = [p for p in spoken.transcription.phones if p.label != SILENCE]
    return replace(spoken, events=(VocalEvent("hesitation", sounding[0].start_s, sounding[-1].end_s),))


def join(parts: Sequence[Utterance]) -> Utterance:
    """One after the other, samples and times exactly: silences that meet become one phone, texts are set apart by a
    blank. Raises BadInput where there is nothing to join."""
    if not parts:
        raise BadInput("nothing to join", cure="give at least one utterance")
    words: list[Word] = []
    phones: list[Phone] = []
    events: list[VocalEvent] = []
    samples = 0
    for part in parts:
        shift = samples / SAMPLE_RATE
        words += [replace(w, start_s=w.start_s + shift, end_s=w.end_s + shift) for w in part.transcription.words]
        events += [replace(e, start_s=e.start_s + shift, end_s=e.end_s + shift) for e in part.events]
        for phone in part.transcription.phones:
            start = phones[-1].end_s if phones else 0.0
            moved = replace(phone, start_s=start, end_s=phone.end_s + shift)
            if phones and _quiet(phones[-1]) and _quiet(moved):
                moved = replace(phones.pop(), end_s=moved.end_s)
            phones.append(moved)
        samples += len(part.audio)
    return Utterance(
        np.concatenate([part.audio for part in parts]),
        Transcription(tuple(words), tuple(phones), ORIGIN),
        " ".join(part.text for part in parts if part.text),
        tuple(events),
    )


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise BadConfig(f"{name} is {value}", cure=f"use {low:g} to {high:g}")


def _quiet(phone: Phone) -> bool:
    return phone.label == SILENCE and phone.viseme == viseme_of(SILENCE)


def _wordless(audio: np.ndarray, mouth: list[tuple[float, str]], event: VocalEvent) -> Utterance:
    """An utterance without words whose mouth takes each viseme from its time on."""
    spans = pairwise([*mouth, (len(audio) / SAMPLE_RATE, "")])
    phones = tuple(Phone(SILENCE, viseme, start, end) for (start, viseme), (end, _) in spans)
    return Utterance(audio, Transcription((), phones, ORIGIN), "", (event,))


@lru_cache(maxsize=256)
def _resting_hz(voice: Voice) -> float:
    """Median f0 of the voice."""
    found = pitch_contour(speak("no, one more", replace(voice, language="en-us")).audio)[0]
    return float(np.nanmedian(found))


def _formants(voice: Voice) -> np.ndarray:
    woman = VARIANTS.index(voice.variant) >= _FIRST_WOMAN
    return np.array(_OPEN_FORMANTS_HZ) * voice.formant_scale * (_FEMALE_SCALE if woman else 1.0)


def _call(voice: Voice, rng: np.random.Generator, f0: float, breath_s: float, vowel_s: float) -> np.ndarray:
    """The source of one "ha": aspiration that swells into a voiced vowel and ends softly. Its mean square is 1 once it
    has sounded in the tract."""
    breathy, voiced = (round(s * SAMPLE_RATE) for s in (breath_s, vowel_s))
    glide = f0 * np.linspace(1.06, 0.9, voiced) * (1 + 0.01 * rng.normal())
    phase = np.cumsum(glide) / SAMPLE_RATE
    pulses = np.diff(_flow(phase % 1.0), prepend=0.0)
    envelope = np.interp(np.linspace(0, 1, voiced), (0, 0.2, 0.7, 1), (0, 1, 0.9, 0))
    source = np.concatenate([np.zeros(breathy), pulses * envelope])
    aspiration = np.interp(
        np.arange(breathy + voiced), (0, 0.5 * breathy, breathy, breathy + voiced), (0.0, 0.2, 1.0, 0.0)
    )
    source += 0.02 * aspiration * rng.normal(size=len(source))
    return source / np.sqrt(np.mean(_resonate(source, _formants(voice), widths=1.0) ** 2))


def _flow(phase: np.ndarray) -> np.ndarray:
    """Glottal flow over one period, phase 0 to 1: opening 40 %, closing 16 % (Rosenberg, JASA 49, 1971, shape C)."""
    opening, closing = 0.4, 0.16
    rise = 0.5 * (1 - np.cos(np.pi * phase / opening))
    fall = np.cos(np.pi / 2 * (phase - opening) / closing)
    return np.where(phase < opening, rise, np.where(phase < opening + closing, fall, 0.0))


def _resonate(source: np.ndarray, formants: np.ndarray, *, widths: float) -> np.ndarray:
    """Resonators in cascade with unit gain at 0 Hz (Klatt, JASA 67, 1980)."""
    for hz, width in zip(formants, widths * np.array(_WIDTHS_HZ), strict=True):
        c = -np.exp(-2 * np.pi * width / SAMPLE_RATE)
        b = 2 * np.exp(-np.pi * width / SAMPLE_RATE) * np.cos(2 * np.pi * hz / SAMPLE_RATE)
        source = lfilter([1 - b - c], [1, -b, -c], source)
    return source
