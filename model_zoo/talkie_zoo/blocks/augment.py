"""What becomes of pictures before a network sees them: the middle square at one size, and the chance
changes that all frames of an example share. Crops that follow a face are `talkie.faces.crop`'s."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

_LUMA = (0.299, 0.587, 0.114)


def shaken(frames: np.ndarray, rng: np.random.Generator, jitter: float) -> Tensor:
    """Frames (N, H, W, 3) uint8 -> (N, 3, H, W) float32 in [0, 1]: mirrored every other time; brightness, contrast
    and saturation each times a factor from [1 - jitter, 1 + jitter]."""
    pictures = torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2))).float() / 255
    if rng.random() < 0.5:
        pictures = pictures.flip(-1)
    light, contrast, colour = (float(v) for v in rng.uniform(1 - jitter, 1 + jitter, 3))
    grey = torch.tensor(_LUMA).view(3, 1, 1)
    pictures = pictures * light
    middle = (pictures * grey).sum(1).mean()
    pictures = middle + contrast * (pictures - middle)
    plain = (pictures * grey).sum(1, keepdim=True)
    return (plain + colour * (pictures - plain)).clamp(0, 1)


def square(frames: np.ndarray, size: int) -> np.ndarray:
    """The middle squares of frames (N, H, W, 3) uint8, (N, size, size, 3)."""
    height, width = frames.shape[1:3]
    if (height, width) == (size, size):
        return frames
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    cut = frames[:, top : top + side, left : left + side]
    way = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return np.stack([cv2.resize(np.ascontiguousarray(frame), (size, size), interpolation=way) for frame in cut])
