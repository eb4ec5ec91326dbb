"""Features for distances of distributions that need no trained network: seeded random convolutions and cosine
statistics. They stand in for Inception and I3D under names of their own; the distances are in `metrics.distribution`.
"""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import torch
from scipy.fft import dctn

from talkie.errors import BadInput
from talkie.evaluation.networks.identity import NetworkIdentity

SIDE, DCT_KEPT = 64, 8
WIDTHS = (16, 32, 64, 128)


class RandomFeatures:
    """128 numbers a frame: four strided 3 x 3 convolutions with weights drawn from a seed (He et al. 2015), each with a
    ReLU, mean over places, of a frame brought to 64 px. Stand-in "rand"; the seed is in the name."""

    def __init__(self, seed: int, kind: str = "inception") -> None:
        generator = torch.Generator().manual_seed(seed)
        self._weights, width = [], 3
        for size in WIDTHS:
            self._weights.append(torch.randn((size, width, 3, 3), generator=generator) * (2 / (9 * width)) ** 0.5)
            width = size
        digest = hashlib.sha256(b"".join(w.numpy().tobytes() for w in self._weights)).hexdigest()
        self.identity = NetworkIdentity(kind, f"random convolutions, seed {seed}", digest, "rand")

    @torch.inference_mode()
    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """(T, 128) float32 of frames (T, H, W, 3) uint8 RGB."""
        answer = torch.from_numpy(_small(frames).transpose(0, 3, 1, 2).copy()).float() / 127.5 - 1
        for weight in self._weights:
            answer = torch.relu(torch.nn.functional.conv2d(answer, weight, stride=2, padding=1))
        return answer.mean((2, 3)).numpy()


class CosineFeatures:
    """192 numbers a frame: the 8 x 8 lowest coefficients of the orthonormal DCT-II of each channel of a frame brought
    to 64 px, over 64, so that the first is the channel's mean. Stand-in "dct"."""

    def __init__(self, kind: str = "inception") -> None:
        digest = hashlib.sha256(f"dct {SIDE} {DCT_KEPT}".encode()).hexdigest()
        self.identity = NetworkIdentity(kind, f"DCT {DCT_KEPT} x {DCT_KEPT} of {SIDE} px", digest, "dct")

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """(T, 192) float64 of frames (T, H, W, 3) uint8 RGB."""
        spectrum = dctn(_small(frames).astype(np.float64), axes=(1, 2), norm="ortho")[:, :DCT_KEPT, :DCT_KEPT]
        return spectrum.reshape(len(frames), -1) / SIDE


def _small(frames: np.ndarray) -> np.ndarray:
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or frames.size == 0:
        raise BadInput(f"{frames.dtype} {frames.shape}", where="frames", cure="give (T, H, W, 3) uint8 RGB")
    return np.stack([cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for frame in frames])
