"""Long sound in pieces: the same words at the same times as in one, pieces of bounded length, int16 as it comes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from talkie.errors import AlignmentFailed
from talkie.speech import long_alignment
from talkie.speech.long_alignment import align_any, decode_phones_any, quiet_cuts
from talkie.speech.synthesis import speak, voice_from_seed

SENTENCES = (
    "The quick brown fox jumps over the lazy dog.",
    "She sells fresh bread and butter by the harbor every morning.",
    "Please call me before you leave the building tonight.",
    "A warm wind moved slowly through the open window.",
    "My father walked home, but nobody was there.",
)


@pytest.fixture(scope="module")
def speech_in_pieces() -> tuple[np.ndarray, str, list[float]]:
    """About twenty seconds as int16, the text, and when each word begins."""
    sounds, starts, at = [], [], 0
    for k, text in enumerate(SENTENCES):
        spoken = speak(text, voice_from_seed(k))
        starts += [at / 16_000 + word.start_s for word in spoken.transcription.words]
        sounds += [spoken.audio, np.zeros(6400, np.float32)]
        at += len(spoken.audio) + 6400
    return (np.concatenate(sounds) * 32767).astype(np.int16), " ".join(SENTENCES), starts


@pytest.fixture
def short_pieces(monkeypatch):
    monkeypatch.setattr(long_alignment, "LONG_S", 5.0)
    monkeypatch.setattr(long_alignment, "PIECE_S", (5.0, 9.0))


def test_cuts_lie_in_silence_and_pieces_have_their_length(speech_in_pieces, monkeypatch):
    monkeypatch.setattr(long_alignment, "PIECE_S", (5.0, 9.0))
    audio = speech_in_pieces[0]
    cuts = quiet_cuts(audio)
    assert cuts[0] == 0
    assert cuts[-1] == len(audio)
    assert all(5 <= length <= 9 for length in np.diff(cuts[:-1]) / 16_000)
    for cut in cuts[1:-1]:
        assert np.abs(audio[cut - 800 : cut + 800].astype(int)).max() < 300


@pytest.mark.usefixtures("short_pieces")
def test_words_are_where_they_are_said_across_the_cuts(speech_in_pieces):
    audio, text, starts = speech_in_pieces
    found = align_any(audio, text)
    assert [word.text for word in found.words] == [token.strip(".,") for token in text.split()]
    errors = np.abs([word.start_s - start for word, start in zip(found.words, starts, strict=True)])
    assert np.median(errors) < 0.03
    assert (errors < 0.15).mean() > 0.9
    borders = [(a.end_s, b.start_s) for a, b in pairwise(found.phones)]
    assert all(end == pytest.approx(start, abs=1e-6) for end, start in borders)
    assert found.phones[-1].end_s == pytest.approx(len(audio) / 16_000, abs=0.02)


@pytest.mark.usefixtures("short_pieces")
def test_a_transcript_without_words_is_refused(speech_in_pieces):
    with pytest.raises(AlignmentFailed, match="no word"):
        align_any(speech_in_pieces[0], "... --")


@pytest.mark.usefixtures("short_pieces")
def test_the_loop_covers_long_sound_without_a_hole(speech_in_pieces):
    audio = speech_in_pieces[0][: 8 * 16_000]
    phones = decode_phones_any(audio).phones
    assert phones[0].start_s == 0
    assert phones[-1].end_s == pytest.approx(8, abs=0.02)
    assert all(a.end_s == pytest.approx(b.start_s, abs=1e-6) for a, b in pairwise(phones))
