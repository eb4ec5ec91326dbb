"""Synthetic speech comes with the time of every phone."""

import hashlib
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from talkie.errors import BadConfig, BadInput
from talkie.speech.synthesis import VARIANTS, Voice, speak, voice_from_seed

RATE = 16000
TEXT = "Peter Piper picked a pack of cheap tickets, but Bob kept two."


def level(audio: np.ndarray, start_s: float, end_s: float) -> float:
    return float(np.sqrt(np.mean(audio[round(start_s * RATE) : round(end_s * RATE)].astype(float) ** 2)))


@pytest.mark.parametrize("variant", VARIANTS)
def test_phones_cover_all_the_sound_without_a_hole(variant):
    spoken = speak(TEXT, Voice(variant))
    phones = spoken.transcription.phones
    assert (phones[0].label, phones[0].start_s) == ("SIL", 0.0)
    assert phones[-1].end_s == pytest.approx(len(spoken.audio) / RATE)
    assert all(a.end_s == b.start_s for a, b in pairwise(phones))
    assert all(p.end_s > p.start_s for p in phones)


@pytest.mark.parametrize("variant", VARIANTS)
def test_silence_is_silent_and_vowels_sound(variant):
    spoken = speak(TEXT, Voice(variant))
    phones = spoken.transcription.phones
    peak = np.abs(spoken.audio).max()
    for phone in phones:
        if phone.label == "SIL":
            assert level(spoken.audio, phone.start_s + 0.02, phone.end_s - 0.02) < 0.01 * peak
        elif phone.label in ("IY", "IH", "AE", "AH", "UW"):
            assert level(spoken.audio, phone.start_s, phone.end_s) > 0.04 * peak


@pytest.mark.parametrize("variant", ["m3", "f1", "Annie", "norbert"])
def test_a_voiceless_stop_is_a_silent_closure_and_then_a_burst(variant):
    """The closure is read from espeak-ng's events, the burst from the sound: they must fit to 3 ms."""
    spoken = speak(TEXT, Voice(variant))
    peak = np.abs(spoken.audio).max()
    checked = 0
    for before, phone in pairwise(spoken.transcription.phones):
        if phone.label not in ("P", "T", "K") or before.label == "SIL" or phone.end_s - phone.start_s < 0.07:
            continue
        inside = np.abs(spoken.audio[round((phone.start_s + 0.003) * RATE) : round(phone.end_s * RATE)])
        burst = int(np.argmax(inside > 0.03 * peak)) / RATE
        assert 0.015 < burst < phone.end_s - phone.start_s
        checked += 1
    assert checked >= 5


def test_words_span_their_sounds_and_keep_their_order():
    text = "In the café of the 25 dogs, it's (Peter's) e-mail."
    words = speak(text, Voice()).transcription.words
    assert [w.text for w in words] == ["In", "the", "café", "of", "the", "25", "dogs", "it's", "Peter's", "e-mail"]
    assert all(a.end_s <= b.start_s + 1e-9 for a, b in pairwise(words))
    assert all(w.end_s - w.start_s > 0.05 for w in words)


def test_the_phones_of_a_word_are_those_of_the_dictionary():
    spoken = speak("feel the world", Voice()).transcription
    labels = {
        w.text: [p.label for p in spoken.phones if w.start_s - 1e-6 <= p.start_s < w.end_s - 1e-6] for w in spoken.words
    }
    assert labels == {"feel": ["F", "IY", "L"], "the": ["DH", "AH"], "world": ["W", "ER", "L", "D"]}


def test_an_utterance_does_not_depend_on_those_before_it_or_on_threads():
    voices = [voice_from_seed(seed) for seed in range(6)]
    alone = [speak(TEXT, voice).audio for voice in voices]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda voice: speak(TEXT, voice).audio, voices[::-1]))[::-1]
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


@pytest.mark.parametrize("breath", [0, 25])
def test_another_process_says_the_same_at_another_time(breath):
    """espeak-ng would draw the noise of breath from the time of day, in whole seconds."""
    code = (
        "import hashlib; from dataclasses import replace; from talkie.speech.synthesis import *;"
        f"voice = replace(voice_from_seed(5), breath={breath});"
        f"print(hashlib.sha256(speak({TEXT!r}, voice).audio.tobytes()).hexdigest())"
    )
    mine = hashlib.sha256(speak(TEXT, replace(voice_from_seed(5), breath=breath)).audio.tobytes()).hexdigest()
    time.sleep(1.0)
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert other == mine


def test_seeds_give_different_voices_and_a_rate_changes_the_length():
    assert len({voice_from_seed(seed) for seed in range(50)}) == 50
    slow, fast = (len(speak(TEXT, Voice(rate_wpm=rate)).audio) for rate in (120, 240))
    assert slow > 1.3 * fast


def test_silence_before_and_after_is_as_long_as_asked():
    short, long = (speak("Hello.", Voice(), lead_s=s, tail_s=s) for s in (0.0, 0.5))
    assert len(long.audio) - len(short.audio) == RATE
    assert long.transcription.words[0].start_s - short.transcription.words[0].start_s == pytest.approx(0.5)


@pytest.mark.parametrize("text", ["", "  ", "...", "!?"])
def test_a_text_without_a_word_is_refused(text):
    with pytest.raises(BadInput):
        speak(text, Voice())


def test_a_voice_out_of_range_or_unknown_is_refused():
    for settings in ({"variant": "nobody"}, {"pitch": 100}, {"rate_wpm": 10}, {"range": -1}):
        with pytest.raises(BadConfig):
            Voice(**settings)
