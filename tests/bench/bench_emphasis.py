"""Whether brows and head follow the words that stand out: utterances with one word made higher and louder on purpose,
and plain sentences of the stage.

Run: python tests/bench/bench_emphasis.py [--people N]; prints one JSON object, exits 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np

from talkie.clip import FPS, SAMPLE_RATE
from talkie.heads import ARKIT_NAMES, builtin_head
from talkie.speech.phones import VOWELS
from talkie.speech.synthesis import Utterance, speak
from talkie.speech.vocal import join, pause
from talkie.speech.voices import Voice
from talkie.stage.cast import Person, cast
from talkie.stage.emphasis import stressed_words, syllables
from talkie.stage.line import Line
from talkie.stage.performance import Performance, perform
from talkie.stage.sentences import SENTENCES
from talkie.stage.voicing import Event, Spoken

NEAR_S = 0.2
RAISED = 30
"""Of espeak-ng's pitch scale: about half an octave."""
LOUDER_DB = 6.0
BROW, JAW = ARKIT_NAMES.index("browInnerUp"), ARKIT_NAMES.index("jawOpen")
TARGETS = {
    "strongest stress on the emphasised word": 0.9,
    "brow peaks within 0.2 s": 0.9,
    "head peaks within 0.2 s": 0.9,
    "brow and prominence correlate": 0.25,
    "head and prominence correlate": 0.3,
    "jaw and loudness correlate": 0.3,
}


def emphasised(text: str, number: int, voice: Voice) -> tuple[Spoken, float]:
    """The text word by word with one of them raised, and the middle of that word's longest vowel in seconds."""
    voice = replace(voice, range=20)
    parts: list[Utterance] = [pause(0.3)]
    centre = at = 0.3
    for k, word in enumerate(text.split()):
        raised = replace(voice, pitch=min(99, voice.pitch + RAISED), gain_db=LOUDER_DB) if k == number else voice
        said = speak(word.strip(".,?"), raised, lead_s=0.0, tail_s=0.0)
        if k == number:
            vowels = [p for p in said.transcription.phones if p.label in VOWELS]
            longest = max(vowels, key=lambda p: p.end_s - p.start_s)
            centre = at + (longest.start_s + longest.end_s) / 2
        parts.append(said)
        at += len(said.audio) / SAMPLE_RATE
    whole = join([*parts, pause(0.3)])
    return Spoken(whole.audio, whole.transcription, (Event("speech", 0.3, at),)), centre


def played(person: Person, spoken: Spoken, seed: int) -> Performance:
    with patch("talkie.stage.performance.voiced", lambda *_: spoken):
        return perform(person, Line("words that were said already"), np.random.default_rng((1, seed)))


def peak_near(track: np.ndarray, moment: float, least: float) -> bool:
    """Whether a local maximum that stands out of its second by `least` lies within NEAR_S of a moment."""
    near, far = round(NEAR_S * FPS), round(0.5 * FPS)
    at = round(moment * FPS - 0.5)
    inside = np.arange(max(1, at - near), min(len(track) - 1, at + near + 1))
    peaks = [i for i in inside if track[i] >= track[i - 1] and track[i] >= track[i + 1]]
    around = track[max(0, at - far) : at + far]
    return any(track[i] - around.min() >= least for i in peaks)


def constructed(people: list[Person]) -> dict[str, float]:
    hits: list[tuple[bool, bool, bool]] = []
    for number, text in enumerate(SENTENCES["en"][:16] * max(1, len(people) // 4)):
        person = people[number % len(people)]
        words = [k for k, w in enumerate(text.split()) if len(w.strip(".,?")) > 3]
        spoken, centre = emphasised(text, words[number % len(words)], person.voice)
        stresses = stressed_words(spoken.transcription, spoken.audio)
        strongest = max(stresses, key=lambda s: s[1])[0]
        shown = played(person, spoken, number)
        hits.append(
            (
                abs(strongest - centre) <= NEAR_S,
                peak_near(shown.expression[:, BROW], centre, 0.05),
                peak_near(shown.neck[:, 0], centre, 0.01),
            )
        )
    found, brow, head = np.mean(hits, axis=0)
    return {
        "strongest stress on the emphasised word": float(found),
        "brow peaks within 0.2 s": float(brow),
        "head peaks within 0.2 s": float(head),
    }


def natural(people: list[Person]) -> dict[str, float]:
    """Over all vowels of plain sentences: prominence against how far the brows rise and the head dips at them, and
    loudness against the jaw's opening, both as they differ from the vowel's own mean."""
    rows: list[tuple[float, float, float]] = []
    jaws: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for number, text in enumerate(SENTENCES["en"][:24]):
        person = people[number % len(people)]
        shown = perform(person, Line(text), np.random.default_rng((2, number)))
        brow, pitch = shown.expression[:, BROW], shown.neck[:, 0]
        brow, pitch = ((v - v.min()) / person.style.liveliness for v in (brow, pitch))
        for syllable in syllables(shown.transcription, shown.audio):
            at = int(syllable.centre_s * FPS)
            near = slice(max(0, at - 2), at + 3)
            around = slice(max(0, at - 12), at + 13)
            rows.append((syllable.prominence, brow[near].max(), pitch[near].max() - pitch[around].mean()))
        jaw = shown.expression[:, JAW] / (person.style.articulation * person.style.gains[JAW])
        for phone in shown.transcription.phones:
            if phone.label in VOWELS:
                first = min(int(phone.start_s * FPS), len(shown) - 1)
                span = slice(first, max(first + 1, int(phone.end_s * FPS)))
                jaws[phone.label].append((shown.loudness[span].mean(), jaw[span].mean()))
    differences = np.concatenate([np.array(v) - np.mean(v, axis=0) for v in jaws.values() if len(v) > 4])
    prominence, brow, head = np.array(rows).T
    return {
        "brow and prominence correlate": float(np.corrcoef(prominence, brow)[0, 1]),
        "head and prominence correlate": float(np.corrcoef(prominence, head)[0, 1]),
        "jaw and loudness correlate": float(np.corrcoef(*differences.T)[0, 1]),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=8)
    people = cast(builtin_head(), parser.parse_args().people, 31)
    figures: dict[str, Any] = {**constructed(people), **natural(people)}
    reached = {name: bool(figures[name] >= least) for name, least in TARGETS.items()}
    print(json.dumps({"figures": figures, "targets": TARGETS, "reached": reached}, indent=1))
    return 0 if all(reached.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
