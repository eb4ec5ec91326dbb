"""Samples as numbers: 16 bit integers, in which long sound is kept, and the floats that everything computes with."""

from __future__ import annotations

import numpy as np


def as_float(audio: np.ndarray) -> np.ndarray:
    """Samples as float32 in [-1, 1]: int16 divided by 32768, floats as they are."""
    if audio.dtype == np.int16:
        return np.asarray(audio, np.float32) / np.float32(32768)
    return np.asarray(audio, np.float32)
