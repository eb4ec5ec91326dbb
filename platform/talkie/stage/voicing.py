"""The sound of a line: the one place of the stage that asks the speech room to speak. Motion is made elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from talkie.clip import SAMPLE_RATE, Phone, Transcription, Word
from talkie.speech.emotion import emotional
from talkie.speech.phones import SILENCE
from talkie.speech.synthesis import Utterance, speak
from talkie.speech.voices import Voice
from talkie.stage.line import WORDLESS, Line


@dataclass(frozen=True)
class Event:
    """Something that happens from start_s to end_s seconds of a clip; kind: an entry of line.EVENTS or a gesture."""

    kind: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Spoken:
    """audio: (N,) float32, 16 kHz mono; transcription: phones that cover it without a hole; events: what is heard when
    (speech, pause, hesitation, laughter, listening, silence), in order."""

    audio: np.ndarray
    transcription: Transcription
    events: tuple[Event, ...]


_VOICE_LANGUAGE = {"en": "en-us", "de": "de", "fr": "fr", "es": "es", "it": "it"}
"""espeak-ng's voice for each language of the sentences."""


def voiced(line: Line, voice: Voice, rng: np.random.Generator) -> Spoken:
    """The line in a voice that speaks its language under its emotion."""
    voice = emotional(replace(voice, language=_VOICE_LANGUAGE[line.language]), line.emotion, line.intensity)
    if line.event in WORDLESS:
        return _joined([(line.event, _silent(line.seconds))])
    before, after = _halves(line.text)
    if line.event == "pause" and after:
        gap = ("pause", _silent(rng.uniform(0.4, 1.2)))
        return _joined([("speech", _speak(before, voice)), gap, ("speech", _speak(after, voice))])
    if line.event == "hesitation":
        parts = [("hesitation", _filled(voice, rng)), ("speech", _speak(after or before, voice))]
        return _joined([("speech", _speak(before, voice)), *parts] if after else parts)
    parts = [("speech", _speak(line.text, voice))] if line.text else []
    return _joined([*parts, ("laughter", _laugh(voice, rng))] if line.event == "laughter" else parts)


def _speak(text: str, voice: Voice) -> Utterance:
    return speak(text, voice)


def _filled(voice: Voice, rng: np.random.Generator) -> Utterance:
    """A drawn-out filled pause, slow, flat and a little low (Shriberg 2001)."""
    slow = replace(voice, rate_wpm=max(80, voice.rate_wpm - 60), pitch=max(0, voice.pitch - 6), range=20)
    return speak(str(rng.choice(["um...", "uh...", "hmm, um..."])), slow)


def _laugh(voice: Voice, rng: np.random.Generator) -> Utterance:
    """Three to six syllables of laughter, high and quick: about five a second (Bachorowski et al. 2001)."""
    high = replace(voice, rate_wpm=min(400, voice.rate_wpm + 60), pitch=min(99, voice.pitch + 15), range=80)
    return speak(" ".join(["ha"] * int(rng.integers(3, 7))) + "!", high, tail_s=0.3)


def _silent(seconds: float) -> Utterance:
    audio = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    phone = Phone(SILENCE, "sil", 0.0, len(audio) / SAMPLE_RATE)
    return Utterance(audio, Transcription((), (phone,), "silence"), "")


def _halves(text: str) -> tuple[str, str]:
    """The text before and after its comma nearest to the middle, or its middle word; the second may be empty."""
    words = text.split()
    middle = len(words) / 2
    commas = [i + 1 for i, word in enumerate(words[:-1]) if word[-1] in ",;:"]
    at = min(commas, key=lambda i: abs(i - middle)) if commas else len(words) // 2
    return " ".join(words[:at]), " ".join(words[at:]) if at else ""


def _joined(parts: Sequence[tuple[str, Utterance]]) -> Spoken:
    """Utterances one after the other; silences that meet become one."""
    phones: list[Phone] = []
    words: list[Word] = []
    events: list[Event] = []
    at = 0.0
    for kind, said in parts:
        for phone in said.transcription.phones:
            start, end = phone.start_s + at, phone.end_s + at
            if phones and phone.label == phones[-1].label == SILENCE:
                phones[-1] = replace(phones[-1], end_s=end)
            else:
                phones.append(replace(phone, start_s=start, end_s=end))
        if kind == "speech":
            words += [replace(w, start_s=w.start_s + at, end_s=w.end_s + at) for w in said.transcription.words]
        events.append(_sounding(kind, said, at))
        at += len(said.audio) / SAMPLE_RATE
    origin = next((u.transcription.origin for _, u in parts if u.text), "silence")
    audio = np.concatenate([u.audio for _, u in parts])
    return Spoken(audio, Transcription(tuple(words), tuple(phones), origin), _meeting(events))


def _meeting(events: list[Event]) -> tuple[Event, ...]:
    """Events in which a pause lasts from the end of one sound to the beginning of the next."""
    met = list(events)
    for i in range(1, len(met) - 1):
        if met[i].kind == "pause":
            met[i] = Event("pause", met[i - 1].end_s, met[i + 1].start_s)
    return tuple(met)


def _sounding(kind: str, said: Utterance, at: float) -> Event:
    """The event without the silence around its sound."""
    sounds = [p for p in said.transcription.phones if p.label != SILENCE] or list(said.transcription.phones)
    return Event(kind, at + sounds[0].start_s, at + sounds[-1].end_s)
