"""The light of a scene: a key that casts shadows, a fill, and the surroundings; no surface is lit here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkie.errors import BadInput
from talkie.render.harmonics import hemisphere
from talkie.render.look import Colour, Look

WHITE = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Light:
    """Directions are towards the light, unit, in the world; colours are linear RGB. A white matte surface that
    faces the key returns `key_power * key_colour` of it. `sky` and `ground` are the ambient light from above and
    below; `harmonics`, (9, 3) coefficients of an environment's radiance in `harmonics.basis`'s order, stands in
    their place where given. Raises BadInput for harmonics of another shape or a direction of no length."""

    key: Colour
    key_power: float = 0.9
    key_colour: Colour = WHITE
    fill: Colour = (0.0, 0.0, 1.0)
    fill_colour: Colour = (0.0, 0.0, 0.0)
    sky: Colour = (0.5, 0.5, 0.5)
    ground: Colour = (0.25, 0.25, 0.25)
    harmonics: tuple[tuple[float, float, float], ...] | np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.harmonics is not None and np.shape(self.harmonics) != (9, 3):
            raise BadInput(f"light harmonics of shape {np.shape(self.harmonics)}, expected (9, 3)")
        for name in ("key", "fill"):
            if not np.linalg.norm(getattr(self, name)) > 0:
                raise BadInput(f"the light's {name} direction has no length", cure="give a vector towards the light")

    def coefficients(self) -> np.ndarray:
        """(9, 3) harmonics of the surroundings, whichever way they were given."""
        return (
            hemisphere(np.array(self.sky), np.array(self.ground))
            if self.harmonics is None
            else np.asarray(self.harmonics, float)
        )


def light_from_look(look: Look) -> Light:
    """The light that comes with a look; the fill stands opposite the key, a seventh as strong and a little cooler."""
    x, y, z = look.key
    share = 0.15 * look.key_power
    return Light(
        key=look.key,
        key_power=look.key_power,
        key_colour=(1.0, 0.96, 0.90),
        fill=(-x, 0.35 * y, abs(z) + 0.2),
        fill_colour=(0.92 * share, 0.97 * share, share),
        sky=look.sky,
        ground=look.ground,
    )


def unit(vector: Colour) -> np.ndarray:
    """(3,) float64 of length one."""
    array = np.asarray(vector, float)
    return array / np.linalg.norm(array)
