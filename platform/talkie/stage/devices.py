"""The cameras that presentations are filmed with, genuine ones and attacks alike, so that a camera tells nothing about
who stood before it. What an attack looks like is in spoof.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy.ndimage import gaussian_filter

DeviceName = Literal["phone", "webcam", "laptop"]
DEVICES: tuple[DeviceName, ...] = get_args(DeviceName)


@dataclass(frozen=True)
class Device:
    """A camera, and what is held before it where it is attacked. blur: sigma of its optics for a picture of 128 pixels,
    from and to; shot and read: noise in linear light, shot noise growing with its root; white: gains of red, green and
    blue; contrast: slope about middle grey; printer and display: the instruments of its attacks."""

    blur: tuple[float, float]
    shot: float
    read: float
    white: tuple[float, float, float]
    contrast: float
    printer: str
    display: str

    def instrument(self, kind: str) -> str:
        """What shows an attack of that kind to this camera."""
        return self.printer if kind == "print" else self.display


_KNOWN: dict[str, Device] = {
    "phone": Device((0.3, 0.5), 0.010, 0.004, (1.0, 1.0, 1.0), 1.08, "printer_1", "display_1"),
    "webcam": Device((0.6, 0.8), 0.030, 0.012, (1.06, 1.0, 0.90), 0.90, "printer_2", "display_2"),
    "laptop": Device((0.4, 0.7), 0.020, 0.008, (0.94, 1.0, 1.06), 1.0, "printer_1", "display_2"),
}


def device(name: DeviceName) -> Device:
    """A device by name."""
    return _KNOWN[name]


def seen_by(name: DeviceName, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Frames (T, H, W, 3) uint8 as that camera records them (a gamma of 2.2 stands for the sRGB curve). The lens is
    drawn once a take, the noise anew in each frame."""
    camera = device(name)
    sigma = float(rng.uniform(*camera.blur)) * frames.shape[1] / 128
    white = np.array(camera.white)
    out = np.empty_like(frames)
    for number, frame in enumerate(frames):
        light = gaussian_filter((frame / 255.0) ** 2.2, (sigma, sigma, 0)) * white
        light += rng.normal(size=light.shape) * np.sqrt(camera.shot**2 * light.clip(0) + camera.read**2)
        picture = 0.5 + camera.contrast * (np.clip(light, 0, 1) ** (1 / 2.2) - 0.5)
        out[number] = np.round(255 * np.clip(picture, 0, 1))
    return out
