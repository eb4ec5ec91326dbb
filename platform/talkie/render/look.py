"""What somebody looks like and how they are lit: colours and styles drawn from a seed. No pixel is made here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]
"""Linear RGB in [0, 1]."""

# Between fair and dark, after the range of measured skin reflectances; linear RGB.
_FAIR, _MIDDLE, _DARK = np.array([0.68, 0.45, 0.35]), np.array([0.46, 0.27, 0.18]), np.array([0.13, 0.065, 0.04])
_HAIR = np.array(
    [[0.012, 0.010, 0.009], [0.035, 0.020, 0.012], [0.090, 0.050, 0.025], [0.30, 0.19, 0.09], [0.24, 0.09, 0.03],
     [0.22, 0.22, 0.23]]
)  # fmt: skip
_IRIS = np.array([[0.10, 0.045, 0.02], [0.16, 0.09, 0.03], [0.10, 0.16, 0.09], [0.10, 0.20, 0.32], [0.18, 0.22, 0.25]])


@dataclass(frozen=True)
class Look:
    """Colours are linear RGB. `hair_m`: thickness of the hair on the scalp in metres, 0 for a shaved head; `hairline`:
    height in metres by which the hairline recedes; `brow`: thickness of the brows, 1 is usual; `key`: direction
    towards the main light in the world; `key_power`, `sky`, `ground`: its strength and the ambient light from above
    and below; `seed` draws mottling, freckles and hair strands."""

    seed: int
    skin: Colour
    lips: Colour
    iris: Colour
    hair: Colour
    cloth: Colour
    hair_m: float
    hairline: float
    brow: float
    freckles: float
    redness: float
    key: Colour
    key_power: float
    sky: Colour
    ground: Colour
    background: tuple[Colour, Colour]


def look_from_seed(seed: int) -> Look:
    """A look as a pure function of its seed."""
    rng = np.random.default_rng((seed, 0x100C))
    tone = rng.beta(1.3, 1.6)
    skin = _FAIR + (_MIDDLE - _FAIR) * 2 * tone if tone < 0.5 else _MIDDLE + (_DARK - _MIDDLE) * (2 * tone - 1)
    skin = skin * rng.uniform(0.92, 1.08, 3)
    dark_hair = rng.random() < 0.35 + 0.65 * tone
    hair = _HAIR[rng.integers(2)] if dark_hair else _HAIR[rng.integers(len(_HAIR))]
    iris = _IRIS[rng.integers(2)] if tone > 0.5 else _IRIS[rng.integers(len(_IRIS))]
    blood = np.array([0.80, 0.42, 0.42]) if tone < 0.6 else np.array([0.85, 0.60, 0.60])
    azimuth, height = rng.uniform(-0.9, 0.9), rng.uniform(0.15, 0.7)
    key = np.array([np.sin(azimuth), height, np.cos(azimuth)])
    wall = rng.uniform(0.05, 0.45) * rng.uniform(0.8, 1.2, 3)
    return Look(
        seed=seed,
        skin=_colour(skin),
        lips=_colour(skin * blood * rng.uniform(0.9, 1.1)),
        iris=_colour(iris * rng.uniform(0.8, 1.2, 3)),
        hair=_colour(hair),
        cloth=_colour(rng.uniform(0.02, 0.4) * rng.uniform(0.5, 1.3, 3)),
        hair_m=float(rng.choice([0.0, 0.004, 0.009, 0.014], p=[0.08, 0.32, 0.4, 0.2])),
        hairline=float(rng.uniform(-0.006, 0.012)),
        brow=float(rng.uniform(0.75, 1.25)),
        freckles=float(rng.uniform(0, 0.5) * (tone < 0.35)),
        redness=float(rng.uniform(0.1, 0.4) * (1 - 0.6 * tone)),
        key=_unit(key),
        key_power=float(rng.uniform(0.75, 1.05)),
        sky=_colour(rng.uniform(0.42, 0.58) * rng.uniform(0.93, 1.07, 3)),
        ground=_colour(rng.uniform(0.20, 0.32) * rng.uniform(0.93, 1.07, 3)),
        background=(_colour(wall * rng.uniform(0.8, 1.3)), _colour(wall * rng.uniform(0.5, 0.9))),
    )


def _colour(values: np.ndarray) -> Colour:
    r, g, b = np.clip(values, 0.0, 1.0)
    return float(r), float(g), float(b)


def _unit(vector: np.ndarray) -> Colour:
    x, y, z = vector / np.linalg.norm(vector)
    return float(x), float(y), float(z)
