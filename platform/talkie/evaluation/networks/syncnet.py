"""SyncNet from two ONNX files, and what goes into it: windows of frames and of MFCCs. The figures made of its
embeddings are in `metrics.sync`."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
from scipy.fft import dct

from talkie.clip import SAMPLE_RATE
from talkie.errors import BadInput
from talkie.evaluation.metrics.checks import array
from talkie.evaluation.networks.identity import NetworkIdentity
from talkie.evaluation.networks.onnx_file import BATCH, OnnxNetwork

SIDE, WINDOW, STEPS, PER_FRAME = 224, 5, 20, 4
"""Pixels; frames of a lip window; MFCC columns of a sound window; MFCC columns of a frame at 25 fps."""
COEFFICIENTS, FILTERS, FFT, PRE_EMPHASIS, LIFTER = 13, 26, 512, 0.97, 22
WINDOW_S, HOP_S = 0.025, 0.01
"""Defaults of python_speech_features, which syncnet_python was trained with."""


class SyncNet:
    """The lip and the sound tower of Chung & Zisserman 2016 (syncnet_v2), exported apart: (N, 3, 5, 224, 224) BGR in
    [0, 255] -> (N, 1024), and (N, 1, 13, 20) MFCCs -> (N, 1024), neither of unit length. Errors as of OnnxNetwork."""

    def __init__(self, lips: Path | str, sound: Path | str) -> None:
        self._lips, self._sound = OnnxNetwork(lips, "syncnet_lips"), OnnxNetwork(sound, "syncnet_sound")
        a, b = self._lips.identity, self._sound.identity
        both = hashlib.sha256((a.digest + b.digest).encode()).hexdigest()
        # One tower of a stand-in is enough to make the pair one.
        self.identity = NetworkIdentity("syncnet", f"{a.name} + {b.name}", both, a.stand_in or b.stand_in)

    def embed(self, frames: np.ndarray, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lip and sound vectors (N, 1024) of N = T - 5 windows (fewer where the sound is shorter); row i is of frames i
        to i + 4 and MFCC columns 4 i to 4 i + 19. frames: (T, H, W, 3) uint8 RGB at 25 fps, the face's crop as the
        protocol says; samples: (M,) at 16 kHz in [-1, 1]. Raises BadInput for clips without a window."""
        columns = mfcc(samples)
        count = min(len(frames) - WINDOW, (len(columns) - STEPS) // PER_FRAME + 1)
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or count < 1:
            raise BadInput(
                f"{frames.dtype} {frames.shape}", where="frames", cure="give six or more RGB frames in uint8"
            )
        bgr = [cv2.resize(frame, (SIDE, SIDE))[..., ::-1] for frame in frames[: count + WINDOW]]
        lips, sound = [], []
        for start in range(0, count, BATCH):
            rows = range(start, min(start + BATCH, count))
            lips.append(self._lips(np.stack([np.stack(bgr[i : i + WINDOW]) for i in rows]).transpose(0, 4, 1, 2, 3)))
            windows = [columns[PER_FRAME * i : PER_FRAME * i + STEPS].T for i in rows]
            sound.append(self._sound(np.stack(windows)[:, None]))
        return np.concatenate(lips), np.concatenate(sound)


def mfcc(samples: np.ndarray, rate: int = SAMPLE_RATE) -> np.ndarray:
    """(C, 13) mel-frequency cepstra every 10 ms of (M,) samples in [-1, 1]: python_speech_features' defaults on samples
    of 16 bits. Windows of 25 ms without a taper, 26 triangles on 700 / 1127-mels from 0 Hz, DCT-II, lifter 22, the
    logarithm of the energy in the first place. The last window is filled with zeros. Raises BadInput for no samples."""
    signal = array(samples, "samples", (None,)) * 32768
    signal = np.append(signal[0], signal[1:] - PRE_EMPHASIS * signal[:-1])
    length, hop = round(WINDOW_S * rate), round(HOP_S * rate)
    count = 1 + max(0, -(-(len(signal) - length) // hop))
    padded = np.pad(signal, (0, max(0, (count - 1) * hop + length - len(signal))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, length)[::hop][:count]
    power = np.square(np.abs(np.fft.rfft(windows, FFT))) / FFT
    tiny = np.finfo(float).eps
    energy, mel = power.sum(1), power @ _triangles(rate).T
    cepstra = dct(np.log(np.where(mel == 0, tiny, mel)), type=2, axis=1, norm="ortho")[:, :COEFFICIENTS]
    cepstra = cepstra * (1 + LIFTER / 2 * np.sin(np.pi * np.arange(COEFFICIENTS) / LIFTER))
    cepstra[:, 0] = np.log(np.where(energy == 0, tiny, energy))
    return np.asarray(cepstra)


def _triangles(rate: int) -> np.ndarray:
    """(26, 257) weights: evenly spaced on O'Shaughnessy's mel scale, corners at whole bins."""
    mel = np.linspace(0, 2595 * np.log10(1 + rate / 2 / 700), FILTERS + 2)
    corners = np.floor((FFT + 1) * 700 * (10 ** (mel / 2595) - 1) / rate)
    bins = np.arange(FFT // 2 + 1)
    left, centre, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rising = (bins - left) / np.maximum(centre - left, 1)
    falling = (right - bins) / np.maximum(right - centre, 1)
    return np.where((bins >= left) & (bins < centre), rising, np.where((bins >= centre) & (bins < right), falling, 0))
