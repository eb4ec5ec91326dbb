"""What stands behind the people of a take: the wall of a look, a plain or graded one, or a picture of the user's own.
Light is `lighting`'s business."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from talkie.errors import BadInput
from talkie.render import Background, Look, background_from_look

BACKGROUNDS = ("look", "plain", "gradient", "image")
"""look: the person's own wall with soft shapes; plain: one colour; gradient: two colours from top to bottom; image: one
of the user's pictures."""
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
_LARGEST_PX = 1024

Colour = tuple[float, float, float]


def pictures_in(folder: str) -> list[Path]:
    """The pictures of a folder by name. Raises BadInput where it is no folder, holds none, or one cannot be read."""
    root = Path(folder)
    if not root.is_dir():
        raise BadInput("is no folder", where=folder, cure="give the folder that holds the background pictures")
    found = sorted(p for p in root.iterdir() if p.suffix.lower() in PICTURES)
    if not found:
        raise BadInput("holds no picture", where=folder, cure=f"put {', '.join(PICTURES)} files there")
    for path in found:
        try:
            with Image.open(path) as picture:
                picture.verify()
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise BadInput("is no picture that can be read", where=str(path), cure="remove or replace it") from error
    return found


def digest_of(folder: str) -> str:
    """What the pictures of a folder are, whatever its path: a digest over their names and bytes."""
    total = hashlib.sha256()
    for path in pictures_in(folder):
        total.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def backdrop(
    kind: str, look: Look, images: str | None, dimmed: float, rng: np.random.Generator
) -> tuple[Background, dict[str, str]]:
    """A background of BACKGROUNDS and its labels. dimmed: how much of the usual light falls on the wall, as a factor
    on its colours; pictures bring their own light."""
    if kind == "image":
        assert images is not None  # a shoot that allows pictures names their folder
        found = pictures_in(images)
        path = found[int(rng.integers(len(found)))]
        return Background(image=_picture(path)), {"background": kind, "background_image": path.name}
    if kind == "look":
        wall = background_from_look(look)
        shapes = wall.blur_seed
        high, low = wall.high, wall.low or wall.high
    else:
        shapes = None
        high = _paint(rng)
        low = high if kind == "plain" else _paint(rng)
    return Background(_times(high, dimmed), _times(low, dimmed), blur_seed=shapes), {"background": kind}


def _paint(rng: np.random.Generator) -> Colour:
    """A wall's colour, linear: from dark to light, seldom strong."""
    level, tint = rng.uniform(0.04, 0.6), rng.beta(1.2, 3.0)
    r, g, b = level * (1 - tint + tint * 2 * rng.dirichlet([1.5, 1.5, 1.5]))
    return float(r), float(g), float(b)


def _times(colour: Colour, factor: float) -> Colour:
    r, g, b = (min(1.0, c * factor) for c in colour)
    return r, g, b


@lru_cache(maxsize=16)
def _picture(path: Path) -> np.ndarray:
    """(h, w, 3) uint8 sRGB, upright, no side longer than _LARGEST_PX."""
    with Image.open(path) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
        upright.thumbnail((_LARGEST_PX, _LARGEST_PX))
        return np.asarray(upright)
