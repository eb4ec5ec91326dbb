"""Speech and noise at an exact ratio, measured where somebody speaks. The noises themselves are `noise`'s business."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkie.clip import Transcription
from talkie.errors import BadConfig, BadInput
from talkie.speech.acoustics.levels import checked, power, speech_active, to_full_scale
from talkie.speech.acoustics.noise import noise

SNR_LIMITS = (-30.0, 80.0)


@dataclass(frozen=True)
class NoiseTruth:
    """snr_db: power of speech over power of noise, both over the samples where somebody speaks. active_share: how much
    of the sound that is. gain_db: by how much the sum was turned down to fit full scale. offset_s: delay, none."""

    kind: str
    snr_db: float
    active_share: float
    gain_db: float
    offset_s: float = 0.0


def add_noise(
    audio: np.ndarray,
    kind: str,
    snr_db: float,
    rng: np.random.Generator,
    *,
    transcription: Transcription | None = None,
) -> tuple[np.ndarray, NoiseTruth]:
    """Speech (N,), 16 kHz, with a noise of `noise.NOISES` at `snr_db`: (N,) float32 and the truth.

    Where a transcription is given its phones say where somebody speaks, else the level does. Raises BadConfig for an
    unknown noise or a ratio outside -30 to 80 dB, BadInput for sound without speech.
    """
    signal = checked(audio)
    return mix(signal, noise(kind, len(signal), rng), snr_db, kind=kind, transcription=transcription)


def mix(
    audio: np.ndarray,
    other: np.ndarray,
    snr_db: float,
    *,
    kind: str = "given",
    transcription: Transcription | None = None,
) -> tuple[np.ndarray, NoiseTruth]:
    """Speech with any other sound of the same length, as `add_noise`."""
    signal, disturbing = checked(audio), checked(other)
    if not SNR_LIMITS[0] <= snr_db <= SNR_LIMITS[1]:
        raise BadConfig(f"signal-to-noise ratio is {snr_db} dB", cure="use -30 to 80 dB")
    if len(signal) != len(disturbing):
        raise BadInput(f"noise of {len(disturbing)} samples for speech of {len(signal)}", cure="make them equally long")
    active = speech_active(signal, transcription)
    heard = power(disturbing, active)
    if heard <= 0:
        raise BadInput("the noise is silent where somebody speaks", cure="give a noise that can be heard")
    scale = np.sqrt(power(signal, active) / heard) * 10 ** (-snr_db / 20)
    mixed, gain_db = to_full_scale(signal + scale * disturbing)
    return mixed, NoiseTruth(kind, float(snr_db), float(active.mean()), gain_db)
