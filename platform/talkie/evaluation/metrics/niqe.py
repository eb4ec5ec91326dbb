"""Naturalness without a truth: NIQE's distance of a picture's statistics from those of good pictures. Sharpness is in
cpbd.py.

The pristine model is what makes figures comparable: with the authors' (given as a file) they are NIQE, with one of
another set of pictures they carry that model's word before the name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from scipy.special import gamma

from talkie.errors import BadInput
from talkie.evaluation.metrics.checks import pictures
from talkie.evaluation.metrics.image import IMAGE_TASKS
from talkie.evaluation.metrics.registry import metric
from talkie.evaluation.networks.identity import NetworkIdentity
from talkie.evaluation.networks.marks import mark_of

BLOCK, SCALES, FEATURES = 96, 2, 18
SHARP_SHARE = 0.75
"""Of a pristine picture only blocks of at least this share of its sharpest block's sharpness make the model."""
WINDOW, WINDOW_SIGMA = 7, 7 / 6
_SHAPES = np.arange(0.2, 10.001, 0.001)
"""Shape parameters tried."""
_RATIOS = gamma(2 / _SHAPES) ** 2 / (gamma(1 / _SHAPES) * gamma(3 / _SHAPES))
_NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))


@dataclass(frozen=True)
class NiqeModel:
    """mean (36,) and covariance (36, 36) of the features of pristine blocks, and whose they are."""

    mean: np.ndarray
    covariance: np.ndarray
    identity: NetworkIdentity

    @classmethod
    def load(cls, path: Path) -> NiqeModel:
        """From a safetensors file with "mean" (36,) and "covariance" (36, 36), such as the authors' modelparameters.mat
        copied into one. A model that `save` wrote says whose it is. Raises BadInput for any other file."""
        try:
            held = load_file(path)
            mean, covariance = held["mean"].astype(np.float64), held["covariance"].astype(np.float64)
        except (OSError, SafetensorError, KeyError) as error:
            raise BadInput(f"no pristine model: {error}", where=str(path), cure="give mean and covariance") from error
        if mean.shape != (36,) or covariance.shape != (36, 36):
            raise BadInput(f"holds {mean.shape} and {covariance.shape}", where=str(path), cure="give (36,), (36, 36)")
        return cls(mean, covariance, NetworkIdentity("niqe", path.name, _digest(mean, covariance), mark_of(path)))

    def save(self, path: Path) -> None:
        save_file({"mean": self.mean, "covariance": self.covariance}, path, {"talkie_stand_in": self.identity.stand_in})


def fit_niqe(frames: Iterable[np.ndarray], word: str) -> NiqeModel:
    """The model of pictures (H, W, 3) or (H, W) taken for pristine; `word` goes before the names of its figures. Raises
    BadInput for fewer than 37 sharp blocks, whose covariance would be singular."""
    rows = []
    for frame in frames:
        features, sharpness = block_features(frame)
        rows.append(features[sharpness >= SHARP_SHARE * sharpness.max()])
    every = np.concatenate(rows) if rows else np.zeros((0, SCALES * FEATURES))
    if len(every) <= SCALES * FEATURES:
        raise BadInput(
            f"{len(every)} sharp blocks, {SCALES * FEATURES + 1} are needed", where="frames", cure="give more"
        )
    mean, covariance = every.mean(0), np.cov(every, rowvar=False)
    return NiqeModel(mean, covariance, NetworkIdentity("niqe", word, _digest(mean, covariance), word))


@metric(
    "niqe",
    "Distance of a picture's natural-scene statistics from a pristine model",
    unit="1",
    better="lower",
    tasks=IMAGE_TASKS,
    source="Mittal, Soundararajan & Bovik 2013: 96 px blocks, luma, 2 scales, 18 features each",
    network="niqe",
)
def niqe(frames: np.ndarray, model: NiqeModel) -> np.ndarray:
    """(T,); lower is more natural. frames: (T, H, W, 3) RGB or (T, H, W) grey, uint8 or floats in [0, 1], at least two
    blocks of 96 px large (two make a covariance). sqrt(d^T ((S1 + S2) / 2)^+ d), d = difference of means.

    The half scale is Pillow's antialiased bicubic, MATLAB's `imresize` up to the border. Raises BadInput for smaller
    frames and as other metrics of pictures do."""
    moving, _ = pictures(frames, "frames")
    result = []
    for frame in moving:
        features, _ = block_features(frame)
        if len(features) < 2:
            raise BadInput(f"{len(features)} blocks in {frame.shape[:2]} px", where="frames", cure="give larger frames")
        away = features.mean(0) - model.mean
        spread = np.linalg.pinv((np.cov(features, rowvar=False) + model.covariance) / 2)
        result.append(np.sqrt(max(0.0, float(away @ spread @ away))))
    return np.array(result)


def block_features(frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features (B, 36) and sharpness (B,) of the whole 96 px blocks of a picture, row by row."""
    moving, peak = pictures(frame[None], "frames")
    plane = moving[0].astype(np.float64) * (255 / peak)
    luma = np.round(plane @ (0.299, 0.587, 0.114)) if plane.ndim == 3 else plane
    rows, columns = luma.shape[0] // BLOCK, luma.shape[1] // BLOCK
    luma = luma[: rows * BLOCK, : columns * BLOCK]
    if luma.size == 0:
        return np.zeros((0, SCALES * FEATURES)), np.zeros(0)
    found, sharpness = [], np.zeros(0)
    for scale in range(SCALES):
        side = BLOCK >> scale
        normal, deviation = normalised(luma)
        if scale == 0:
            sharpness = _blocks(deviation, side).mean((1, 2))
        found.append(np.stack([_features(block) for block in _blocks(normal, side)]))
        size = (luma.shape[1] // 2, luma.shape[0] // 2)
        luma = np.asarray(Image.fromarray(luma.astype(np.float32)).resize(size, Image.Resampling.BICUBIC), np.float64)
    return np.concatenate(found, axis=1), sharpness


def normalised(luma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean-subtracted, contrast-normalised coefficients and local deviations, both (H, W)."""
    mean = _blur(luma)
    deviation = np.sqrt(np.abs(_blur(luma * luma) - mean * mean))
    return (luma - mean) / (deviation + 1), deviation


def asymmetric_gaussian(values: np.ndarray) -> tuple[float, float, float]:
    """Shape and left and right scale of an asymmetric generalised Gaussian, by moments (Lasmar et al. 2009)."""
    flat = values.ravel()
    left, right = flat[flat < 0], flat[flat > 0]
    wide_left = np.sqrt(np.square(left).mean()) if left.size else 0.0
    wide_right = np.sqrt(np.square(right).mean()) if right.size else 0.0
    square = np.square(flat).mean()
    if square == 0 or wide_right == 0:
        # A flat block, or one without a right side, has no shape: the widest tried, as moments tend to.
        return float(_SHAPES[-1]), float(wide_left), float(wide_right)
    ratio = wide_left / wide_right
    wanted = np.abs(flat).mean() ** 2 / square * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    shape = float(_SHAPES[np.abs(_RATIOS - wanted).argmin()])
    scale = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    return shape, float(wide_left * scale), float(wide_right * scale)


def _features(block: np.ndarray) -> np.ndarray:
    shape, left, right = asymmetric_gaussian(block)
    found = [shape, (left + right) / 2]
    for step in _NEIGHBOURS:
        shape, left, right = asymmetric_gaussian(block * np.roll(block, step, (0, 1)))
        found += [shape, (right - left) * gamma(2 / shape) / gamma(1 / shape), left, right]
    return np.array(found)


def _blocks(plane: np.ndarray, side: int) -> np.ndarray:
    rows, columns = plane.shape[0] // side, plane.shape[1] // side
    return plane.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(-1, side, side)


def _blur(plane: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(plane, (WINDOW, WINDOW), WINDOW_SIGMA, borderType=cv2.BORDER_REPLICATE))


def _digest(mean: np.ndarray, covariance: np.ndarray) -> str:
    return hashlib.sha256(mean.astype("<f8").tobytes() + covariance.astype("<f8").tobytes()).hexdigest()
