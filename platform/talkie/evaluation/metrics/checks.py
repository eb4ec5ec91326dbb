"""What every metric asks of its arrays before it computes: shapes that agree, something in them, no NaN. Metrics
themselves are in the files beside this one."""

from __future__ import annotations

from typing import Any

import numpy as np

from talkie.errors import BadInput

PEAK = {"uint8": 255.0, "float": 1.0}
"""Largest value of a picture by its kind."""


def array(values: Any, name: str, shape: tuple[int | None, ...] | None = None, empty: bool = False) -> np.ndarray:
    """As float64 of the shape (None: any length). Raises BadInput for another shape, nothing in it, NaN or infinity."""
    found = np.asarray(values)
    if found.dtype.kind not in "fiub":
        raise BadInput(f"is {found.dtype}, not numbers", where=name, cure="give an array of numbers")
    if shape is not None and not _fits(found.shape, shape):
        wanted = "(" + ", ".join("*" if n is None else str(n) for n in shape) + ")"
        raise BadInput(f"has shape {found.shape}, wanted {wanted}", where=name, cure="reshape it as the metric says")
    if not empty and found.size == 0:
        raise BadInput("is empty", where=name, cure="give at least one item")
    result = found.astype(np.float64)
    if not np.isfinite(result).all():
        raise BadInput("holds NaN or infinity", where=name, cure="leave out the items that were not measured")
    return result


def _fits(found: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(found) == len(wanted) and all(n in (None, m) for n, m in zip(wanted, found, strict=True))


def pair(truth: Any, guess: Any, shape: tuple[int | None, ...] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 of one shape. Raises BadInput as `array`, and where the two shapes differ."""
    a, b = array(truth, "truth", shape), array(guess, "guess", shape)
    same_shape(a, b)
    return a, b


def same_shape(truth: np.ndarray, guess: np.ndarray) -> None:
    if truth.shape != guess.shape:
        raise BadInput(
            f"has shape {guess.shape}, the truth {truth.shape}", where="guess", cure="trim and resize both alike"
        )


def pictures(frames: Any, name: str) -> tuple[np.ndarray, float]:
    """Frames (T, H, W, 3) or (T, H, W), uint8 or floating in [0, 1], and their peak (255 or 1), not converted: a clip
    in float64 would be eight times its bytes. Raises BadInput for anything else."""
    found = np.asarray(frames)
    kind = "uint8" if found.dtype == np.uint8 else "float" if found.dtype.kind == "f" else None
    if kind is None:
        raise BadInput(f"is {found.dtype}", where=name, cure="give uint8, or floats in [0, 1]")
    if found.ndim not in (3, 4) or (found.ndim == 4 and found.shape[3] != 3):
        raise BadInput(f"has shape {found.shape}", where=name, cure="give (T, H, W, 3) RGB or (T, H, W) grey")
    if found.size == 0:
        raise BadInput("is empty", where=name, cure="give at least one frame")
    # NaN fails the comparison as well.
    if kind == "float" and not (found.min() >= 0 and found.max() <= 1 + 1e-6):
        raise BadInput("floats outside [0, 1]", where=name, cure="scale to [0, 1], or give uint8")
    return found, PEAK[kind]


def picture_pair(truth: Any, guess: Any) -> tuple[np.ndarray, np.ndarray, float]:
    """Two clips of one shape and kind, and their peak."""
    a, peak = pictures(truth, "truth")
    b, other = pictures(guess, "guess")
    same_shape(a, b)
    if peak != other:
        raise BadInput(f"is {b.dtype}, the truth {a.dtype}", where="guess", cure="give both as uint8 or both as floats")
    return a, b, peak
