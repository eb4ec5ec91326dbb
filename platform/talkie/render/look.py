"""What somebody looks like and how they are lit: colours and styles drawn from a seed. No pixel is made here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]
"""Linear RGB in [0, 1]."""

HAIR_STYLES = ("bald", "shaved", "receding", "short", "side_part", "curly", "bob", "long", "ponytail", "bun")
BEARDS = ("none", "stubble", "moustache", "goatee", "full")
NECKLINES = ("round", "v", "collar", "roll")

# Skin between pale and deep, after the range of measured skin reflectances (Xiao et al. 2017); linear RGB.
_SKIN = np.array(
    [[0.70, 0.47, 0.38], [0.60, 0.37, 0.27], [0.47, 0.27, 0.175], [0.30, 0.155, 0.09], [0.13, 0.066, 0.042]]
)
_HAIR = np.array(
    [[0.012, 0.010, 0.009], [0.030, 0.017, 0.011], [0.075, 0.040, 0.020], [0.27, 0.17, 0.075], [0.19, 0.065, 0.022],
     [0.31, 0.295, 0.275]]
)  # fmt: skip
_IRIS = np.array(
    [[0.060, 0.026, 0.012], [0.13, 0.065, 0.022], [0.11, 0.13, 0.060], [0.085, 0.16, 0.26], [0.16, 0.20, 0.23]]
)
_FUR = np.array([[0.30, 0.16, 0.06], [0.09, 0.05, 0.03], [0.45, 0.40, 0.34], [0.02, 0.02, 0.02], [0.55, 0.36, 0.16]])


@dataclass(frozen=True)
class Look:
    """Colours are linear RGB. `hair_style`, `beard`, `neckline`: one of HAIR_STYLES, BEARDS, NECKLINES; `hairline`:
    height in metres by which the hairline recedes; `brow`: thickness of the brows, 1 is usual; `lashes`: their length,
    1 is usual; `age`: 0 smooth to 1 lined; `oil`: how much the skin shines, 1 is usual; `makeup`: colour on lids and
    lashes, 0 to 1; `glasses`: worn or not; `fur`: share of the skin under fur, for heads of animals; `key`: direction
    towards the main light in the world; `key_power`, `sky`, `ground`: its strength and the ambient light from above
    and below; `seed` draws mottling, freckles and strands."""

    seed: int
    skin: Colour
    lips: Colour
    iris: Colour
    hair: Colour
    cloth: Colour
    hairline: float
    brow: float
    freckles: float
    redness: float
    key: Colour
    key_power: float
    sky: Colour
    ground: Colour
    background: tuple[Colour, Colour]
    hair_style: str = "short"
    beard: str = "none"
    neckline: str = "round"
    lashes: float = 1.0
    age: float = 0.0
    oil: float = 1.0
    makeup: float = 0.0
    glasses: bool = False
    fur: float = 0.0
    fur_colour: Colour = (0.30, 0.16, 0.06)


def look_from_seed(seed: int) -> Look:
    """A look as a pure function of its seed."""
    rng = np.random.default_rng((seed, 0x100C))
    tone = rng.beta(1.3, 1.6)
    skin = np.array([np.interp(tone * (len(_SKIN) - 1), range(len(_SKIN)), _SKIN[:, k]) for k in range(3)])
    skin = skin * rng.uniform(0.94, 1.06) * rng.uniform(0.97, 1.03, 3)
    age = float(rng.beta(1.2, 1.8))
    # Blond and red hair come with pale skin.
    dark_hair = rng.random() < 0.30 + 1.4 * tone
    hair = _HAIR[rng.integers(2 + (tone < 0.6))] if dark_hair else _HAIR[rng.integers(2, len(_HAIR) - 1)]
    grey = rng.random() < 0.7 * max(age - 0.35, 0)
    hair = hair + (_HAIR[-1] - hair) * rng.uniform(0.4, 1.0) * grey
    iris = _IRIS[rng.integers(2)] if tone > 0.5 else _IRIS[rng.integers(len(_IRIS))]
    blood = np.array([0.90, 0.52, 0.52]) if tone < 0.6 else np.array([0.92, 0.68, 0.68])
    azimuth, height = rng.uniform(-0.9, 0.9), rng.uniform(0.25, 0.8)
    wall = rng.uniform(0.05, 0.45) * rng.uniform(0.8, 1.2, 3)
    masculine = rng.random() < 0.5
    style = _style(rng, masculine)
    return Look(
        seed=seed,
        skin=_colour(skin),
        lips=_colour(skin * blood * rng.uniform(0.9, 1.05)),
        iris=_colour(iris * rng.uniform(0.8, 1.2, 3)),
        hair=_colour(hair),
        cloth=_colour(rng.uniform(0.02, 0.4) * rng.uniform(0.5, 1.3, 3)),
        hairline=float(rng.uniform(-0.006, 0.008) + 0.012 * age * masculine),
        brow=float(rng.uniform(0.95, 1.3) if masculine else rng.uniform(0.7, 1.0)),
        freckles=float(rng.uniform(0, 0.5) * (tone < 0.35)),
        redness=float(rng.uniform(0.1, 0.4) * (1 - 0.6 * tone)),
        key=_unit(np.array([np.sin(azimuth), height, np.cos(azimuth)])),
        key_power=float(rng.uniform(0.90, 1.20)),
        sky=_colour(rng.uniform(0.22, 0.38) * rng.uniform(0.93, 1.07, 3)),
        ground=_colour(rng.uniform(0.10, 0.18) * rng.uniform(0.94, 1.06, 3)),
        background=(_colour(wall * rng.uniform(0.8, 1.3)), _colour(wall * rng.uniform(0.5, 0.9))),
        hair_style=style,
        beard=str(rng.choice(BEARDS, p=[0.42, 0.28, 0.08, 0.08, 0.14])) if masculine else "none",
        neckline=str(rng.choice(NECKLINES)),
        lashes=float(rng.uniform(0.6, 0.9) if masculine else rng.uniform(0.9, 1.3)),
        age=age,
        oil=float(rng.uniform(0.7, 1.3)),
        makeup=float(0 if masculine else rng.choice([0.0, rng.uniform(0.2, 1)])),
        glasses=bool(rng.random() < 0.12),
        fur_colour=_colour(_FUR[rng.integers(len(_FUR))] * rng.uniform(0.8, 1.2, 3)),
    )


def _style(rng: np.random.Generator, masculine: bool) -> str:
    shares = (
        [0.06, 0.12, 0.16, 0.30, 0.20, 0.12, 0.0, 0.04, 0.0, 0.0]
        if masculine
        else ([0.0, 0.02, 0.0, 0.06, 0.06, 0.14, 0.24, 0.26, 0.12, 0.10])
    )
    return str(rng.choice(HAIR_STYLES, p=shares))


def _colour(values: np.ndarray) -> Colour:
    r, g, b = np.clip(values, 0.0, 1.0)
    return float(r), float(g), float(b)


def _unit(vector: np.ndarray) -> Colour:
    x, y, z = vector / np.linalg.norm(vector)
    return float(x), float(y), float(z)
