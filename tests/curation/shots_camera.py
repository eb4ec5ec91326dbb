"""Films by one camera that moves, made from pictures, for tests of what is no transition; edits are in `editing`."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

SIZE = (192, 108)
"""Width and height of the films."""


def texture(rng: np.random.Generator, shape: tuple[int, int] = (324, 576), finest: int = 2) -> np.ndarray:
    """Octaves of smooth noise in a tint of their own, as bark, foliage or cloth: (H, W, 3) uint8."""
    total = np.zeros(shape, np.float32)
    for cell, weight in ((80, 50), (24, 40), (8, 30), (finest, 8)):
        coarse = rng.normal(0, 1, (shape[0] // cell + 2, shape[1] // cell + 2)).astype(np.float32)
        total += weight * cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
    tint, strength = rng.uniform(60, 190, 3), rng.uniform(0.5, 1, 3)
    return np.clip(tint + total[..., None] * strength, 0, 255).astype(np.uint8)


def room(rng: np.random.Generator, shape: tuple[int, int] = (324, 576)) -> np.ndarray:
    """Walls, doors, frames and shelves: flat surfaces with straight edges, (H, W, 3) uint8."""
    picture = np.full((*shape, 3), rng.integers(60, 200, 3), np.uint8)
    for _ in range(90):
        top, left = rng.integers(0, shape[0] - 10), rng.integers(0, shape[1] - 10)
        picture[top : top + rng.integers(8, 90), left : left + rng.integers(8, 90)] = rng.integers(20, 235, 3)
    return picture


def camera(
    picture: np.ndarray,
    frames: int,
    way: Callable[[int], tuple[float, float, float]],
    noise: float = 2.0,
    seed: int = 0,
) -> np.ndarray:
    """(frames, *SIZE, 3) uint8: what a camera sees of a picture. way: frame number to (x, y, zoom): where its middle
    lies from the picture's, in pixels of the picture, which the film shows one to one at zoom 1."""
    rng = np.random.default_rng(seed)
    height, width = picture.shape[:2]
    out = np.empty((frames, SIZE[1], SIZE[0], 3), np.uint8)
    for k in range(frames):
        x, y, zoom = way(k)
        seen = np.array([
            [1 / zoom, 0, width / 2 + x - SIZE[0] / 2 / zoom],
            [0, 1 / zoom, height / 2 + y - SIZE[1] / 2 / zoom],
        ])  # fmt: skip
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        view = cv2.warpAffine(picture, seen, SIZE, flags=flags, borderMode=cv2.BORDER_REFLECT)
        out[k] = np.clip(view + rng.normal(0, noise, view.shape), 0, 255)
    return out


def before(film: np.ndarray, radius: int = 45, seed: int = 0) -> np.ndarray:
    """A person who stays in the middle, sways and talks, whatever the camera does behind."""
    height, width = film.shape[1:3]
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    skin, out = np.random.default_rng(seed).integers(90, 220, 3), film.copy()
    for k, picture in enumerate(out):
        centre = width / 2 + 4 * np.sin(k / 9 + seed), 0.5 * height + 2 * np.sin(k / 5)
        picture[((x - centre[0]) / radius / 0.8) ** 2 + ((y - centre[1]) / radius) ** 2 < 1] = skin
        mouth = ((x - centre[0]) / 9) ** 2 + ((y - centre[1] - 18) / (1 + 3 * (1 + np.sin(k * 0.9)))) ** 2 < 1
        picture[mouth] = (70, 20, 20)
    return out
