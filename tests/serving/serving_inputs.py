"""What the tests of the service share: speech-like noise, WAV bytes written by the standard library, a service."""

from __future__ import annotations

import io
import socket
import subprocess
import wave
from dataclasses import dataclass

import numpy as np

from talkie.serving.config import ServeConfig


def wav_bytes(audio: np.ndarray, rate: int = 16_000) -> bytes:
    """(N,) float32 as a 16 bit mono WAV file, written by the standard library."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def babble(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise in syllables, (N,) float32 at 16 kHz."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * 16_000)) / 16_000
    syllables = np.clip(np.sin(2 * np.pi * (3 + seed % 3) * time_s + seed), 0, 1)
    return (0.3 * syllables * rng.normal(size=len(time_s))).clip(-1, 1).astype(np.float32)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass(frozen=True)
class Service:
    """A running service, the process that runs it, and what its callers need."""

    process: subprocess.Popen[str]
    config: ServeConfig
    token: str
    label: str
