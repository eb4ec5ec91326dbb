"""What is heard of a take: the voice in a room, with noise, through a microphone, and what each of them did.

The voice itself is made in `voicing`; the simulations are `talkie.speech.acoustics`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkie.clip import SAMPLE_RATE, Transcription
from talkie.speech.acoustics import MICROPHONES, add_noise, microphone, noise, reverberate, room_from_seed
from talkie.speech.features import energy
from talkie.speech.phones import SILENCE
from talkie.speech.prosody import loudness_contour, pitch_contour
from talkie.stage.sections import Sound
from talkie.stage.shoot import Shoot

SPEECH_DB = -26.0
"""Level re full scale that active speech is taken to have where nobody speaks (ITU-T P.56's usual level)."""
PROSODY_HZ = 100
SILENT_DB = -100.0


@dataclass(frozen=True)
class Heard:
    """audio: (N,) float32 at 16 kHz, as long as the clean voice and in time with it; labels: the truth of it as text,
    for the clip's json."""

    audio: np.ndarray
    labels: dict[str, str]


def sound_of(shoot: Shoot, number: int, audio: np.ndarray, transcription: Transcription, shot: int = 0) -> Heard:
    """What the shoot's `sound` makes of the clean voice (N,) of one take: a pure function of shoot, take and shot."""
    if shoot.sound is None:
        return Heard(audio, {})
    return heard(shoot.sound, audio, transcription, np.random.default_rng((shoot.seed, number, shot, 0x50D)))


def heard(sound: Sound, audio: np.ndarray, transcription: Transcription, rng: np.random.Generator) -> Heard:
    """The voice as it is recorded: room, then noise, then microphone, each drawn from what `sound` allows.

    Nothing moves in time: the direct path of the room arrives with its own samples, because the sound's way of about
    3 ms a metre is taken out as an editor would, and every filter is symmetric. Labels: sound ("clean" or
    "recorded"); room: rt60_s, c50_db, direct_to_reverberant_db; noise with snr_db, over the samples where somebody
    speaks and before the microphone, or noise_db re full scale where nobody does; microphone with
    microphone_snr_db over its own noise, clipped_share and distance_m."""
    if rng.random() >= sound.share:
        return Heard(audio, {"sound": "clean"})
    labels = {"sound": "recorded"}
    kind = str(rng.choice(sound.microphones)) if sound.microphones else None
    distance = MICROPHONES[kind].distance_m if kind else None
    if sound.rt60_s is not None:
        rt60 = round(float(rng.uniform(*sound.rt60_s)), 3)
        audio, room = reverberate(audio, room_from_seed(int(rng.integers(2**31)), rt60_s=rt60, distance_m=distance))
        labels |= {
            "rt60_s": f"{room.rt60_s:.3f}",
            "c50_db": f"{room.c50_db:.2f}",
            "direct_to_reverberant_db": f"{room.direct_to_reverberant_db:.2f}",
            "distance_m": f"{room.distance_m:.2f}",
        }
    if sound.noises:
        audio, told = noisy(audio, str(rng.choice(sound.noises)), float(rng.uniform(*sound.snr_db)), rng, transcription)
        labels |= {name: value if isinstance(value, str) else f"{value:.2f}" for name, value in told.items()}
    if kind:
        audio, captured = microphone(audio, MICROPHONES[kind], rng)
        labels |= {
            "microphone": kind,
            "distance_m": f"{distance:.2f}",
            "clipped_share": f"{captured.clipped_share:.5f}",
        }
        if captured.snr_db is not None:
            labels["microphone_snr_db"] = f"{captured.snr_db:.2f}"
    return Heard(np.asarray(audio, np.float32), labels)


def noisy(
    audio: np.ndarray, kind: str, snr_db: float, rng: np.random.Generator, transcription: Transcription | None = None
) -> tuple[np.ndarray, dict[str, str | float]]:
    """The sound (N,) with a noise at `snr_db` below the speech in it: (N,) float32 and noise with snr_db. Where nobody
    speaks there is no such ratio: the noise then lies as far below SPEECH_DB, and the truth says noise_db."""
    if audio.any():
        spoken = transcription is not None and any(p.label != SILENCE for p in transcription.phones)
        mixed, truth = add_noise(audio, kind, snr_db, rng, transcription=transcription if spoken else None)
        return mixed, {"noise": kind, "snr_db": truth.snr_db}
    level_db = SPEECH_DB - snr_db
    alone = noise(kind, len(audio), rng) * 10 ** (level_db / 20)
    return np.clip(alone, -1, 1).astype(np.float32), {"noise": kind, "noise_db": level_db}


def prosody(audio: np.ndarray) -> dict[str, np.ndarray]:
    """prosody.npz of a clean voice (N,): time_s (P,) at 100 Hz, four values a video frame, each in the middle of its
    10 ms; f0_hz (P,), 0 where unvoiced; voiced (P,) bool; confidence (P,) of the pitch in [0, 1]; loudness_lufs (P,),
    momentary, over 0.4 s (ITU-R BS.1770); level_db (P,) RMS of the 10 ms re full scale, SILENT_DB at least."""
    f0, confidence = pitch_contour(audio, SAMPLE_RATE, PROSODY_HZ)
    level = np.maximum(20 * np.log10(np.maximum(energy(audio, fps=PROSODY_HZ), 1e-12)), SILENT_DB)
    return {
        "time_s": ((np.arange(len(f0)) + 0.5) / PROSODY_HZ).astype(np.float32),
        "f0_hz": np.nan_to_num(f0).astype(np.float32),
        "voiced": np.isfinite(f0),
        "confidence": confidence.astype(np.float32),
        "loudness_lufs": loudness_contour(audio, SAMPLE_RATE, PROSODY_HZ).astype(np.float32),
        "level_db": level.astype(np.float32),
    }
