"""Speech whose phones are known: a text and a voice become samples with the time of every phone and word.
The library that speaks is `espeak`'s business; finding phones in recorded speech is `alignment`'s."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy.signal import resample_poly

from talkie.clip import SAMPLE_RATE, Phone, Transcription, Word
from talkie.errors import BadInput
from talkie.speech import espeak
from talkie.speech.ipa import NEAR
from talkie.speech.languages import LANGUAGES, check_script, name_words
from talkie.speech.phones import SILENCE, STRESS_MARKS, VOWELS, Sound, viseme_of
from talkie.speech.text import bare
from talkie.speech.variants import variant_text
from talkie.speech.voices import VARIANTS, Voice, voice_from_seed

__all__ = ["ORIGIN", "VARIANTS", "Utterance", "VocalEvent", "Voice", "speak", "voice_from_seed"]

ORIGIN = "espeak-ng"

FULL_SCALE = 32768.0
KNEE = 0.7
"""Sample value above which a raised voice is bent."""
CLOSURE_MAX_S = 0.1
CLOSURE_LEVEL = 0.01
"""Inside a closure espeak-ng writes zeros; what rings on in its filters stays below this share of the peak."""

L_MIN_S = 0.03
"""An L reported shorter than this has its sound in the vowel before it ("feel": the second formant falls over the
last 40 % of what is reported as the vowel)."""

FIRST_SHARE = 1.5
"""Where espeak-ng reports one sound for several phones, the first is this many times as long as each other."""

_VOWEL_ENDS = frozenset((vowel,) for vowel in VOWELS)
_CATCHES = frozenset({"_!", "_|"})
_STOPS = frozenset({"P", "B", "T", "D", "K", "G", "CH", "JH"})
_PAUSE = Sound((SILENCE,), (viseme_of(SILENCE),))
_CATCH = Sound((SILENCE,), (viseme_of(SILENCE),), NEAR)
"""The glottal stop before a vowel ("be|achten"): as silent as a pause, but no border of words."""


@dataclass(frozen=True)
class VocalEvent:
    """A sound of the voice that is no word, or a pause, with its span in seconds."""

    kind: Literal["laughter", "breath", "hesitation", "pause"]
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Utterance:
    """audio: (N,) float32 in [-1, 1], 16 kHz mono. transcription: phones that cover all of it without a hole, SIL
    included, and words. text: what was asked for. events: sounds in it that are no speech, see `vocal`."""

    audio: np.ndarray
    transcription: Transcription
    text: str
    events: tuple[VocalEvent, ...] = ()


@dataclass(frozen=True)
class _Spoken:
    """One of espeak-ng's phones: what it is, the sample where it begins and the number of its word event."""

    sound: Sound
    sample: int
    word: int

    @property
    def labels(self) -> tuple[str, ...]:
        return self.sound.labels


def speak(text: str, voice: Voice, *, lead_s: float = 0.2, tail_s: float = 0.2) -> Utterance:
    """Speak a text in the voice's language between `lead_s` and `tail_s` seconds of silence.

    Deterministic and thread-safe.

    A phone begins where its sound does; a stop or affricate where its closure does, which is where the lips or the
    tongue meet, not at the burst that espeak-ng reports. Where espeak-ng has one sound for two ARPABET phones
    (r-coloured vowels, syllabic consonants, a final L) the border between them is a convention, 60 % of the way, and
    the second phone's confidence is 0.5; all other times are exact. Where English lacks a sound, its label is the
    nearest ARPABET phone with less confidence (`ipa`), and its viseme that of the sound itself.
    Raises BadInput for a text without a word, in another script, or with sounds that no table knows.
    """
    if not any(character.isalnum() for character in text):  # espeak-ng would read the punctuation out
        raise BadInput("nothing to speak", where=repr(text), cure="give a text with at least one word")
    check_script(text)
    raw, events = espeak.synthesise(
        text,
        LANGUAGES[voice.language].espeak,
        variant=variant_text(
            voice.variant,
            formant_scale=voice.formant_scale,
            breath=voice.breath,
            roughness=voice.roughness,
            flutter=voice.flutter,
        ),
        pitch=voice.pitch,
        rate_wpm=voice.rate_wpm,
        pitch_range=voice.range,
    )
    samples = raw.astype(np.float32) / FULL_SCALE
    # resample_poly is a linear-phase filter with its delay taken out, so that times stay what they are.
    speech = resample_poly(samples, 320, 441)
    lead, tail = (np.zeros(round(s * SAMPLE_RATE), np.float32) for s in (lead_s, tail_s))
    audio = np.concatenate([lead, _at_level(speech, voice.gain_db), tail]).astype(np.float32)
    shift_s = len(lead) / SAMPLE_RATE
    sounds = _sounds(events, samples, voice.language)
    phones = _phones(sounds, shift_s, len(audio) / SAMPLE_RATE)
    words = _words(text, events, sounds, shift_s, len(samples), voice.language)
    return Utterance(audio, Transcription(words, phones, ORIGIN), text)


def _at_level(speech: np.ndarray, gain_db: float) -> np.ndarray:
    """The samples with their gain, in [-1, 1]. What a raised voice lifts over KNEE bends towards 1 instead of breaking
    off, so that it grows no clicks."""
    if gain_db <= 0:
        return np.clip(speech * np.float32(10 ** (gain_db / 20)), -1.0, 1.0)
    raised = speech * 10 ** (gain_db / 20)
    over = np.maximum(np.abs(raised) - KNEE, 0.0)
    return np.where(over > 0, np.sign(raised) * (KNEE + (1 - KNEE) * np.tanh(over / (1 - KNEE))), raised)


def _sounds(events: list[espeak.Event], samples: np.ndarray, language: str) -> list[_Spoken]:
    """espeak-ng's phones in order, each from where it begins; pauses are SIL."""
    brief = {id(e) for e, after in pairwise(events) if after.sample - e.sample < L_MIN_S * espeak.SAMPLE_RATE}
    groups = _by_word(events)
    named = name_words(([e.name for e in word if not _is_pause(e)] for _, word in groups), language)
    spoken: list[_Spoken] = []
    for number, ((start, word), names) in enumerate(zip(groups, named, strict=True)):
        labels = iter(names)
        for index, event in enumerate(word):
            if _is_pause(event):
                spoken.append(_Spoken(_CATCH if event.name in _CATCHES else _PAUSE, event.sample, number))
                continue
            sound = next(labels)
            begin = event.sample
            if index == 0:
                begin = start
            elif sound.labels and sound.labels[0] in _STOPS:
                begin -= _closure(samples, event.sample)
                begin = max(begin, spoken[-1].sample if spoken else start)  # a phone before it can be silent itself
            if sound.labels == ("L",) and id(event) in brief and spoken and spoken[-1].labels[-1:] in _VOWEL_ENDS:
                before = spoken.pop()
                sound, begin = _joined(before.sound, sound), before.sample
            spoken.append(_Spoken(sound, begin, number))
    return spoken


def _joined(first: Sound, second: Sound) -> Sound:
    return Sound(first.labels + second.labels, first.visemes + second.visemes, min(first.confidence, second.confidence))


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
    return event.name.startswith("_") or not event.name.strip(STRESS_MARKS)


def _closure(samples: np.ndarray, release: int) -> int:
    """Samples of silence that end at a stop's release."""
    first = max(0, release - round(CLOSURE_MAX_S * espeak.SAMPLE_RATE))
    loud = np.flatnonzero(np.abs(samples[first:release]) > CLOSURE_LEVEL * np.abs(samples).max())
    return release - first if len(loud) == 0 else release - first - int(loud[-1]) - 1


def _phones(sounds: list[_Spoken], shift_s: float, end_s: float) -> tuple[Phone, ...]:
    """Phones from 0 to `end_s` without a hole. Sounds without a label and repeated pauses lengthen what is before."""
    starts: list[tuple[str, str, float, float]] = [(SILENCE, viseme_of(SILENCE), 0.0, 1.0)]
    times = [sound.sample / espeak.SAMPLE_RATE + shift_s for sound in sounds] + [end_s]
    for sound, begin, end in zip(sounds, times, times[1:], strict=False):
        if sound.labels == (SILENCE,) and starts[-1][0] == SILENCE:
            continue
        unit = (end - begin) / (FIRST_SHARE + len(sound.labels) - 1)
        for index, (label, viseme) in enumerate(zip(sound.labels, sound.sound.visemes, strict=True)):
            at = begin if index == 0 else begin + (FIRST_SHARE + index - 1) * unit
            starts.append((label, viseme, at, sound.sound.confidence * (1.0 if index == 0 else 0.5)))
    ends = [start for _, _, start, _ in starts[1:]] + [end_s]
    return tuple(
        Phone(label, viseme, start, end, confidence)
        for (label, viseme, start, confidence), end in zip(starts, ends, strict=True)
        if end > start
    )


def _words(
    text: str, events: list[espeak.Event], sounds: list[_Spoken], shift_s: float, total: int, language: str
) -> tuple[Word, ...]:
    """The blank-separated words of the text with their spans.

    A word of several events ("25") spans them all. Words that espeak-ng speaks as one ("of the") share its sounds
    in order, as many as each has when spoken alone.
    """
    tokens = [(m.start(), m.group()) for m in re.finditer(r"\S+", text)]
    sounds_of: dict[int, list[_Spoken]] = {}
    for number, event in enumerate(e for e in events if e.kind == "word"):
        # A sign that espeak-ng reads by name ("«" in Polish) comes with a position before words already said.
        reached = max(sounds_of, default=0)
        token = max(reached, *(i for i, (at, _) in enumerate(tokens) if at <= max(event.position, tokens[0][0])))
        sounds_of.setdefault(token, []).extend(s for s in sounds if s.word == number)
    words: list[Word] = []
    spoken = sorted(token for token, inside in sounds_of.items() if inside)
    for first, after in pairwise([*spoken, len(tokens)]):
        limit = sounds_of[after][0].sample if after in sounds_of else total
        silent = (text for _, text in tokens[first + 1 : after] if any(c.isalnum() for c in text))
        words += _share([tokens[first][1], *silent], sounds_of[first], limit, shift_s, language)
    return tuple(words)


def _share(group: list[str], sounds: list[_Spoken], limit: int, shift_s: float, language: str) -> list[Word]:
    """Spans of the words spoken as one run of sounds, which ends at its first pause or at sample `limit`."""
    quiet = [s.labels == (SILENCE,) for s in sounds]
    start = quiet.index(False) if False in quiet else 0  # after the glottal stop before a vowel
    sounds = sounds[start:]
    pause = next((i for i, s in enumerate(sounds) if s.sound is _PAUSE), len(sounds))
    while pause > 1 and sounds[pause - 1].labels == (SILENCE,):
        pause -= 1
    borders = [s.sample for s in sounds[:pause]] + [sounds[pause].sample if pause < len(sounds) else limit]
    sizes = (
        [1]
        if len(group) == 1
        else [max(1, len(alone)) for alone in espeak.phonemise(group, LANGUAGES[language].espeak)]
    )
    edges = np.cumsum([0, *sizes]) * pause / sum(sizes)
    at = np.round(edges)
    if np.any(np.diff(at) == 0):  # more words than sounds: borders inside sounds
        at = edges
    times = np.interp(at, np.arange(len(borders)), borders) / espeak.SAMPLE_RATE + shift_s
    return [
        Word(
            bare(word),
            float(begin),
            float(end),
            1.0 if sum(sizes) in (1, pause) else 0.5,
        )
        for word, begin, end in zip(group, times, times[1:], strict=False)
    ]
