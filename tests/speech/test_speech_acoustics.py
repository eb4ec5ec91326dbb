"""What is done to a voice is known exactly: noise by its ratio, rooms by their decay, lines by what they lost."""

import numpy as np
import pytest
from scipy.signal import correlate

from talkie.errors import BadConfig, BadInput
from talkie.speech.acoustics import (
    MICROPHONES,
    NOISES,
    Microphone,
    Room,
    add_noise,
    lose_packets,
    microphone,
    mix,
    noise,
    reverberate,
    room_from_seed,
    telephone,
)
from talkie.speech.acoustics.levels import power, speech_active
from talkie.speech.acoustics.microphone import quantise, soft_clip
from talkie.speech.acoustics.room import clarity_db, decay_s, impulse_response
from talkie.speech.synthesis import Utterance, Voice, speak

RATE = 16000


@pytest.fixture(scope="module")
def spoken() -> Utterance:
    return speak("A warm wind moved slowly through the open window, and nobody said a word.", Voice())


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def delay(before: np.ndarray, after: np.ndarray) -> int:
    """Samples by which the second sound is late: the peak of their cross-correlation."""
    return int(np.argmax(correlate(after.astype(float), before.astype(float)))) - (len(before) - 1)


@pytest.mark.parametrize("kind", sorted(NOISES))
@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 20.0])
def test_the_ratio_over_speech_is_exact_to_a_tenth_of_a_decibel(spoken, kind, snr_db):
    heard, truth = add_noise(spoken.audio, kind, snr_db, rng(), transcription=spoken.transcription)
    gain = 10 ** (truth.gain_db / 20)
    active = np.zeros(len(heard), bool)
    for phone in spoken.transcription.phones:
        if phone.label != "SIL":
            active[round(phone.start_s * RATE) : round(phone.end_s * RATE)] = True
    speech, disturbance = gain * spoken.audio.astype(float), heard - gain * spoken.audio.astype(float)
    found = 10 * np.log10(np.mean(speech[active] ** 2) / np.mean(disturbance[active] ** 2))
    assert found == pytest.approx(snr_db, abs=0.1)
    assert truth.snr_db == snr_db
    assert truth.active_share == pytest.approx(active.mean())
    assert np.abs(heard).max() <= 1
    assert delay(spoken.audio, heard) == 0 or snr_db < 0


def test_speech_is_found_by_its_level_where_no_phones_are_given(spoken):
    by_level, by_phones = speech_active(spoken.audio), speech_active(spoken.audio, spoken.transcription)
    assert np.mean(by_level == by_phones) > 0.9


@pytest.mark.parametrize("kind", sorted(NOISES))
def test_a_noise_is_that_of_its_generator_alone(kind):
    one, same, other = (noise(kind, RATE, rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.allclose(one, other)
    assert power(one) == pytest.approx(1)


def test_white_is_flat_and_pink_falls_three_decibels_an_octave():
    def octaves(kind: str) -> np.ndarray:
        spectrum = np.abs(np.fft.rfft(noise(kind, 60 * RATE, rng()))) ** 2
        hz = np.fft.rfftfreq(60 * RATE, 1 / RATE)
        return np.array([10 * np.log10(spectrum[(hz >= f) & (hz < 2 * f)].mean()) for f in (125, 250, 500, 1000, 2000)])

    assert np.allclose(np.diff(octaves("white")), 0, atol=0.3)
    assert np.allclose(np.diff(octaves("pink")), -3.01, atol=0.3)


def test_hum_has_lines_at_the_mains_and_babble_has_the_band_of_speech():
    hum = np.abs(np.fft.rfft(noise("hum", 4 * RATE, rng()) * np.hanning(4 * RATE)))
    peak = np.argmax(hum) / 4
    assert min(peak % 50, -peak % 50) < 1 or min(peak % 60, -peak % 60) < 1
    babble = np.abs(np.fft.rfft(noise("babble", 4 * RATE, rng()))) ** 2
    assert babble[400 : 4 * 4000].sum() / babble.sum() > 0.8


@pytest.mark.parametrize("rt60_s", [0.2, 0.45, 0.8])
def test_a_room_rings_as_long_as_asked(rt60_s):
    for seed in range(3):
        response, reflection = impulse_response(room_from_seed(seed, rt60_s=rt60_s))
        assert decay_s(response) == pytest.approx(rt60_s, rel=0.02)
        assert 0 < reflection < 1


def test_clarity_is_early_energy_over_late():
    """Of a pure exponential decay it is known: 10 log10(e^(13.8 t / rt60) - 1) with t of 50 ms (ISO 3382-1)."""
    rt60_s = 0.5
    decay = np.exp(-6.907755 * np.arange(2 * RATE) / RATE / rt60_s)
    assert clarity_db(decay) == pytest.approx(10 * np.log10(np.exp(2 * 6.907755 * 0.05 / rt60_s) - 1), abs=0.01)
    _, near = reverberate(np.ones(10), room_from_seed(1, rt60_s=0.5, distance_m=0.3))
    _, far = reverberate(np.ones(10), room_from_seed(1, rt60_s=0.5, distance_m=2.0))
    assert (near.distance_m, far.distance_m) == (pytest.approx(0.3, abs=0.01), pytest.approx(2.0, abs=0.01))
    assert near.c50_db > far.c50_db
    assert near.direct_to_reverberant_db > far.direct_to_reverberant_db


def test_every_kind_of_microphone_keeps_the_time_and_says_what_it_did(spoken):
    for name, kind in MICROPHONES.items():
        heard, truth = microphone(spoken.audio, kind, rng())
        assert (0.01 < truth.clipped_share < 0.25) if name == "overdriven" else truth.clipped_share < 0.005
        assert -32 < 20 * np.log10(heard.std()) < -5
        assert delay(spoken.audio, heard) == 0
        assert truth.microphone == kind
        assert truth.snr_db > 20


def test_of_silence_a_microphone_records_its_own_noise_and_no_ratio():
    heard, truth = microphone(np.zeros(RATE), MICROPHONES["laptop"], rng())
    assert truth.snr_db is None
    assert truth.gain_db == ()
    assert 20 * np.log10(heard.std()) == pytest.approx(MICROPHONES["laptop"].noise_db, abs=0.5)


def test_first_reflections_arrive_when_their_images_do():
    """Floor, ceiling and walls of a room, from the mirror images of the source by hand."""
    room = Room((6.0, 5.0, 3.0), 0.3, (2.0, 2.5, 1.2), (4.0, 2.0, 1.5))
    source, here = np.array(room.source_m), np.array(room.microphone_m)
    response, _ = impulse_response(room)
    for axis, wall in ((2, 0.0), (2, 3.0), (0, 0.0), (1, 5.0)):
        image = source.copy()
        image[axis] = 2 * wall - source[axis]
        late = (np.linalg.norm(image - here) - room.distance_m) / 343 * RATE
        around = np.abs(response[round(late) - 3 : round(late) + 4])
        assert around.argmax() == pytest.approx(3, abs=1)
        assert around.max() > 5 * np.median(np.abs(response[1:800]))


def test_the_direct_sound_keeps_its_time_and_its_samples(spoken):
    for seed in range(3):
        room = room_from_seed(seed, rt60_s=0.3)
        response, _ = impulse_response(room)
        assert response[0] == pytest.approx(1, abs=1e-6)
        wet, truth = reverberate(spoken.audio, room)
        assert len(wet) == len(spoken.audio)
        assert truth.offset_s == 0
        assert truth.delay_s == pytest.approx(room.distance_m / 343)
        click = np.zeros(4000)
        click[1000] = 0.5
        heard, _ = reverberate(np.where(np.arange(4000) == 1000, 0.5, 0.0), room)
        assert np.abs(heard).argmax() == 1000
        assert delay(click, heard) == 0
        assert np.all(heard[:1000] == pytest.approx(0, abs=1e-7))


def test_farther_away_more_of_the_sound_is_the_room():
    near, far = (
        reverberate(np.ones(RATE), Room((6.0, 5.0, 3.0), 0.5, (2.0, 2.5, 1.2), (2.0 + d, 2.5, 1.2)))[1]
        for d in (0.3, 2.4)
    )
    assert near.direct_to_reverberant_db > far.direct_to_reverberant_db + 10


def test_a_microphone_keeps_time_and_cuts_the_band(spoken):
    heard, truth = microphone(spoken.audio, Microphone(low_hz=300, high_hz=3400, noise_db=None, bits=24), rng())
    assert len(heard) == len(spoken.audio)
    assert abs(delay(spoken.audio, heard)) == 0
    spectrum, hz = np.abs(np.fft.rfft(heard)) ** 2, np.fft.rfftfreq(len(heard), 1 / RATE)
    assert spectrum[(hz < 150) | (hz > 3600)].sum() / spectrum.sum() < 1e-3
    assert truth.snr_db is None
    assert truth.clipped_share == truth.bent_share == 0


def test_a_microphones_own_noise_has_the_ratio_of_its_record(spoken):
    kind = Microphone(low_hz=0, high_hz=8000, noise_db=-40, bits=24, distance_m=1.0)
    heard, truth = microphone(spoken.audio, kind, rng())
    assert truth.level_db == pytest.approx(-6.02, abs=0.01)
    own = heard - spoken.audio / 2
    active = speech_active(spoken.audio)
    assert truth.snr_db == pytest.approx(10 * np.log10(power(spoken.audio / 2, active) / power(own, active)), abs=0.1)
    assert 10 * np.log10(power(own)) == pytest.approx(-40, abs=0.2)


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_dithered_bits_leave_an_error_of_a_quarter_step_squared(bits):
    signal = 0.5 * np.sin(np.arange(4 * RATE) * 0.05)
    error = quantise(signal, bits, rng()) - signal
    assert power(error) == pytest.approx((2.0 ** (1 - bits)) ** 2 / 4, rel=0.03)
    assert abs(np.corrcoef(error, signal)[0, 1]) < 0.02


def test_clipping_is_where_its_record_says(spoken):
    heard, truth = microphone(spoken.audio, Microphone(0, 8000, None, clip=0.2, bits=24), rng())
    assert np.abs(heard).max() <= 0.2 + 1e-6
    assert truth.clipped_share == pytest.approx(np.mean(np.abs(spoken.audio) > 0.2))
    bent, where = soft_clip(np.linspace(-1, 1, 2001), 12)
    assert bent[-1] == pytest.approx(1)
    assert np.all(np.diff(bent) > 0)
    assert where[0]
    assert not where[1000]


def test_automatic_gain_brings_whisper_and_shout_to_one_level(spoken):
    levels = []
    for gain in (0.05, 1.0):
        heard, truth = microphone(gain * spoken.audio, Microphone(noise_db=None, agc_db=-20, bits=24), rng())
        active = speech_active(heard)
        levels.append(10 * np.log10(power(heard, active)))
        assert len(truth.gain_db) == -(-len(spoken.audio) // 160)
    assert abs(levels[0] - levels[1]) < 1
    assert abs(levels[0] + 20) < 5


def test_the_telephone_keeps_time_and_its_code_has_the_ratio_of_mu_law(spoken):
    heard, truth = telephone(spoken.audio)
    assert len(heard) == len(spoken.audio)
    assert delay(spoken.audio, heard) == 0
    assert truth.code_snr_db == pytest.approx(37, abs=3)  # G.711: 33 to 38 dB over a wide range of levels


@pytest.mark.parametrize(("share", "burst"), [(0.05, 1.0), (0.2, 4.0), (0.0, 1.0)])
def test_lost_packets_are_where_the_record_says_and_nowhere_else(share, burst):
    signal = rng(3).normal(0, 0.1, 60 * RATE).clip(-1, 1)
    heard, truth = lose_packets(signal, share, rng(), burst=burst)
    gone = np.zeros(len(signal), bool)
    for start_s, end_s in truth.lost:
        gone[round(start_s * RATE) : round(end_s * RATE)] = True
    assert np.all(heard[gone] == 0)
    assert np.array_equal(heard[~gone], signal[~gone].astype(np.float32))
    assert gone.mean() == pytest.approx(share, abs=0.05)
    if share:
        runs = np.diff(np.flatnonzero(np.diff(np.pad(gone.astype(int), 1))))[::2] / 320
        assert runs.mean() == pytest.approx(max(burst, 1 / (1 - share)), rel=0.35)


def test_a_repeated_packet_fades():
    signal = np.full(RATE, 0.5)
    heard, truth = lose_packets(signal, 0.3, rng(1), burst=3, concealment="repeat")
    values = {round(float(heard[round(s * RATE)]), 4) for s, _ in truth.lost if s > 0.1}
    assert values <= {0.25, 0.125, 0.0625, 0.0312, 0.0156, 0.0078, 0.0039}
    assert 0.25 in values


def test_every_effect_is_that_of_its_generator(spoken):
    for effect in (
        lambda r: add_noise(spoken.audio, "street", 5, r),
        lambda r: microphone(spoken.audio, Microphone(), r),
        lambda r: lose_packets(spoken.audio, 0.2, r),
    ):
        (one, first), (same, second) = effect(rng(5)), effect(rng(5))
        assert np.array_equal(one, same)
        assert first == second
        assert not np.array_equal(one, effect(rng(6))[0])


@pytest.mark.parametrize(
    "wrong",
    [
        lambda a: add_noise(a, "thunder", 5, rng()),
        lambda a: add_noise(a, "white", 200, rng()),
        lambda a: room_from_seed(0, rt60_s=5),
        lambda a: room_from_seed(0, distance_m=4),
        lambda a: Room((5, 4, 3), 0.3, (6, 1, 1), (1, 1, 1)),
        lambda a: Room((5, 4, 3), 0.3, (1, 1, 1), (1, 1, 1)),
        lambda a: Microphone(bits=1),
        lambda a: Microphone(low_hz=3000, high_hz=3100),
        lambda a: lose_packets(a, 1.0, rng()),
        lambda a: lose_packets(a, 0.1, rng(), concealment="magic"),
    ],
)
def test_settings_that_make_no_sense_are_refused(spoken, wrong):
    with pytest.raises(BadConfig):
        wrong(spoken.audio)


def test_sound_without_speech_or_of_two_channels_is_refused(spoken):
    with pytest.raises(BadInput, match="speech"):
        add_noise(np.zeros(RATE), "white", 5, rng())
    with pytest.raises(BadInput, match="channel"):
        telephone(np.zeros((2, RATE)))
    with pytest.raises(BadInput, match="long"):
        mix(spoken.audio, np.ones(10), 5)
