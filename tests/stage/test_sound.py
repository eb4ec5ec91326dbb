"""Room, noise and microphone of a shoot: the truth is what was done, nothing is late, and the clean voice is kept."""

import numpy as np
import pytest
from scipy.signal import correlate

from talkie.clip import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from talkie.errors import BadConfig
from talkie.media import decode_flac
from talkie.shards import open_dataset
from talkie.speech.acoustics import MICROPHONES, NOISES
from talkie.stage import load_shoot, record
from talkie.stage.sections import Sound
from talkie.stage.shoot import parse_shoot
from talkie.stage.sound import heard, noisy, prosody, sound_of

EVERYTHING = {
    "rt60_s": [0.2, 0.6],
    "noises": ["babble", "pink"],
    "snr_db": [3, 9],
    "microphones": ["phone", "laptop"],
}


def rng(seed=0):
    return np.random.default_rng(seed)


def late(before, after):
    """Samples by which a sound is late: the peak of the phase-weighted cross-correlation (Knapp & Carter 1976)."""
    size = 2 * len(before)
    cross = np.fft.rfft(after, size) * np.conj(np.fft.rfft(before, size))
    peak = int(np.fft.irfft(cross / (np.abs(cross) + 1e-9), size).argmax())
    return peak if peak < len(before) else peak - size


@pytest.fixture(scope="module")
def spoken(play):
    return play(0, "A warm wind moved slowly through the open window.")


@pytest.mark.parametrize(
    ("rt60_s", "microphone"),
    [((0.2, 0.3), None), ((0.8, 0.8), None), *((None, m) for m in MICROPHONES), ((0.2, 0.4), "camera")],
)
def test_no_room_and_no_microphone_moves_the_sound_or_changes_its_length(spoken, rt60_s, microphone):
    sound = Sound(rt60_s=rt60_s, microphones=(microphone,) if microphone else ())
    for seed in range(2):
        out = heard(sound, spoken.audio, spoken.transcription, rng(seed))
        assert len(out.audio) == len(spoken.audio)
        assert out.audio.dtype == np.float32
        assert np.abs(out.audio).max() <= 1
        assert late(spoken.audio, out.audio) == 0


@pytest.mark.parametrize("kind", sorted(NOISES))
def test_the_noise_lies_as_far_below_the_speech_as_the_label_says(spoken, kind):
    sound = Sound(noises=(kind,), snr_db=(-3, 12))
    out = heard(sound, spoken.audio, spoken.transcription, rng(3))
    active = np.zeros(len(spoken.audio), bool)
    for phone in spoken.transcription.phones:
        if phone.label != "SIL":
            active[round(phone.start_s * SAMPLE_RATE) : round(phone.end_s * SAMPLE_RATE)] = True
    clean = spoken.audio.astype(float)
    # Least squares would find the speech's gain but for noise that resembles it: full scale is never lowered by much.
    gain = min(1.0, float(np.dot(out.audio, clean) / np.dot(clean, clean)) + 0.02)
    rest = out.audio - gain * clean
    found = 10 * np.log10(np.mean((gain * clean[active]) ** 2) / np.mean(rest[active] ** 2))
    assert found == pytest.approx(float(out.labels["snr_db"]), abs=0.6)
    assert out.labels["noise"] == kind


def test_where_nobody_speaks_the_truth_is_the_level_of_the_noise(play):
    still = play(0, "", event="silence", seconds=2.0)
    sound = Sound(noises=("pink",), snr_db=(10, 10), microphones=("laptop",), rt60_s=(0.3, 0.3))
    out = heard(sound, still.audio, still.transcription, rng())
    assert "snr_db" not in out.labels
    assert float(out.labels["noise_db"]) == -36
    audio, truth = noisy(still.audio, "white", 10.0, rng())
    assert 10 * np.log10(np.mean(audio.astype(float) ** 2)) == pytest.approx(truth["noise_db"], abs=0.1)


def test_a_share_of_the_clips_stays_as_it_was_spoken(spoken):
    shoot = load_shoot("speech", **{"sound": {**EVERYTHING, "share": 0.5, "rt60_s": None}})
    told = [sound_of(shoot, k, spoken.audio, spoken.transcription) for k in range(40)]
    clean = [t for t in told if t.labels == {"sound": "clean"}]
    assert 10 <= len(clean) <= 30
    assert all(t.audio is spoken.audio for t in clean)
    recorded = [t.labels for t in told if t.labels["sound"] == "recorded"]
    assert {t["noise"] for t in recorded} == {"babble", "pink"}
    assert {t["microphone"] for t in recorded} == {"phone", "laptop"}
    assert all(3 <= float(t["snr_db"]) <= 9 for t in recorded)
    again = sound_of(shoot, 7, spoken.audio, spoken.transcription)
    np.testing.assert_array_equal(again.audio, told[7].audio)
    assert again.labels == told[7].labels


def test_clips_hold_what_was_recorded_what_was_said_and_how(tmp_path):
    """The clean voice fits the recorded one sample by sample in time, and the contours fit the clean voice."""
    changes = {"cast.people": 2, "rig.size": 64, "sensors": ["clean", "prosody"], "sound": EVERYTHING}
    record(tmp_path, 1, load_shoot("speech", **changes), workers=1)
    clip = next(open_dataset(tmp_path).clips(("flac", "clean.flac", "prosody.npz", "phones.json")))
    clean, recorded = decode_flac(clip.fields["clean.flac"]), decode_flac(clip.fields["flac"])
    assert len(clean) == len(recorded) == clip.record.frames * SAMPLES_PER_FRAME
    assert late(clean, recorded) == 0
    assert not np.allclose(clean, recorded, atol=0.01)
    labels = clip.record.labels
    assert 0.2 <= float(labels["rt60_s"]) <= 0.6
    assert labels["microphone"] in EVERYTHING["microphones"]
    assert {"c50_db", "direct_to_reverberant_db", "snr_db", "noise", "distance_m"} <= labels.keys()
    contours = clip.fields["prosody.npz"]
    assert {len(v) for v in contours.values()} == {4 * clip.record.frames}
    assert contours["f0_hz"][contours["voiced"]].min() > 50


def test_prosody_of_a_swept_hum_is_the_sweep_at_the_level_it_has():
    time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    f0 = 110 + 40 * time
    phase = 2 * np.pi * (110 * time + 20 * time**2)
    audio = (0.1 * sum(np.sin(n * phase) / n for n in range(1, 9))).astype(np.float32)
    audio[: SAMPLE_RATE // 2] = 0
    found = prosody(audio)
    assert len(found["f0_hz"]) == 4 * 2 * FPS
    inner = slice(60, 190)
    np.testing.assert_allclose(found["f0_hz"][inner], np.interp(found["time_s"][inner], time, f0), rtol=0.01)
    assert not found["voiced"][:40].any()
    assert (found["f0_hz"][:40] == 0).all()
    assert (found["level_db"][:40] == -100).all()
    rms = 20 * np.log10(np.sqrt(np.mean(audio[SAMPLE_RATE:].astype(float) ** 2)))
    assert np.median(found["level_db"][inner]) == pytest.approx(rms, abs=1.0)


@pytest.mark.parametrize(
    ("sound", "names"),
    [
        ({"noises": ["thunder"]}, r"sound\.noises\.0: .*babble"),
        ({"microphones": ["spy"]}, r"sound\.microphones\.0: .*laptop"),
        ({"rt60_s": [0.3, 3.0]}, r"sound: rt60_s from 0.3 to 3: .*1.2 s"),
        ({"rt60_s": [0.6, 0.3]}, "sound: rt60_s from 0.6 to 0.3"),
        ({"noises": ["pink"], "snr_db": [30, 5]}, "sound: snr_db from 30 to 5"),
        ({"noises": ["pink"], "share": 1.5}, r"sound\.share"),
        ({"noises": ["pink"], "echo": True}, r"sound\.echo: no such field"),
        ({}, "sound: .*changes nothing"),
    ],
)
def test_sound_that_cannot_be_made_is_one_line_that_names_the_field(sound, names):
    with pytest.raises(BadConfig, match=names) as error:
        parse_shoot({"sound": sound}, "mine.yaml")
    assert "\n" not in str(error.value)


def test_footage_is_heard_through_the_shoots_microphone(play):
    """Only its truth is looked at here; the files are `test_record`'s."""
    shoot = load_shoot("footage", sound={"noises": ["hum"], "snr_db": [6, 6]})
    spoken = play(0)
    one, other = (sound_of(shoot, 0, spoken.audio, spoken.transcription, shot) for shot in (0, 1))
    assert one.labels == other.labels
    lag = np.argmax(correlate(one.audio, spoken.audio, "full")) - (len(spoken.audio) - 1)
    assert lag == 0
    assert not np.array_equal(one.audio, other.audio)
