"""Speech whose phones are known: a text and a voice become samples with the time of every phone and word.
The library that speaks is `espeak`'s business; finding phones in recorded speech is `alignment`'s."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.signal import resample_poly

from talkie.clip import SAMPLE_RATE, Phone, Transcription, Word
from talkie.errors import BadConfig, BadInput
from talkie.speech import espeak
from talkie.speech.phones import SILENCE, VOWELS, arpabet_of_word, viseme_of
from talkie.speech.text import bare

ORIGIN = "espeak-ng"

VARIANTS = (
    "m1", "m3", "m4", "m5", "m6", "m7", "m8", "Alex", "Andy", "Michael", "norbert", "robert", "travis",
    "f1", "Annie", "anika", "belinda", "linda", "shelby", "steph",
)  # fmt: skip
"""espeak-ng's voice variants in use: men, then women. Left out are those with an echo (f2 to f5, m2), which rings on
into the closures that phone times are read from, and the whispering and robotic ones."""

FULL_SCALE = 32768.0
CLOSURE_MAX_S = 0.1
CLOSURE_LEVEL = 0.01
"""Inside a closure espeak-ng writes zeros; what rings on in its filters stays below this share of the peak."""

L_MIN_S = 0.03
"""An L reported shorter than this has its sound in the vowel before it ("feel": the second formant falls over the
last 40 % of what is reported as the vowel)."""

FIRST_SHARE = 1.5
"""Where espeak-ng reports one sound for several phones, the first is this many times as long as each other."""

_VOWEL_ENDS = frozenset((vowel,) for vowel in VOWELS)
_STOPS = frozenset({"P", "B", "T", "D", "K", "G", "CH", "JH"})


@dataclass(frozen=True)
class Voice:
    """How espeak-ng speaks American English: a variant of VARIANTS, base pitch and pitch range in its scale of 0 to
    99 (50 is the variant's own), and rate in words per minute (80 to 400)."""

    variant: str = "m3"
    pitch: int = 50
    rate_wpm: int = 165
    range: int = 50

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise BadConfig(f"no voice variant {self.variant!r}", cure=f"use one of {', '.join(VARIANTS)}")
        for name, value, low, high in (
            ("pitch", self.pitch, 0, 99),
            ("rate_wpm", self.rate_wpm, 80, 400),
            ("range", self.range, 0, 99),
        ):
            if not low <= value <= high:
                raise BadConfig(f"voice {name} is {value}, outside {low} to {high}")


@dataclass(frozen=True)
class Utterance:
    """audio: (N,) float32 in [-1, 1], 16 kHz mono. transcription: phones that cover all of it without a hole, SIL
    included, and words. text: what was asked for."""

    audio: np.ndarray
    transcription: Transcription
    text: str


@dataclass(frozen=True)
class _Sound:
    """One of espeak-ng's phones: its ARPABET labels, the sample where it begins and the number of its word event."""

    labels: tuple[str, ...]
    sample: int
    word: int


def voice_from_seed(seed: int) -> Voice:
    """A voice drawn from the seed: any variant, within the rates and pitches at which all of them sound natural."""
    rng = np.random.default_rng(seed)
    return Voice(
        variant=VARIANTS[int(rng.integers(len(VARIANTS)))],
        pitch=int(rng.integers(30, 71)),
        rate_wpm=int(rng.integers(140, 201)),
        range=int(rng.integers(35, 76)),
    )


def speak(text: str, voice: Voice, *, lead_s: float = 0.2, tail_s: float = 0.2) -> Utterance:
    """Speak an English text, after `lead_s` and before `tail_s` seconds of silence. Deterministic and thread-safe.

    A phone begins where its sound does; a stop or affricate where its closure does, which is where the lips or the
    tongue meet, not at the burst that espeak-ng reports. Where espeak-ng has one sound for two ARPABET phones
    (r-coloured vowels, syllabic consonants, a final L) the border between them is a convention, 60 % of the way, and
    the second phone's confidence is 0.5; all else is exact, with confidence 1.
    Raises BadInput for a text without a word, or with sounds that English lacks.
    """
    if not any(character.isalnum() for character in text):  # espeak-ng would read the punctuation out
        raise BadInput("nothing to speak", where=repr(text), cure="give a text with at least one word")
    raw, events = espeak.synthesise(
        text, f"en-us+{voice.variant}", pitch=voice.pitch, rate_wpm=voice.rate_wpm, pitch_range=voice.range
    )
    samples = raw.astype(np.float32) / FULL_SCALE
    # resample_poly is a linear-phase filter with its delay taken out, so that times stay what they are.
    speech = resample_poly(samples, 320, 441)
    lead, tail = (np.zeros(round(s * SAMPLE_RATE), np.float32) for s in (lead_s, tail_s))
    audio = np.clip(np.concatenate([lead, speech, tail]), -1.0, 1.0).astype(np.float32)
    shift_s = len(lead) / SAMPLE_RATE
    sounds = _sounds(events, samples)
    phones = _phones(sounds, shift_s, len(audio) / SAMPLE_RATE)
    words = _words(text, events, sounds, shift_s, len(samples))
    return Utterance(audio, Transcription(words, phones, ORIGIN), text)


def _sounds(events: list[espeak.Event], samples: np.ndarray) -> list[_Sound]:
    """espeak-ng's phones in order with ARPABET labels, each from where it begins; pauses are SIL."""
    brief = {id(e) for e, after in pairwise(events) if after.sample - e.sample < L_MIN_S * espeak.SAMPLE_RATE}
    sounds: list[_Sound] = []
    for number, (start, word) in enumerate(_by_word(events)):
        labels = iter(arpabet_of_word(e.name for e in word if not _is_pause(e)))
        for index, event in enumerate(word):
            if _is_pause(event):
                sounds.append(_Sound((SILENCE,), event.sample, number))
                continue
            names = next(labels)
            begin = event.sample
            if index == 0:
                begin = start
            elif names and names[0] in _STOPS:
                begin -= _closure(samples, event.sample)
            if names == ("L",) and id(event) in brief and sounds and sounds[-1].labels[-1:] in _VOWEL_ENDS:
                before = sounds.pop()
                names, begin = before.labels + names, before.sample
            sounds.append(_Sound(names, begin, number))
    return sounds


def _by_word(events: list[espeak.Event]) -> list[tuple[int, list[espeak.Event]]]:
    """For each word event in order: the sample where the word begins, and its phone events."""
    groups: list[tuple[int, list[espeak.Event]]] = []
    for event in events:
        if event.kind == "word":
            groups.append((event.sample, []))
        elif event.kind == "phone" and groups:
            groups[-1][1].append(event)
    return groups


def _is_pause(event: espeak.Event) -> bool:
    return event.name.startswith("_") or not event.name


def _closure(samples: np.ndarray, release: int) -> int:
    """Samples of silence that end at a stop's release."""
    first = max(0, release - round(CLOSURE_MAX_S * espeak.SAMPLE_RATE))
    loud = np.flatnonzero(np.abs(samples[first:release]) > CLOSURE_LEVEL * np.abs(samples).max())
    return release - first if len(loud) == 0 else release - first - int(loud[-1]) - 1


def _phones(sounds: list[_Sound], shift_s: float, end_s: float) -> tuple[Phone, ...]:
    """Phones from 0 to `end_s` without a hole. Sounds without a label and repeated pauses lengthen what is before."""
    starts: list[tuple[str, float, float]] = [(SILENCE, 0.0, 1.0)]  # label, start, confidence
    times = [sound.sample / espeak.SAMPLE_RATE + shift_s for sound in sounds] + [end_s]
    for sound, begin, end in zip(sounds, times, times[1:], strict=False):
        if sound.labels == (SILENCE,) and starts[-1][0] == SILENCE:
            continue
        unit = (end - begin) / (FIRST_SHARE + len(sound.labels) - 1)
        for index, label in enumerate(sound.labels):
            at = begin if index == 0 else begin + (FIRST_SHARE + index - 1) * unit
            starts.append((label, at, 1.0 if index == 0 else 0.5))
    ends = [start for _, start, _ in starts[1:]] + [end_s]
    return tuple(
        Phone(label, viseme_of(label), start, end, confidence)
        for (label, start, confidence), end in zip(starts, ends, strict=True)
        if end > start
    )


def _words(text: str, events: list[espeak.Event], sounds: list[_Sound], shift_s: float, total: int) -> tuple[Word, ...]:
    """The blank-separated words of the text with their spans.

    A word of several events ("25") spans them all. Words that espeak-ng speaks as one ("of the") share its sounds
    in order, as many as each has when spoken alone.
    """
    tokens = [(m.start(), m.group()) for m in re.finditer(r"\S+", text)]
    sounds_of: dict[int, list[_Sound]] = {}
    for number, event in enumerate(e for e in events if e.kind == "word"):
        token = max(i for i, (at, _) in enumerate(tokens) if at <= max(event.position, tokens[0][0]))
        sounds_of.setdefault(token, []).extend(s for s in sounds if s.word == number)
    words: list[Word] = []
    spoken = sorted(token for token, inside in sounds_of.items() if inside)
    for first, after in pairwise([*spoken, len(tokens)]):
        limit = sounds_of[after][0].sample if after in sounds_of else total
        silent = (text for _, text in tokens[first + 1 : after] if any(c.isalnum() for c in text))
        words += _share([tokens[first][1], *silent], sounds_of[first], limit, shift_s)
    return tuple(words)


def _share(group: list[str], sounds: list[_Sound], limit: int, shift_s: float) -> list[Word]:
    """Spans of the words spoken as one run of sounds, which ends at its first pause or at sample `limit`."""
    pause = next((i for i, s in enumerate(sounds) if s.labels == (SILENCE,)), len(sounds))
    borders = [s.sample for s in sounds[:pause]] + [sounds[pause].sample if pause < len(sounds) else limit]
    sizes = [1] if len(group) == 1 else [max(1, len(alone)) for alone in espeak.phonemise(group)]
    at = np.round(np.cumsum([0, *sizes]) * pause / sum(sizes)).astype(int)
    return [
        Word(
            bare(word),
            borders[begin] / espeak.SAMPLE_RATE + shift_s,
            borders[end] / espeak.SAMPLE_RATE + shift_s,
            1.0 if sum(sizes) in (1, pause) else 0.5,
        )
        for word, begin, end in zip(group, at, at[1:], strict=False)
    ]
