"""Phones are found in recorded speech, piece by piece where it is long or does not fit its transcript."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from talkie.clip import Transcription
from talkie.errors import AlignmentFailed
from talkie.media import read_audio
from talkie.speech.alignment import PIECE_S, align, decode_phones
from talkie.speech.synthesis import Voice, speak

TEXT = "The quick brown fox jumps over the lazy dog, and nobody minds."


def covers(found: Transcription, audio: np.ndarray) -> bool:
    phones = found.phones
    whole = phones[0].start_s == 0 and abs(phones[-1].end_s - len(audio) / 16000) < 1e-6
    return whole and all(abs(a.end_s - b.start_s) < 1e-6 and b.end_s > b.start_s for a, b in pairwise(phones))


def start_errors(found: Transcription, truth: Transcription) -> np.ndarray:
    return np.array([a.start_s - b.start_s for a, b in zip(found.words, truth.words, strict=True)])


@pytest.mark.parametrize("variant", ["m3", "f1"])
def test_words_and_phones_lie_where_the_speech_was_made_to_have_them(variant):
    spoken = speak(TEXT, Voice(variant))
    found = align(spoken.audio, TEXT)
    assert [w.text for w in found.words] == [w.text for w in spoken.transcription.words]
    assert all(w.aligned and 0 < w.confidence <= 1 for w in found.words)
    assert np.median(np.abs(start_errors(found, spoken.transcription))) < 0.025
    assert covers(found, spoken.audio)


def test_words_outside_the_dictionary_and_numbers_are_pronounced_by_espeak():
    text = "The zorblax of Quendimar has 25 flimwickets."
    spoken = speak(text, Voice())
    found = align(spoken.audio, text)
    assert all(w.aligned for w in found.words)
    assert np.median(np.abs(start_errors(found, spoken.transcription))) < 0.04


def test_long_speech_is_placed_in_pieces_without_drift():
    one = speak(TEXT, Voice())
    times = int(2.5 * PIECE_S / (len(one.audio) / 16000)) + 1
    audio = np.tile(one.audio, times)
    found = align(audio, " ".join([TEXT] * times))
    assert all(w.aligned for w in found.words)
    truth = np.concatenate(
        [np.array([w.start_s for w in one.transcription.words]) + k * len(one.audio) / 16000 for k in range(times)]
    )
    assert np.abs(np.array([w.start_s for w in found.words]) - truth).max() < 0.1
    assert covers(found, audio)


@pytest.mark.parametrize(
    "transcript",
    [
        "Extraordinary! Please call me before you leave the building tonight.",
        "Please call me before you leave the building tonight, gentlemen of the parliamentary opposition.",
    ],
)
def test_words_that_are_not_said_do_not_stop_the_rest(transcript):
    spoken = speak("Please call me before you leave the building tonight.", Voice())
    found = align(spoken.audio, transcript)
    assert [w.text for w in found.words] == [w.strip("!.,") for w in transcript.split()]
    begin = 1 if transcript.startswith("Extra") else 0
    starts = np.array([w.start_s for w in found.words[begin : begin + 8]])
    assert np.median(np.abs(starts - [w.start_s for w in spoken.transcription.words[:8]])) < 0.03
    assert covers(found, spoken.audio)
    for word in found.words:
        assert word.aligned or word.confidence <= 0.05


def test_what_cannot_be_pronounced_lies_between_its_neighbours():
    spoken = speak("Please call me.", Voice())
    found = align(spoken.audio, "Please — call 你好吗 me …")
    assert [w.text for w in found.words][0::3] == ["Please", "me"]
    assert all(a.end_s <= b.start_s + 1e-9 for a, b in pairwise(found.words))


def test_a_transcript_that_cannot_fit_fails_by_name():
    short = speak("Yes.", Voice()).audio[:8000]
    for transcript in ("", "... !", " ".join([TEXT] * 5)):
        with pytest.raises(AlignmentFailed):
            align(short, transcript)


def test_the_same_sound_is_aligned_the_same_way_whatever_came_before():
    spoken = speak(TEXT, Voice())
    first = align(spoken.audio, TEXT)
    align(speak("Something else entirely.", Voice("f1")).audio, "something else entirely")
    assert align(spoken.audio, TEXT) == first


def test_digital_silence_and_faint_recordings_are_aligned_too():
    spoken = speak(TEXT, Voice())
    audio = np.concatenate([np.zeros(16000, np.float32), 0.005 * spoken.audio, np.zeros(16000, np.float32)])
    found = align(audio, TEXT)
    assert np.median(np.abs(start_errors(found, spoken.transcription) - 1.0)) < 0.03


def test_a_phone_loop_promises_little_and_writes_no_words():
    audio = speak(TEXT, Voice()).audio
    found = decode_phones(audio)
    assert found.words == ()
    assert found.origin == "pocketsphinx-phone-loop"
    assert covers(found, audio)
    assert max(p.confidence for p in found.phones) <= 0.3
    assert len({p.label for p in found.phones}) > 8


@pytest.mark.parametrize("seconds", [0.0, 0.01, 1.0])
def test_a_phone_loop_over_silence_is_silence(seconds):
    found = decode_phones(np.zeros(round(seconds * 16000), np.float32))
    assert {p.label for p in found.phones} <= {"SIL"}


@pytest.mark.clips
@pytest.mark.parametrize("name", ["jfk", "librispeech"])
def test_every_word_of_real_speech_is_placed(clips: Path, name):
    audio = read_audio(clips / f"{name}.flac")
    assert audio is not None
    found = align(audio, (clips / f"{name}.txt").read_text())
    assert all(w.aligned for w in found.words)
    assert covers(found, audio)
