"""The sound of a line: the one place of the stage that asks the speech room for words, laughter, breath and pauses.
Motion is made elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from talkie.clip import SAMPLE_RATE, Transcription
from talkie.speech.emotion import emotional
from talkie.speech.phones import SILENCE
from talkie.speech.synthesis import Utterance, speak
from talkie.speech.vocal import breath, hesitation, join, laughter, pause
from talkie.speech.voices import Voice
from talkie.stage.line import WORDLESS, Line


@dataclass(frozen=True)
class Event:
    """Something that happens from start_s to end_s seconds of a clip; kind: an entry of line.EVENTS, "breath" for an
    intake of air that is heard, or a gesture."""

    kind: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Spoken:
    """audio: (N,) float32, 16 kHz mono; transcription: phones that cover it without a hole, and the words of the line,
    which the sounds of hesitation and laughter are none of; events: what is heard when (speech, breath, pause,
    hesitation, laughter, listening, silence), in order."""

    audio: np.ndarray
    transcription: Transcription
    events: tuple[Event, ...]


BREATH_SHARE = 0.4
"""Of long sentences and long pauses: those before whose words a breath is heard."""
LONG_WORDS = 8
"""Words of a sentence before which a breath may be heard: longer phrases begin with deeper, louder intakes
(Winkworth, Davis, Adams & Ellis, JSHR 38, 1995)."""
EDGE_S = 0.2
"""Silence before and after what is heard."""

_VOICE_LANGUAGE = {"en": "en-us", "de": "de", "fr": "fr", "es": "es", "it": "it"}
"""espeak-ng's voice for each language of the sentences."""

_Part = tuple[str, Utterance]
"""A kind of event and its sound; an empty kind is no event."""


def voiced(line: Line, voice: Voice, rng: np.random.Generator) -> Spoken:
    """The line in a voice that speaks its language under its emotion."""
    voice = emotional(replace(voice, language=_VOICE_LANGUAGE[line.language]), line.emotion, line.intensity)
    if line.event in WORDLESS:
        return _heard([(line.event, pause(line.seconds))])
    return _heard([_still(EDGE_S), *_parts(line, voice, rng), _still(EDGE_S)])


def _parts(line: Line, voice: Voice, rng: np.random.Generator) -> list[_Part]:
    """What is heard of a line that is not silent, in order."""
    before, after = _halves(line.text)
    if line.event == "pause" and after:
        return [*_said(before, voice), *_gap(voice, rng), *_said(after, voice)]
    if line.event == "hesitation":
        searching = [_still(0.1), ("hesitation", hesitation(voice, rng)), _still(0.1)]
        return (
            [*_said(before, voice), *searching, *_said(after, voice)] if after else [*searching, *_said(before, voice)]
        )
    inhaled = _inhaled(voice, rng) if len(line.text.split()) >= LONG_WORDS and rng.random() < BREATH_SHARE else []
    said = [*inhaled, *_said(line.text, voice)]
    if line.event == "laughter":
        said += [_still(0.1), ("laughter", laughter(voice, rng, calls=int(rng.integers(3, 8))))]
    return said


def _said(text: str, voice: Voice) -> list[_Part]:
    return [("speech", speak(text, voice, lead_s=0.0, tail_s=0.0))] if text else []


def _gap(voice: Voice, rng: np.random.Generator) -> list[_Part]:
    """A pause, in the longer ones of which a breath may be heard just before the words go on."""
    seconds = float(rng.uniform(0.5, 1.3))
    if seconds < 0.8 or rng.random() >= BREATH_SHARE:
        return [("pause", pause(seconds))]
    inhaled = _inhaled(voice, rng)
    return [("pause", pause(seconds - sum(len(u.audio) for _, u in inhaled) / SAMPLE_RATE)), *inhaled]


def _inhaled(voice: Voice, rng: np.random.Generator) -> list[_Part]:
    return [("breath", breath(voice, rng, duration_s=float(rng.uniform(0.35, 0.55)))), _still(0.06)]


def _still(seconds: float) -> _Part:
    return "", pause(seconds)


def _halves(text: str) -> tuple[str, str]:
    """The text before and after its comma nearest to the middle, or its middle word; the second may be empty."""
    words = text.split()
    middle = len(words) / 2
    commas = [i + 1 for i, word in enumerate(words[:-1]) if word[-1] in ",;:"]
    at = min(commas, key=lambda i: abs(i - middle)) if commas else len(words) // 2
    return " ".join(words[:at]), " ".join(words[at:]) if at else ""


def _heard(parts: list[_Part]) -> Spoken:
    """The parts as one sound with its events."""
    whole = join([_without_words(u) if kind == "hesitation" else u for kind, u in parts])
    events, at = [], 0.0
    for kind, utterance in parts:
        if kind:
            events.append(_event(kind, utterance, at))
        at += len(utterance.audio) / SAMPLE_RATE
    return Spoken(whole.audio, whole.transcription, _meeting(events))


def _without_words(said: Utterance) -> Utterance:
    """A sound that no transcript holds."""
    return replace(said, transcription=replace(said.transcription, words=()))


def _event(kind: str, said: Utterance, at: float) -> Event:
    """The event `at` seconds, without the silence around its sound."""
    if kind != "speech":
        return Event(kind, at + said.events[0].start_s, at + said.events[0].end_s)
    sounds = [p for p in said.transcription.phones if p.label != SILENCE]
    return Event(kind, at + sounds[0].start_s, at + sounds[-1].end_s)


def _meeting(events: list[Event]) -> tuple[Event, ...]:
    """Events in which a pause begins where the sound before it ends, and lasts until the next begins."""
    met = list(events)
    for i, (before, after) in enumerate(pairwise(events)):
        if after.kind == "pause":
            met[i + 1] = replace(met[i + 1], start_s=before.end_s)
        if before.kind == "pause":
            met[i] = replace(met[i], end_s=after.start_s)
    return tuple(met)
