"""Where somebody speaks: against espeak-ng's own times, in noise, and on sound that is none."""

from __future__ import annotations

import numpy as np
import pytest

from talkie.errors import BadInput
from talkie.speech.acoustics import add_noise, noise
from talkie.speech.activity import HOP, SHORTEST_S, speech_activity, speech_probability
from talkie.speech.activity_fit import monologue


@pytest.fixture(scope="module")
def said() -> tuple[np.ndarray, np.ndarray]:
    return monologue(np.random.default_rng(71))


def f1(found: np.ndarray, truth: np.ndarray) -> float:
    both = int((found & truth).sum())
    return 2 * both / (int(found.sum()) + int(truth.sum()))


def test_clean_speech_is_found_and_its_pauses_are_not(said):
    audio, truth = said
    assert f1(speech_activity(audio)[: len(truth)], truth) > 0.95


@pytest.mark.parametrize(("kind", "least"), [("white", 0.9), ("hum", 0.9), ("street", 0.85)])
def test_speech_is_found_ten_decibels_over_noise(said, kind, least):
    audio, truth = said
    noisy, _ = add_noise(audio, kind, 10.0, np.random.default_rng(2))
    assert f1(speech_activity(noisy)[: len(truth)], truth) > least


def test_the_level_of_the_recording_does_not_matter(said):
    audio, _ = said
    same = speech_activity(audio) == speech_activity(audio * 0.1)
    assert same.mean() > 0.95  # the floor of -70 dB stays where it is


@pytest.mark.parametrize("kind", ["white", "pink"])
def test_noise_alone_is_no_speech(kind):
    sound = 0.05 * noise(kind, 4 * 16_000, np.random.default_rng(4))
    assert speech_activity(sound).mean() < 0.1


def test_silence_is_no_speech_and_nothing_is_nothing():
    assert not speech_activity(np.zeros(16_000)).any()
    assert speech_activity(np.zeros(0)).shape == (0,)


def test_there_is_a_value_for_every_started_hop():
    probability = speech_probability(np.zeros(10 * HOP + 1))
    assert probability.shape == (11,)
    assert ((probability >= 0) & (probability <= 1)).all()


def test_no_burst_and_no_gap_is_shorter_than_the_shortest(said):
    active = speech_activity(said[0]).astype(int)
    runs = np.diff(np.flatnonzero(np.diff(active)))
    assert runs.min() >= SHORTEST_S * 100


@pytest.mark.parametrize("bad", [np.zeros((10, 2)), np.array([0.0, np.nan])])
def test_sound_that_is_no_finite_channel_is_refused(bad):
    with pytest.raises(BadInput, match="finite channel"):
        speech_activity(bad)
