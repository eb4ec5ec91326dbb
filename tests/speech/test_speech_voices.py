"""Voices differ by what is set: language, variant, pitch, vocal tract, breath, level; and only by that."""

import numpy as np
import pytest
from scipy.linalg import solve_toeplitz

from talkie.errors import BadConfig
from talkie.speech import espeak
from talkie.speech.languages import LANGUAGES
from talkie.speech.prosody import pitch_contour
from talkie.speech.synthesis import VARIANTS, Utterance, Voice, speak, voice_from_seed
from talkie.speech.variants import variant_text
from talkie.speech.voices import FORMANT_SPREAD, voices

RATE = 16000
TEXT = "Father saw a car far along the calm water, and Bob stopped."


def formants(utterance: Utterance) -> np.ndarray:
    """Median frequencies of the first two formants in the middles of AA, by linear prediction of order 14 at 10 kHz."""
    found = []
    for phone in utterance.transcription.phones:
        if phone.label != "AA" or phone.end_s - phone.start_s < 0.06:
            continue
        middle = round((phone.start_s + phone.end_s) / 2 * RATE)
        piece = np.diff(utterance.audio[middle - 400 : middle + 400].astype(float)) * np.hamming(799)
        r = np.correlate(piece, piece, "full")[798 : 798 + 19]
        r[0] *= 1.0001
        a = solve_toeplitz(r[:18], r[1:19])
        roots = np.roots(np.concatenate([[1], -a]))
        roots = roots[(roots.imag > 0.01) & (np.abs(roots) > 0.85)]
        hz = np.sort(np.angle(roots) * RATE / 2 / np.pi)
        hz = hz[hz > 300]
        found.append(hz[:2])
    return np.median(found, axis=0)


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_twenty_different_voices_speak_every_language(language):
    found = voices(language)
    assert len(set(found)) == len(found) >= 20
    assert {v.language for v in found} == {language}


def test_no_two_variants_sound_the_same():
    sounds = {speak("Hello there.", Voice(variant)).audio.tobytes() for variant in VARIANTS}
    assert len(sounds) == len(VARIANTS)


def test_a_seed_is_one_speaker_in_every_language():
    for seed in range(20):
        one, other = voice_from_seed(seed), voice_from_seed(seed, language="fr")
        assert one.language == "en-us"
        assert (one.variant, one.pitch, one.formant_scale) == (other.variant, other.pitch, other.formant_scale)
        assert abs(one.formant_scale - 1) <= FORMANT_SPREAD + 1e-9


@pytest.mark.parametrize("name", VARIANTS)
def test_an_unchanged_variant_is_the_one_that_espeak_installs(name):
    text = variant_text(name, formant_scale=1.0, breath=0, roughness=0, flutter=0)
    assert text.strip() == espeak.installed_variant(name).strip()


@pytest.mark.parametrize("variant", ["m3", "m7"])
@pytest.mark.parametrize("scale", [0.88, 1.15])
def test_formants_move_with_the_vocal_tract(variant, scale):
    ratio = formants(speak(TEXT, Voice(variant, formant_scale=scale))) / formants(speak(TEXT, Voice(variant)))
    assert ratio == pytest.approx(scale, abs=0.06)


@pytest.mark.parametrize("change", [{"formant_scale": 0.85}, {"formant_scale": 1.2}, {"breath": 60}, {"roughness": 4}])
def test_timbre_changes_no_phone_and_no_time(change):
    """Closures are read from the sound, into which a vowel rings on, hence 4 ms; all else is espeak-ng's events."""
    plain, changed = speak(TEXT, Voice()), speak(TEXT, Voice(**change))
    before, after = plain.transcription.phones, changed.transcription.phones
    assert [p.label for p in before] == [p.label for p in after]
    assert max(abs(a.start_s - b.start_s) for a, b in zip(before, after, strict=True)) < 0.004
    assert not np.array_equal(plain.audio, changed.audio)


def test_breath_and_roughness_make_the_voice_less_periodic():
    def periodic(**change: int) -> float:
        f0, confidence = pitch_contour(speak(TEXT, Voice(**change)).audio)
        return float(confidence[np.isfinite(f0)].mean())

    assert periodic(breath=100) < periodic(breath=40) < periodic()
    assert periodic(roughness=5) < periodic()


def test_a_gain_is_exact_where_nothing_bends():
    plain, quiet = speak(TEXT, Voice()), speak(TEXT, Voice(gain_db=-12))
    assert np.allclose(quiet.audio, plain.audio * 10 ** (-12 / 20), atol=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [{"language": "tlh"}, {"variant": "m2"}, {"formant_scale": 2.0}, {"breath": 101}, {"gain_db": 40}, {"flutter": 99}],
)
def test_a_voice_that_cannot_be_is_refused_in_one_line(wrong):
    with pytest.raises(BadConfig) as caught:
        Voice(**wrong)
    assert "\n" not in str(caught.value)
