"""Damage does what its truth says, and nothing else."""

import numpy as np
import pytest
from scipy.signal import correlate

from talkie.clip import FPS, SAMPLE_RATE
from talkie.stage.damage import DAMAGE, Material, inflict
from talkie.stage.sections import DAMAGES

FRAMES = 40


@pytest.fixture
def material():
    rng = np.random.default_rng(0)
    frames = np.clip(
        rng.normal(120, 30, (1, 64, 64, 3)).repeat(FRAMES, 0) + np.arange(FRAMES)[:, None, None, None], 0, 255
    )
    audio = (0.2 * rng.normal(size=FRAMES * SAMPLE_RATE // FPS)).astype(np.float32)
    box = np.tile([16.0, 8.0, 48.0, 56.0], (FRAMES, 1))
    return Material(frames.astype(np.uint8), audio, box, np.full(3 * SAMPLE_RATE, 0.1, np.float32), "hello to you all")


@pytest.mark.parametrize("name", sorted(DAMAGE))
def test_lengths_and_types_stay_and_the_truth_names_the_damage(material, name):
    out = inflict(name, material, np.random.default_rng(1))
    assert out.frames.shape == material.frames.shape
    assert out.frames.dtype == np.uint8
    assert len(out.audio) == len(material.audio)
    assert out.truth["damage"] == name
    changed = (out.frames != material.frames).any() or (out.audio != material.audio).any() or out.crf != material.crf
    # A passing hand is filmed before any damage is done: nothing is left to do to the pictures.
    assert changed or name == "occluding_hand"


def test_no_damage_leaves_everything_as_it_was(material):
    out = inflict(None, material, np.random.default_rng(0))
    assert (out.frames == material.frames).all()
    assert out.truth == {"damage": None}


def test_a_positive_offset_means_that_the_sound_is_late(material):
    for seed in range(4):
        out = inflict("audio_offset", material, np.random.default_rng(seed))
        lag = np.argmax(correlate(out.audio, material.audio, "full")) - (len(material.audio) - 1)
        assert lag / SAMPLE_RATE == pytest.approx(out.truth["offset_s"])


def test_the_noise_is_as_loud_as_it_says(material):
    for seed in range(5):
        out = inflict("noisy_sound", material, np.random.default_rng(seed))
        # Turned down to fit full scale, and the noises have nothing in common with the sound.
        gain = np.dot(out.audio, material.audio) / np.dot(material.audio, material.audio)
        added = out.audio - gain * material.audio
        measured = 10 * np.log10((gain**2 * material.audio**2).mean() / (added**2).mean())
        assert measured == pytest.approx(out.truth["snr_db"], abs=0.4)


def test_clipped_sound_breaks_off_as_often_as_it_says(material):
    out = inflict("clipped_sound", material, np.random.default_rng(0))
    assert (np.abs(out.audio) > 0.999).mean() == pytest.approx(out.truth["clipped_share"], abs=0.01)
    assert out.truth["clipped_share"] > 0.05


def test_silent_footage_can_have_bad_sound_too(material):
    still = material.but(audio=np.zeros_like(material.audio))
    noisy = inflict("noisy_sound", still, np.random.default_rng(0))
    assert "snr_db" not in noisy.truth
    assert 20 * np.log10(noisy.audio.std()) == pytest.approx(noisy.truth["noise_db"], abs=0.5)
    # Nothing to break off: what is left is the recorder's dither.
    assert np.abs(inflict("clipped_sound", still, np.random.default_rng(0)).audio).max() < 0.01


def test_a_frozen_picture_stands_still_exactly_as_long_as_it_says(material):
    out = inflict("frozen", material, np.random.default_rng(0))
    still = (np.diff(out.frames.astype(int), axis=0) == 0).all((1, 2, 3))
    start, end = (round(out.truth[k] * FPS) for k in ("start_s", "end_s"))
    assert still[start : end - 1].all()
    assert not still[: start - 1].any()


def test_subtitles_change_pixels_only_inside_their_box(material):
    out = inflict("subtitles", material, np.random.default_rng(0))
    x0, y0, x1, y1 = out.truth["box_px"]
    y, x = np.nonzero((out.frames != material.frames).any((0, 3)))
    assert x0 - 2 <= x.min()
    assert x.max() <= x1 + 2
    assert y0 - 2 <= y.min()
    assert y.max() <= y1 + 2


def test_every_damage_a_shoot_may_ask_for_is_known():
    assert set(DAMAGES) == set(DAMAGE)
