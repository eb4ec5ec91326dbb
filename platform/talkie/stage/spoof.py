"""Presentation attacks: genuine footage printed on paper or replayed on a screen and held before a camera again.

What tells them from life is modelled: one plane that moves as a whole, paper bent a little, halftone dots or a pixel
grid that beats with the camera's own (moire), the sheet's edge or the screen's bezel, glare, a poorer gamut, a refresh
band. Which cameras film the attack is in devices.py."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates, zoom
from scipy.spatial.transform import Rotation

from talkie.clip import FPS
from talkie.errors import BadConfig
from talkie.stage.noise import smooth_noise

_FINE = 3
"""Dots or pixels of the medium per pixel of the picture shown on it."""
_FOCAL_SHARE, _DISTANCE_M, _SHEET_M = 1.4, (0.33, 0.47), 0.30
_BEND_M = 0.012
"""How far the middle of a held sheet of paper bulges at most."""
_SCREEN_ANGLES = (15.0, 75.0, 0.0)
"""Degrees of the halftone screens for cyan, magenta and yellow, as offset printing turns them apart."""


@dataclass(frozen=True)
class Printer:
    """pitch: dots of the halftone screen in thirds of a picture's pixel, from and to; dot: their strength; ink: the
    blackest black, from and to; colour: share of the colours that is left; fibre: strength of the paper's grain."""

    pitch: tuple[float, float] = (3.2, 4.6)
    dot: float = 0.16
    ink: tuple[float, float] = (0.10, 0.18)
    colour: float = 0.85
    fibre: float = 0.01


@dataclass(frozen=True)
class Display:
    """gap: light between two rows of the panel; grid: how far its stripes stay apart behind the second lens (sigma in
    thirds of a pixel); white: red, green and blue of its white; gamma: of its curve, from and to; band and flicker:
    strength of the refresh band and of the whole panel's flicker."""

    gap: float = 0.7
    grid: float = 0.9
    white: tuple[float, float, float] = (0.92, 0.98, 1.05)
    gamma: tuple[float, float] = (0.9, 1.15)
    band: float = 0.10
    flicker: float = 0.01


PRINTERS = {
    "printer_1": Printer(),
    "printer_2": Printer(pitch=(2.4, 3.2), dot=0.08, ink=(0.05, 0.12), colour=0.7, fibre=0.02),
}
DISPLAYS = {
    "display_1": Display(),
    "display_2": Display(gap=0.85, grid=1.2, white=(1.03, 1.0, 0.9), gamma=(1.1, 1.35), band=0.05, flicker=0.03),
}


@dataclass(frozen=True)
class Attack:
    """frames (T, H, W, 3) uint8 as the second camera saw them; homography (T, 3, 3): sheet coordinates in [0, 1] (x to
    the right, y down) to pixels, exact along the sheet's left and right edges, between them but for its bend; kind:
    print or replay."""

    kind: str
    frames: np.ndarray
    homography: np.ndarray


def present(kind: str, frames: np.ndarray, rng: np.random.Generator, instrument: str | None = None) -> Attack:
    """Attack a camera with genuine frames (T, H, W, 3) uint8; a print shows the first of them only.

    instrument: one of PRINTERS or DISPLAYS, by default the first. Raises BadConfig for another kind than print or
    replay, and for an instrument that does not do it."""
    if kind not in ("print", "replay"):
        raise BadConfig(f"no attack {kind!r}", cure="use print or replay")
    known = PRINTERS if kind == "print" else DISPLAYS
    name = instrument or next(iter(known))
    if name not in known:
        raise BadConfig(f"{name!r} makes no {kind}", cure=f"use {' or '.join(known)}")
    size = (frames.shape[1], frames.shape[2])
    planes = _planes(len(frames), rng)
    glare = _Glare.drawn(kind, rng)
    printed = _printed(frames[0], PRINTERS[name], rng) if kind == "print" else None
    screen = _Screen.drawn(DISPLAYS[name], rng) if kind == "replay" else None
    bend = float(rng.uniform(-1, 1)) * _BEND_M if kind == "print" else 0.0
    room = _room(size, rng)
    pictures, homographies = [], []
    for number, (picture, (corner, right, down)) in enumerate(zip(frames, planes, strict=True)):
        shown = screen.showing(picture, number) if screen is not None else printed
        assert shown is not None
        uv = _bent(_sheet_coordinates(size, corner, right, down), bend / float(corner[2]))
        seen = _sampled(shown, uv, room) + glare.light(uv, number)
        seen += rng.normal(0, 0.006, seen.shape)
        pictures.append(np.round(255 * np.clip(seen, 0, 1)).astype(np.uint8))
        homographies.append(_homography(size, corner, right, down))
    return Attack(kind, np.stack(pictures), np.stack(homographies).astype(np.float32))


def _planes(frames: int, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of each frame the sheet's upper left corner and its two edges (3,), metres in the camera's frame: held by a hand
    that trembles, sways and tilts."""
    wander = smooth_noise(frames, 6, 0.5, rng)
    rest = rng.normal(0, 1, 6)
    distance = float(rng.uniform(*_DISTANCE_M))
    out = []
    for row in wander:
        x, y, z = 0.006 * row[:3] + 0.008 * rest[:3]
        turn = Rotation.from_rotvec(0.03 * row[3:] + 0.08 * rest[3:]).as_matrix()
        right, down = turn @ [_SHEET_M, 0, 0], turn @ [0, _SHEET_M, 0]
        out.append((np.array([x, y, distance + z]) - (right + down) / 2, right, down))
    return out


def _intrinsics(size: tuple[int, int]) -> np.ndarray:
    height, width = size
    focal = _FOCAL_SHARE * height
    return np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])


def _homography(size: tuple[int, int], corner: np.ndarray, right: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Sheet (u, v, 1) to pixels (Hartley and Zisserman, eq. 8.1: the camera restricted to a plane)."""
    matrix = _intrinsics(size) @ np.stack([right, down, corner], axis=1)
    return matrix / matrix[2, 2]


def _sheet_coordinates(size: tuple[int, int], corner: np.ndarray, right: np.ndarray, down: np.ndarray) -> np.ndarray:
    height, width = size
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    pixels = np.stack([x, y, np.ones_like(x)], -1)
    uv = pixels @ np.linalg.inv(_homography(size, corner, right, down)).T
    return uv[..., :2] / uv[..., 2:]


def _bent(uv: np.ndarray, bulge: float) -> np.ndarray:
    """Where the rays hit a sheet that is bent about its upright axis; bulge: height of its middle towards the camera
    over the distance. To first order in it: what is nearer by that share looks larger by that share."""
    height = bulge * (1 - (2 * uv[..., :1] - 1) ** 2)
    inside = ((uv > 0) & (uv < 1)).all(-1, keepdims=True)
    return np.where(inside, 0.5 + (uv - 0.5) * (1 - height), uv)


def _printed(picture: np.ndarray, printer: Printer, rng: np.random.Generator) -> np.ndarray:
    """A still in linear [0, 1] with a white margin, poorer blacks and colours, halftone dots, and the paper's grain."""
    fine = np.stack([zoom(picture[..., k] / 255.0, _FINE, order=1) for k in range(3)], -1)
    paper, ink = rng.uniform(0.86, 0.95), rng.uniform(*printer.ink)
    grey = fine.mean(-1, keepdims=True)
    fine = ink + (paper - ink) * np.clip(grey + printer.colour * (fine - grey), 0, 1)
    pitch = float(rng.uniform(*printer.pitch))
    y, x = np.mgrid[: fine.shape[0], : fine.shape[1]]
    for k, angle in enumerate(np.radians(_SCREEN_ANGLES)):
        a, b = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        dots = np.cos(2 * np.pi * a / pitch) * np.cos(2 * np.pi * b / pitch)
        fine[..., k] += printer.dot * dots * (fine[..., k] * (1 - fine[..., k]) * 4)
    grain = gaussian_filter(rng.normal(size=fine.shape[:2]), 1.5)
    fine += printer.fibre * (grain / grain.std())[..., None]
    return _framed(np.clip(fine, 0, 1), share=0.05, colour=np.full(3, paper))


@dataclass(frozen=True)
class _Screen:
    """A panel as it is set in one take. pulse: phase of its flicker, radians."""

    display: Display
    gamma: float
    pulse: float

    @staticmethod
    def drawn(display: Display, rng: np.random.Generator) -> _Screen:
        return _Screen(display, float(rng.uniform(*display.gamma)), float(rng.uniform(0, 2 * np.pi)))

    def showing(self, picture: np.ndarray, number: int) -> np.ndarray:
        """A frame as the panel emits it: red, green and blue stripes, a gap between rows, its own white, a bezel."""
        d = self.display
        fine = np.repeat(np.repeat((picture / 255.0) ** self.gamma, _FINE, 0), _FINE, 1) * np.array(d.white)
        stripes = np.full((1, _FINE, 3), 0.55) + 1.35 * np.eye(_FINE)[None]
        fine = fine * np.tile(stripes, (1, picture.shape[1], 1))
        fine[::_FINE] *= d.gap
        # The second camera's lens and pixels average over part of the panel's grid: what is left of it beats.
        fine = gaussian_filter(fine, (d.grid, d.grid, 0))
        rows = np.arange(fine.shape[0]) / fine.shape[0]
        band = 1 + d.band * np.cos(2 * np.pi * (rows - number * 1.7 / FPS))
        band = band * (1 + d.flicker * np.cos(2 * np.pi * 0.37 * number + self.pulse))
        return _framed(np.clip(fine * band[:, None, None], 0, 1), share=0.04, colour=np.full(3, 0.02))


def _framed(picture: np.ndarray, share: float, colour: np.ndarray) -> np.ndarray:
    border = round(share * picture.shape[0])
    out = np.empty((picture.shape[0] + 2 * border, picture.shape[1] + 2 * border, 3))
    out[:] = colour
    out[border:-border, border:-border] = picture
    return out


def _sampled(sheet: np.ndarray, uv: np.ndarray, room: np.ndarray) -> np.ndarray:
    """The sheet where the camera sees it, point by point, so that its grid beats with the camera's, and the room."""
    at = [uv[..., 1] * sheet.shape[0] - 0.5, uv[..., 0] * sheet.shape[1] - 0.5]
    seen = np.stack([map_coordinates(sheet[..., k], at, order=1, mode="nearest") for k in range(3)], -1)
    inside = ((uv > 0) & (uv < 1)).all(-1, keepdims=True)
    return np.where(inside, seen, room)


def _room(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    blobs = gaussian_filter(rng.normal(size=(*size, 1)), (size[0] / 12, size[1] / 12, 0))
    return np.clip(rng.uniform(0.15, 0.5) * rng.uniform(0.9, 1.1, 3) + 0.06 * blobs / blobs.std(), 0, 1)


@dataclass(frozen=True)
class _Glare:
    """A lamp's reflection: a soft spot in sheet coordinates that wanders a little."""

    at: np.ndarray
    width: float
    strength: float
    tint: np.ndarray

    @staticmethod
    def drawn(kind: str, rng: np.random.Generator) -> _Glare:
        strength = float(rng.uniform(0.05, 0.25) if kind == "print" else rng.uniform(0.15, 0.5))
        return _Glare(rng.uniform(0.1, 0.9, 2), float(rng.uniform(0.05, 0.2)), strength, rng.uniform(0.9, 1.0, 3))

    def light(self, uv: np.ndarray, number: int) -> np.ndarray:
        centre = self.at + 0.02 * np.array([np.sin(number / 9), np.cos(number / 13)])
        spot = np.exp(-(((uv - centre) / self.width) ** 2).sum(-1))
        return self.strength * spot[..., None] * self.tint
