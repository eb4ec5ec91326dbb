"""How near frames are to the true ones, pixel for pixel: PSNR, SSIM, MS-SSIM, L1, MSE. Which region is compared is the
caller's choice and belongs in the protocol: lip-sync papers score the face at 96 px, the NeRF line the whole frame,
reenactment 256 px. What needs no truth is in quality.py, what needs a network in perceptual.py.

Frames are (T, H, W, 3) RGB or (T, H, W) grey, uint8 or floating in [0, 1]; each function gives (T,) float64 and raises
BadInput for other arrays, unlike shapes, nothing, or NaN. One frame is in work at a time.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from talkie.errors import BadInput
from talkie.evaluation.metrics.checks import picture_pair
from talkie.evaluation.metrics.registry import ALL_TASKS, metric

IMAGE_TASKS = tuple(task for task in ALL_TASKS if task not in ("speech_to_motion", "recognition"))
PSNR_CEILING = 100.0
"""dB given to identical frames, whose PSNR is infinite and would leave no mean (the TalkLip script's value; the least
error of a 256 px frame of 8 bits gives 101 dB)."""
SSIM_WINDOW, SSIM_SIGMA, K1, K2 = 11, 1.5, 0.01, 0.03
MS_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, finest first (Wang, Simoncelli & Bovik 2003, table 1)."""
_GREY = np.array([0.299, 0.587, 0.114])
"""ITU-R BT.601 luma."""


@metric(
    "psnr",
    "Peak signal-to-noise ratio of each frame, mean over frames",
    unit="dB",
    better="higher",
    tasks=IMAGE_TASKS,
    source="10 log10(peak^2 / MSE); averaged over frames, not PSNR of the mean MSE",
)
def psnr(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """(T,) dB; higher is better. 10 log10(peak^2 / MSE) of float pixels, all channels together, peak 255 for uint8 and
    1 for floats; at most PSNR_CEILING. Never of uint8 differences, which wrap modulo 256."""
    a, b, peak = picture_pair(truth, guess)
    errors = np.array([_mse(x, y) for x, y in zip(a, b, strict=True)]) / peak**2
    return np.minimum(-10 * np.log10(np.maximum(errors, 1e-30)), PSNR_CEILING)


@metric(
    "mse",
    "Mean squared error of pixels in [0, 1]",
    unit="1",
    better="lower",
    tasks=IMAGE_TASKS,
    source="mean of squared differences",
)
def mse(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """(T,), pixels in [0, 1]; lower is better."""
    a, b, peak = picture_pair(truth, guess)
    return np.array([_mse(x, y) for x, y in zip(a, b, strict=True)]) / peak**2


@metric(
    "l1",
    "Mean absolute error of pixels in [0, 1]",
    unit="1",
    better="lower",
    tasks=IMAGE_TASKS,
    source="FOMM's reconstruction number (Siarohin et al. 2019)",
)
def l1(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """(T,), pixels in [0, 1]; lower is better."""
    a, b, peak = picture_pair(truth, guess)
    if a.dtype == np.uint8:
        # cv2 sums without a copy in float; the sum of bytes is exact.
        sums = [cv2.norm(_flat(x), _flat(y), cv2.NORM_L1) for x, y in zip(a, b, strict=True)]
        return np.array(sums) / a[0].size / peak
    return np.array([np.abs(x.astype(np.float64) - y).mean() for x, y in zip(a, b, strict=True)])


@metric(
    "ssim",
    "Structural similarity, 11 x 11 Gaussian of sigma 1.5, valid region, each channel, then mean",
    unit="1",
    better="higher",
    tasks=IMAGE_TASKS,
    source="Wang, Bovik, Sheikh & Simoncelli 2004",
)
def ssim(truth: np.ndarray, guess: np.ndarray, channels: Literal["rgb", "grey"] = "rgb") -> np.ndarray:
    """(T,) in [-1, 1]; higher is better. K1 0.01, K2 0.03, population covariance; where the window leaves the frame
    nothing is counted. "rgb": each channel, then their mean, as the field's scripts do; "grey": of BT.601 luma, as the
    authors advise. Single precision about the middle grey: within 2e-5 of double precision on flat bright frames, 1e-7
    on others, at about half of its time on grey pictures. Raises BadInput for frames smaller than the window."""
    a, b, peak = picture_pair(truth, guess)
    _large_enough(a, SSIM_WINDOW)
    return np.array(
        [_ssim_maps(_plane(x, channels, peak), _plane(y, channels, peak), peak)[0] for x, y in zip(a, b, strict=True)]
    )


@metric(
    "ms_ssim",
    "Multi-scale structural similarity over five scales",
    unit="1",
    better="higher",
    tasks=IMAGE_TASKS,
    source="Wang, Simoncelli & Bovik 2003",
)
def ms_ssim(truth: np.ndarray, guess: np.ndarray, channels: Literal["rgb", "grey"] = "grey") -> np.ndarray:
    """(T,) in [0, 1]; higher is better. Product of the contrast-structure terms of five scales and the luminance term
    of the coarsest, with exponents MS_WEIGHTS; between scales means of 2 x 2 pixels. Terms below 0 count as 0. Raises
    BadInput for frames under 176 px, whose coarsest scale is smaller than the window."""
    a, b, peak = picture_pair(truth, guess)
    _large_enough(a, SSIM_WINDOW * 2 ** (len(MS_WEIGHTS) - 1))
    return np.array(
        [_ms_ssim(_plane(x, channels, peak), _plane(y, channels, peak), peak) for x, y in zip(a, b, strict=True)]
    )


def _mse(a: np.ndarray, b: np.ndarray) -> float:
    if a.dtype == np.uint8:
        return float(cv2.norm(_flat(a), _flat(b), cv2.NORM_L2SQR)) / a.size
    return float(np.square(a.astype(np.float64) - b).mean())


def _flat(frame: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(frame).reshape(len(frame), -1)


def _plane(frame: np.ndarray, channels: str, peak: float) -> np.ndarray:
    """In float32, with the middle grey at 0: variances are differences of squares, which large values would drown."""
    plane = frame.astype(np.float64) @ _GREY if channels == "grey" and frame.ndim == 3 else frame
    return plane.astype(np.float32) - np.float32(peak / 2)


def _large_enough(frames: np.ndarray, least: int) -> None:
    if min(frames.shape[1:3]) < least:
        raise BadInput(f"frames of {frames.shape[1:3]}, wanted {least} px", where="truth", cure="give larger frames")


def _ssim_maps(a: np.ndarray, b: np.ndarray, peak: float) -> tuple[float, np.ndarray]:
    """Mean SSIM of a frame, and the contrast-structure term of each of its places."""
    c1, c2 = (K1 * peak) ** 2, (K2 * peak) ** 2  # Python's floats leave float32 arrays as they are
    mean_a, mean_b = _blur(a), _blur(b)
    # The two variances are needed only as their sum, which saves a filter.
    variances = _blur(a * a + b * b) - mean_a * mean_a - mean_b * mean_b + c2
    structure = (2 * (_blur(a * b) - mean_a * mean_b) + c2) / variances
    mean_a, mean_b = mean_a + peak / 2, mean_b + peak / 2
    similarity = structure * (2 * mean_a * mean_b + c1) / (mean_a * mean_a + mean_b * mean_b + c1)
    return float(similarity.mean(dtype=np.float64)), structure


def _ms_ssim(a: np.ndarray, b: np.ndarray, peak: float) -> float:
    result: np.ndarray | float = 1.0
    for scale, weight in enumerate(MS_WEIGHTS):
        last = scale == len(MS_WEIGHTS) - 1
        term = _ssim_channels(a, b, peak) if last else _ssim_maps(a, b, peak)[1].mean((0, 1), dtype=np.float64)
        result = result * np.maximum(term, 0) ** weight
        if not last:
            a, b = _halved(a), _halved(b)
    return float(np.mean(result))


def _ssim_channels(a: np.ndarray, b: np.ndarray, peak: float) -> np.ndarray:
    if a.ndim == 2:
        return np.array(_ssim_maps(a, b, peak)[0])
    return np.array([_ssim_maps(a[..., c], b[..., c], peak)[0] for c in range(a.shape[2])])


def _halved(plane: np.ndarray) -> np.ndarray:
    height, width = plane.shape[0] // 2 * 2, plane.shape[1] // 2 * 2
    even = plane[:height, :width]
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4


def _blur(plane: np.ndarray) -> np.ndarray:
    """Gaussian means where the whole window lies in the frame."""
    edge = SSIM_WINDOW // 2
    blurred = cv2.GaussianBlur(plane, (SSIM_WINDOW, SSIM_WINDOW), SSIM_SIGMA)
    return np.asarray(blurred[edge:-edge, edge:-edge])
