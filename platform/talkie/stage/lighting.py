"""The light of a take: rigs as photographers and rooms have them, drawn from what a shoot allows, with their truth.

What light does to surfaces is `talkie.render`'s business, what stands behind people `backdrop`'s."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from talkie.render import Background, Light, Look, light_from_look
from talkie.render.harmonics import hemisphere
from talkie.stage.backdrop import backdrop
from talkie.stage.shoot import Shoot

Colour = tuple[float, float, float]
_WHITE: Colour = (1.0, 1.0, 1.0)
_WARM: Colour = (1.0, 0.86, 0.68)
_DAYLIGHT: Colour = (0.90, 0.96, 1.0)


@dataclass(frozen=True)
class Lit:
    """labels: the truth of light and background as text, for the clip's json."""

    light: Light
    background: Background
    labels: dict[str, str]


def lit(shoot: Shoot, number: int, look: Look) -> Lit:
    """Light and background of one take: a pure function of the shoot, the take's number and the person's look.

    Labels: light (the rig), light_strength; light_key and light_fill: unit vectors towards them in the world, "x y z";
    light_key_power and light_fill_power: what a white matte surface that faces them returns, its mean over the
    colours; light_ambient: the same of the surroundings, over all directions; background, background_image."""
    rng = np.random.default_rng((shoot.seed, number, 0x11647))
    settings = shoot.light
    rig, kind = str(rng.choice(settings.rigs)), str(rng.choice(settings.backgrounds))
    strength = float(rng.uniform(*settings.strength))
    usual = light_from_look(look)
    light = _stronger(RIGS[rig](look, rng), strength)
    background, labels = backdrop(kind, look, settings.images, _on_the_wall(light) / _on_the_wall(usual), rng)
    return Lit(light, background, {"light": rig, "light_strength": f"{strength:.3f}", **_told(light), **labels})


def _studio(look: Look, rng: np.random.Generator) -> Light:
    """Three-point light: the key 30 to 50 degrees to a side, a large soft fill on the other, a rim from behind."""
    side = _side(rng)
    key = _towards(side * rng.uniform(30, 50), rng.uniform(25, 45))
    fill = _soft(_towards(-side * 50, 10), (0.34, 0.34, 0.36))
    return Light(
        key=key,
        key_power=float(rng.uniform(0.85, 1.0)),
        fill=_towards(-side * rng.uniform(140, 160), rng.uniform(25, 40)),
        fill_colour=(0.75, 0.75, 0.75),
        harmonics=fill + hemisphere(np.full(3, 0.12), np.full(3, 0.07)),
    )


def _window(look: Look, rng: np.random.Generator) -> Light:
    """Daylight from one side; the other half of the face has only what the room returns."""
    side = _side(rng)
    return Light(
        key=_towards(side * rng.uniform(65, 90), rng.uniform(5, 25)),
        key_power=float(rng.uniform(0.9, 1.1)),
        key_colour=_DAYLIGHT,
        fill=_towards(-side * 70, 0),
        fill_colour=(0.09, 0.08, 0.07),
        harmonics=_soft(_towards(side * 80, 10), (0.20, 0.22, 0.24)) + hemisphere(np.full(3, 0.07), np.full(3, 0.05)),
    )


def _overhead(look: Look, rng: np.random.Generator) -> Light:
    """Ceiling lamps: dark sockets, a shadow under nose and chin."""
    return Light(
        key=_towards(rng.uniform(-180, 180), rng.uniform(68, 82)),
        key_power=float(rng.uniform(0.9, 1.1)),
        key_colour=(1.0, 0.97, 0.90),
        fill_colour=(0.05, 0.05, 0.05),
        sky=(0.30, 0.30, 0.29),
        ground=(0.07, 0.07, 0.065),
    )


def _low(look: Look, rng: np.random.Generator) -> Light:
    """From below: a fire, a screen on the table."""
    return Light(
        key=_towards(rng.uniform(-35, 35), -rng.uniform(30, 55)),
        key_power=float(rng.uniform(0.7, 0.95)),
        key_colour=_WARM if rng.random() < 0.5 else _DAYLIGHT,
        sky=(0.07, 0.07, 0.09),
        ground=(0.18, 0.16, 0.14),
    )


def _dim(look: Look, rng: np.random.Generator) -> Light:
    """A dark room with one weak lamp."""
    return Light(
        key=_towards(rng.uniform(-70, 70), rng.uniform(10, 45)),
        key_power=float(rng.uniform(0.14, 0.24)),
        key_colour=_WARM,
        sky=(0.045, 0.045, 0.055),
        ground=(0.03, 0.028, 0.03),
    )


def _coloured(look: Look, rng: np.random.Generator) -> Light:
    """Two lamps with colour filters, of opposite hues and from opposite sides."""
    side, hue = _side(rng), float(rng.random())
    return Light(
        key=_towards(side * rng.uniform(35, 60), rng.uniform(10, 35)),
        key_power=float(rng.uniform(0.9, 1.1)),
        key_colour=_hue(hue),
        fill=_towards(-side * rng.uniform(60, 100), rng.uniform(0, 25)),
        fill_colour=_scaled(_hue(hue + 0.5), 0.55),
        sky=_scaled(_hue(hue), 0.12),
        ground=_scaled(_hue(hue + 0.5), 0.10),
    )


RIGS: dict[str, Callable[[Look, np.random.Generator], Light]] = {
    "look": lambda look, rng: light_from_look(look),
    "studio": _studio, "window": _window, "overhead": _overhead, "low": _low, "dim": _dim, "coloured": _coloured,
}  # fmt: skip
"""By the names of `shoot.LIGHT_RIGS`; "look" is the light that was drawn with the person."""


def _towards(yaw_deg: float, pitch_deg: float) -> Colour:
    """Unit vector towards a lamp: yaw to the person's left from the front, pitch upwards."""
    yaw, pitch = np.radians(yaw_deg), np.radians(pitch_deg)
    return float(np.cos(pitch) * np.sin(yaw)), float(np.sin(pitch)), float(np.cos(pitch) * np.cos(yaw))


def _side(rng: np.random.Generator) -> float:
    return float(rng.choice([-1.0, 1.0]))


def _soft(direction: Colour, colour: Colour) -> np.ndarray:
    """Harmonics (9, 3) of a bright half of the surroundings: its Lambert light is colour / 2 (1 + n . direction)."""
    upright = hemisphere(np.array(colour), np.zeros(3))
    turned = np.zeros((9, 3))
    turned[0] = upright[0]
    # Order one of the harmonics is (y, z, x); `hemisphere` leans along y.
    x, y, z = direction
    turned[1:4] = np.array([y, z, x])[:, None] * upright[1]
    return turned


def _hue(hue: float) -> Colour:
    """A filter's colour, linear, whose mean over red, green and blue is one half."""
    colour = np.array(colorsys.hsv_to_rgb(hue % 1.0, 0.75, 1.0))
    r, g, b = 0.5 * colour / colour.mean()
    return float(r), float(g), float(b)


def _scaled(colour: Colour, factor: float) -> Colour:
    r, g, b = colour
    return r * factor, g * factor, b * factor


def _stronger(light: Light, strength: float) -> Light:
    """Every lamp and the surroundings times `strength`."""
    return replace(
        light,
        key_power=light.key_power * strength,
        fill_colour=_scaled(light.fill_colour, strength),
        sky=_scaled(light.sky, strength),
        ground=_scaled(light.ground, strength),
        harmonics=None if light.harmonics is None else np.asarray(light.harmonics) * strength,
    )


def _ambient(light: Light) -> float:
    """Mean over all directions and colours of what a white matte surface returns of the surroundings."""
    return float(0.282095 * light.coefficients()[0].mean())


def _on_the_wall(light: Light) -> float:
    """Light that a wall behind the person gets: the surroundings, and a part of the key."""
    return _ambient(light) + 0.25 * light.key_power * float(np.mean(light.key_colour))


def _told(light: Light) -> dict[str, str]:
    def vector(direction: Colour) -> str:
        return " ".join(f"{v:.4f}" for v in np.asarray(direction) / np.linalg.norm(direction))

    return {
        "light_key": vector(light.key),
        "light_key_power": f"{light.key_power * np.mean(light.key_colour):.4f}",
        "light_fill": vector(light.fill),
        "light_fill_power": f"{np.mean(light.fill_colour):.4f}",
        "light_ambient": f"{_ambient(light):.4f}",
    }
