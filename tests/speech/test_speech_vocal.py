"""Laughter, breath, hesitation and pauses sound as they should, and readers of phones know where they are."""

from itertools import pairwise

import numpy as np
import pytest

from talkie.errors import BadConfig, BadInput
from talkie.speech.languages import LANGUAGES
from talkie.speech.phones import VISEMES
from talkie.speech.prosody import pitch_contour
from talkie.speech.synthesis import Voice, speak
from talkie.speech.vocal import CALLS_PER_S, breath, hesitation, join, laughter, pause

RATE = 16000
MAN, WOMAN = Voice("m3"), Voice("f1")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def envelope(audio: np.ndarray, window_s: float = 0.02) -> np.ndarray:
    size = round(window_s * RATE)
    return np.sqrt(np.convolve(audio.astype(float) ** 2, np.ones(size) / size, "same"))


def covered(utterance) -> bool:
    phones = utterance.transcription.phones
    ends = [p.end_s for p in phones]
    return (
        phones[0].start_s == 0
        and all(a.end_s == b.start_s for a, b in pairwise(phones))
        and ends[-1] == pytest.approx(len(utterance.audio) / RATE)
        and {p.viseme for p in phones} <= set(VISEMES)
    )


@pytest.mark.parametrize("voice", [MAN, WOMAN])
@pytest.mark.parametrize("calls", [1, 3, 6])
def test_laughter_is_as_many_bursts_as_asked_at_the_rate_of_laughter(voice, calls):
    laugh = laughter(voice, rng(calls), calls=calls)
    level = envelope(laugh.audio, 0.05)
    loud = level > 0.25 * level.max()
    assert np.sum(np.diff(loud.astype(int)) == 1) + int(loud[0]) == calls
    assert calls / (len(laugh.audio) / RATE) == pytest.approx(CALLS_PER_S, rel=0.08)
    assert covered(laugh)
    assert [(e.kind, e.start_s) for e in laugh.events] == [("laughter", 0.0)]


def test_the_mouth_opens_where_the_bursts_are_and_no_phone_is_said():
    laugh = laughter(MAN, rng(), calls=5)
    level = envelope(laugh.audio)
    spans = {"aa": [], "kk": []}
    for phone in laugh.transcription.phones:
        assert phone.label == "SIL"
        spans[phone.viseme].append(level[round(phone.start_s * RATE) : round(phone.end_s * RATE)].mean())
    assert len(spans["aa"]) == len(spans["kk"]) == 5
    assert min(spans["aa"]) > max(spans["kk"])
    assert laugh.transcription.words == ()


@pytest.mark.parametrize("voice", [MAN, WOMAN])
def test_laughter_lies_far_above_the_voice_and_falls(voice):
    spoken = np.nanmedian(pitch_contour(speak("I am well, thank you.", voice).audio)[0])
    laugh = laughter(voice, rng(3), calls=6)
    f0, _ = pitch_contour(laugh.audio, high_hz=1000)
    voiced = f0[np.isfinite(f0)]
    assert np.median(voiced) > 1.4 * spoken
    third = len(voiced) // 3
    assert np.median(voiced[:third]) > np.median(voiced[-third:])


def test_a_breath_is_quiet_noise_that_swells():
    intake = breath(WOMAN, rng(), duration_s=0.6)
    assert len(intake.audio) == round(0.6 * RATE)
    assert np.isnan(pitch_contour(intake.audio)[0]).mean() > 0.9
    assert 0.5 < np.argmax(envelope(intake.audio, 0.1)) / len(intake.audio) < 0.9
    assert np.abs(intake.audio).max() < 0.15 * np.abs(speak("Hello there.", WOMAN).audio).max()
    assert covered(intake)


def test_a_pause_is_silence_of_exactly_its_length():
    silence = pause(0.35)
    assert len(silence.audio) == round(0.35 * RATE)
    assert not silence.audio.any()
    assert silence.events[0].end_s == pytest.approx(0.35)


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_every_language_hesitates_with_a_word_and_phones(language):
    um = hesitation(Voice(language=language), rng())
    assert len(um.transcription.words) == 1
    assert um.transcription.words[0].text == um.text
    event = um.events[0]
    assert event.end_s - event.start_s > 0.15
    assert covered(um)


def test_joining_keeps_every_sample_and_moves_every_time():
    parts = [speak("Well", MAN), hesitation(MAN, rng()), pause(0.3), laughter(MAN, rng()), speak("good bye.", MAN)]
    whole = join(parts)
    assert np.array_equal(whole.audio, np.concatenate([p.audio for p in parts]))
    assert covered(whole)
    assert [w.text for w in whole.transcription.words] == ["Well", parts[1].text, "good", "bye"]
    begin = sum(len(p.audio) for p in parts[:4]) / RATE
    assert whole.transcription.words[2].start_s == pytest.approx(begin + parts[4].transcription.words[0].start_s)
    assert [e.kind for e in whole.events] == ["hesitation", "pause", "laughter"]
    assert whole.events[2].start_s == pytest.approx(sum(len(p.audio) for p in parts[:3]) / RATE)
    assert not any(
        a.label == b.label == "SIL" and a.viseme == b.viseme for a, b in pairwise(whole.transcription.phones)
    )


def test_the_generator_decides():
    assert np.array_equal(laughter(MAN, rng(1)).audio, laughter(MAN, rng(1)).audio)
    assert not np.array_equal(laughter(MAN, rng(1)).audio[:8000], laughter(MAN, rng(2)).audio[:8000])
    assert not np.array_equal(breath(MAN, rng(1)).audio, breath(WOMAN, rng(1)).audio)


def test_what_cannot_be_made_is_refused():
    for wrong in (lambda: pause(0), lambda: laughter(MAN, rng(), calls=0), lambda: breath(MAN, rng(), duration_s=9)):
        with pytest.raises(BadConfig):
            wrong()
    with pytest.raises(BadInput):
        join([])
