"""Articulation: mouth shapes follow the phones, with the order and the limits that phonetics asks for."""

import numpy as np
import pytest

from talkie.clip import FPS, Phone, Transcription
from talkie.heads import ARKIT_NAMES
from talkie.speech.phones import VISEMES as VISEME_NAMES
from talkie.stage.articulation import VISEMES, articulate

JAW, PRESS, PUCKER = (ARKIT_NAMES.index(n) for n in ("jawOpen", "mouthPressLeft", "mouthPucker"))


def spoken(*phones: tuple[str, str, float]) -> Transcription:
    """Phones given as (label, viseme, seconds) one after the other."""
    placed, at = [], 0.0
    for label, viseme, seconds in phones:
        placed.append(Phone(label, viseme, at, at + seconds))
        at += seconds
    return Transcription((), tuple(placed), "test")


def frame_at(seconds: float) -> int:
    return int(seconds * FPS)


def test_every_viseme_of_the_vocabulary_has_a_target():
    assert VISEMES.keys() == set(VISEME_NAMES)


def test_an_open_vowel_opens_the_jaw_and_a_bilabial_closes_it_again():
    phones = spoken(("SIL", "sil", 0.4), ("AA", "aa", 0.4), ("M", "PP", 0.2), ("AA", "aa", 0.4), ("SIL", "sil", 0.4))
    mouth = articulate(phones, 45, np.ones(45))
    assert mouth[frame_at(0.6), JAW] > 0.4
    assert mouth[frame_at(0.9), JAW] < 0.1
    assert mouth[frame_at(0.9), PRESS] > 0.2
    assert mouth[frame_at(0.1), JAW] < 0.05


def test_rounding_begins_before_the_rounded_vowel():
    phones = spoken(("SIL", "sil", 0.3), ("S", "SS", 0.2), ("UW", "ou", 0.4), ("SIL", "sil", 0.3))
    pucker = articulate(phones, 30, np.ones(30))[:, PUCKER]
    before, during = pucker[frame_at(0.46)], pucker[frame_at(0.7)]
    assert 0.1 * during < before < during


def test_loud_vowels_open_wider_but_never_beyond_the_range():
    phones = spoken(("AA", "aa", 1.0))
    quiet, loud = (articulate(phones, 25, np.full(25, x), articulation=2.0)[:, JAW] for x in (0.0, 1.0))
    assert (loud > quiet).all()
    assert loud.max() <= 1.0


@pytest.mark.parametrize("side", ["Left", "Right"])
def test_a_symmetric_target_moves_both_sides(side):
    mouth = articulate(spoken(("IY", "ih", 0.5)), 12, np.ones(12))
    assert mouth[6, ARKIT_NAMES.index(f"mouthStretch{side}")] > 0.3
