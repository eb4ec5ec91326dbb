"""An emotion moves the measured voice in the direction that the literature gives, further at each intensity."""

import numpy as np
import pytest

from talkie.errors import BadConfig
from talkie.speech.emotion import EMOTIONS, INTENSITIES, emotional
from talkie.speech.prosody import loudness_contour, pitch_contour
from talkie.speech.synthesis import Voice, speak
from talkie.speech.voices import LIMITS

TEXT = "I will see you all in the morning, when the long rainy night is over and we go home."
VARIANTS = ("m3", "f1", "m7")

# Sign of the change of mean f0, f0 range, rate and level against neutral; None where the sources do not agree.
DIRECTIONS = {
    "happy": (1, 1, 1, 1),
    "sad": (-1, -1, -1, -1),
    "angry": (1, 1, 1, 1),
    "surprised": (1, 1, 1, 1),
    "afraid": (1, None, 1, 1),
    "disgusted": (-1, 1, -1, -1),
    "contempt": (-1, -1, -1, -1),
}


def measured(voice: Voice) -> np.ndarray:
    """Median f0 in semitones, its spread in semitones, speech rate and level in LUFS."""
    audio = speak(TEXT, voice).audio
    f0 = pitch_contour(audio, fps=50)[0]
    semitones = 12 * np.log2(f0[np.isfinite(f0)])
    return np.array([np.median(semitones), semitones.std(), 16000 / len(audio), loudness_contour(audio, fps=25).max()])


@pytest.fixture(scope="module")
def figures() -> dict[tuple[str, int], np.ndarray]:
    found = {("neutral", 0): np.mean([measured(Voice(v)) for v in VARIANTS], axis=0)}
    for emotion in DIRECTIONS:
        for i in INTENSITIES:
            found[emotion, i] = np.mean([measured(emotional(Voice(v), emotion, i)) for v in VARIANTS], axis=0)
    return found


@pytest.mark.parametrize("emotion", DIRECTIONS)
@pytest.mark.parametrize("quantity", range(4), ids=["f0", "range", "rate", "level"])
def test_each_quantity_moves_in_its_direction_at_every_intensity(figures, emotion, quantity):
    sign = DIRECTIONS[emotion][quantity]
    if sign is None:
        return
    steps = [figures["neutral", 0][quantity], *(figures[emotion, i][quantity] for i in INTENSITIES)]
    assert all(sign * (value - steps[0]) > 0 for value in steps[1:])
    assert sign * (steps[3] - steps[1]) > 0


def test_the_emotions_are_told_apart_by_their_voices(figures):
    """At full intensity every two differ by a semitone of f0, half a semitone of spread, 5 % of rate or 1 dB."""
    just_heard = np.array([1.0, 0.5, 0.05 * figures["neutral", 0][2], 1.0])
    for a in EMOTIONS:
        for b in EMOTIONS:
            if a < b:
                gap = figures[a, 0 if a == "neutral" else 3] - figures[b, 0 if b == "neutral" else 3]
                assert (np.abs(gap) > just_heard).any(), (a, b)


def test_neutral_is_the_voice_itself():
    assert emotional(Voice(pitch=33), "neutral", 1) == Voice(pitch=33)


@pytest.mark.parametrize("emotion", [e for e in EMOTIONS if e != "neutral"])
def test_an_extreme_voice_stays_within_its_limits(emotion):
    for pitch, span, rate in ((0, 0, 80), (99, 99, 400)):
        changed = emotional(Voice(pitch=pitch, range=span, rate_wpm=rate), emotion, 3)
        assert all(low <= getattr(changed, name) <= high for name, (low, high) in LIMITS.items())


def test_a_raised_voice_stays_within_full_scale_without_flat_tops():
    audio = speak(TEXT, emotional(Voice("m5"), "angry", 3)).audio
    assert np.abs(audio).max() <= 1.0
    assert np.mean(np.abs(audio) >= 1.0) == 0


@pytest.mark.parametrize(("emotion", "intensity"), [("bored", 1), ("happy", 0), ("happy", 4), ("neutral", 2)])
def test_an_unknown_emotion_or_intensity_is_refused(emotion, intensity):
    with pytest.raises(BadConfig):
        emotional(Voice(), emotion, intensity)
