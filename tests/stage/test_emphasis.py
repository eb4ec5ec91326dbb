"""Words stand out by pitch, loudness and length; brows and head answer where they do."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from talkie.clip import FPS, SAMPLE_RATE, Phone, Transcription, Word
from talkie.heads import ARKIT_NAMES
from talkie.stage import performance
from talkie.stage.emphasis import ACCENT_DB, ACCENT_SEMITONES, stressed_words, syllables
from talkie.stage.line import Line
from talkie.stage.performance import perform
from talkie.stage.voicing import Event, Spoken

WORDS = ("one", "two", "three", "four", "five", "six", "seven")
STEP_S, VOWEL_S = 0.4, 0.15
BROW = ARKIT_NAMES.index("browInnerUp")


def hummed(raised=None, semitones=0.0, louder_db=0.0, longer=1.0, fall=0.0):
    """Words that are one vowel each, harmonics of 120 Hz, of which one may be raised; `fall`: semitones a second."""
    audio = np.zeros(round((len(WORDS) * STEP_S + 0.4) * SAMPLE_RATE), np.float32)
    phones, words = [Phone("SIL", "sil", 0.0, 0.2)], []
    for k, text in enumerate(WORDS):
        start = 0.2 + k * STEP_S
        seconds = VOWEL_S * (longer if k == raised else 1.0)
        f0 = 120 * 2 ** ((semitones * (k == raised) - fall * start) / 12)
        time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
        tone = sum(np.sin(2 * np.pi * n * f0 * time) / n for n in range(1, 12)) * np.hanning(len(time)) ** 0.3
        gain = 0.05 * 10 ** (louder_db * (k == raised) / 20)
        first = round(start * SAMPLE_RATE)
        audio[first : first + len(tone)] = gain * tone
        phones += [Phone("AH", "aa", start, start + seconds), Phone("T", "DD", start + seconds, start + STEP_S)]
        words.append(Word(text, start, start + STEP_S))
    phones.append(Phone("SIL", "sil", phones[-1].end_s, len(audio) / SAMPLE_RATE))
    return Transcription(tuple(words), tuple(phones), "test"), audio


@pytest.mark.parametrize(
    ("measure", "change", "size"),
    [("semitones", {"semitones": 5.0}, 5.0), ("level_db", {"louder_db": 6.0}, 6.0), ("octaves", {"longer": 2.0}, 1.0)],
)
def test_each_measure_of_prominence_is_what_the_sound_was_made_with(measure, change, size):
    values = [getattr(s, measure) for s in syllables(*hummed(3, **change))]
    assert values.pop(3) == pytest.approx(size, abs=0.12 * size)
    if measure == "octaves":
        values.pop()  # the last is taken for lengthened by its place
    assert np.abs(values).max() < 0.12 * size


def test_a_voice_that_falls_evenly_stresses_nothing():
    found = syllables(*hummed(fall=3.0))
    assert max(abs(s.semitones) for s in found) < 0.3
    assert max(strength for _, strength in stressed_words(*hummed(fall=3.0))) < 0.6


@pytest.mark.parametrize("raised", [0, 2, 5])
@pytest.mark.parametrize("change", [{"semitones": ACCENT_SEMITONES}, {"louder_db": ACCENT_DB}, {"longer": 2.0}])
def test_the_strongest_stress_is_the_raised_word_at_its_vowel(raised, change):
    found = stressed_words(*hummed(raised, **change))
    moment, strength = max(found, key=lambda s: s[1])
    centre = 0.2 + raised * STEP_S + VOWEL_S * change.get("longer", 1.0) / 2
    assert moment == pytest.approx(centre, abs=0.02)
    assert strength > 0.58
    assert all(b - a >= 0.5 for (a, _), (b, _) in pairwise(found))


def test_sound_without_words_has_no_stress():
    silent = Transcription((), (Phone("SIL", "sil", 0.0, 1.0),), "test")
    assert stressed_words(silent, np.zeros(SAMPLE_RATE, np.float32)) == []


def test_brows_and_head_peak_within_a_fifth_of_a_second_of_the_word_that_stands_out(people, monkeypatch):
    """Higher by five semitones, louder by 6 dB, longer by half."""
    brows, heads = [], []
    for number in range(12):
        raised = 1 + number % 5
        transcription, audio = hummed(raised, 5.0, 6.0, 1.5)
        spoken = Spoken(audio, transcription, (Event("speech", 0.2, 3.0),))
        monkeypatch.setattr(performance, "voiced", lambda *_, spoken=spoken: spoken)
        calm = replace(people[number], style=replace(people[number].style, liveliness=1.0))
        played = perform(calm, Line("counted words"), np.random.default_rng(number))
        centre = 0.2 + raised * STEP_S + 1.5 * VOWEL_S / 2
        brow = played.expression[:, BROW]
        brows.append(abs((brow.argmax() + 0.5) / FPS - centre) <= 0.2)
        nods = [g for g in played.gestures if g.kind == "nod"]
        heads.append(any(abs(g.start_s + g.seconds / 2 - centre) <= 0.2 and g.size > 0.05 for g in nods))
    assert np.mean(brows) >= 0.9
    assert np.mean(heads) >= 0.9
