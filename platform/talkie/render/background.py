"""What stands behind the actors: a plain colour, a wall with a gradient, or a picture; always still."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from talkie.errors import BadInput
from talkie.render.look import Colour, Look


@dataclass(frozen=True)
class Background:
    """`high` and `low`: linear RGB at the top and bottom; `blur_seed` draws soft shapes on the wall, None leaves them
    out; `image`, (h, w, 3) uint8 sRGB or float linear RGB, is shown instead where given, cut to the picture's aspect
    about its centre. Raises BadInput for an image of another shape."""

    high: Colour = (0.35, 0.35, 0.35)
    low: Colour | None = None
    blur_seed: int | None = None
    image: np.ndarray | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.image is not None and (np.ndim(self.image) != 3 or np.shape(self.image)[2] != 3):
            raise BadInput(f"a background image of shape {np.shape(self.image)}, expected (height, width, 3)")

    def pixels(self, height: int, width: int) -> np.ndarray:
        """(height, width, 3) float32 linear RGB: a pure function of this background and the size."""
        if self.image is not None:
            return _fit(_linear(self.image), height, width)
        high = np.array(self.high)
        low = high if self.low is None else np.array(self.low)
        share = np.broadcast_to(np.linspace(0, 1, height)[:, None], (height, width))
        if self.blur_seed is not None:
            share = share + 0.18 * _blobs(self.blur_seed, height, width)
        wall = high + (low - high) * np.clip(share, 0, 1)[..., None]
        return np.ascontiguousarray(wall, np.float32)


def background_from_look(look: Look) -> Background:
    """The wall that comes with a look."""
    high, low = look.background
    return Background(high, low, blur_seed=look.seed)


def _blobs(seed: int, height: int, width: int) -> np.ndarray:
    """Soft unit-variance noise; the same shapes at every size, only scaled."""
    rng = np.random.default_rng((seed, 0xBAC6))
    blobs = gaussian_filter(rng.normal(size=(64, 64)), 6.0)
    return _fit((blobs / blobs.std())[..., None].astype(np.float32), height, width)[..., 0]


def _linear(image: np.ndarray) -> np.ndarray:
    if np.issubdtype(np.asarray(image).dtype, np.floating):
        return np.asarray(image, np.float32)
    x = np.arange(256) / 255
    table = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return table[np.asarray(image, np.uint8)]


def _fit(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear resampling (h, w, C) -> (height, width, C) that keeps the aspect and fills the whole picture."""
    h, w = image.shape[:2]
    scale = min(h / height, w / width)
    rows = h / 2 - 0.5 + scale * (np.arange(height) + 0.5 - height / 2)
    columns = w / 2 - 0.5 + scale * (np.arange(width) + 0.5 - width / 2)
    if scale > 1:
        # Averaged down first: otherwise fine texture would flicker with every pixel of a moved crop.
        image = gaussian_filter(image, (0.4 * scale, 0.4 * scale, 0))
    at = np.meshgrid(rows, columns, indexing="ij")
    channels = [map_coordinates(image[..., k], at, order=1, mode="nearest") for k in range(image.shape[2])]
    return np.ascontiguousarray(np.stack(channels, -1), np.float32)
