"""What the tests of scenes share: flat quads in light that does not shade, a plain camera, and sRGB in closed form."""

import numpy as np

from talkie.render import Background, Costume, Frame, Light, SceneRenderer, prop

QUAD = np.array([[0, 2, 1], [0, 3, 2]])
QUAD_UV = np.array([[[0, 0], [1, 1], [1, 0]], [[0, 0], [0, 1], [1, 1]]], float)
FLAT = Light(key=(0.0, 0.0, 1.0), key_power=0.0, sky=(1.0, 1.0, 1.0), ground=(1.0, 1.0, 1.0))
"""White from everywhere: a matte surface shows its reflectance."""
BLACK = Background((0.0, 0.0, 0.0))
SIDE = 64
FOCAL = 80.0


def camera(distance: float = 1.0, side: int = SIDE, focal: float = FOCAL) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Looks at the world's origin against the z axis from `distance` metres; the world's x is to the right."""
    K = np.array([[focal, 0, side / 2], [0, focal, side / 2], [0, 0, 1.0]])
    return K, np.diag([1.0, -1.0, -1.0]), np.array([0, 0, distance])


def quad(
    half: float = 0.2, z: float = 0.0, at: tuple[float, float] = (0.0, 0.0), half_height: float | None = None
) -> np.ndarray:
    """(4, 3): a rectangle that faces +z; corners as QUAD_UV reads them: u to the right, v down."""
    h = half if half_height is None else half_height
    x, y = at
    return np.array([[x - half, y + h, z], [x + half, y + h, z], [x + half, y - h, z], [x - half, y - h, z]])


def moved(points: np.ndarray, x: float, y: float, z: float) -> np.ndarray:
    """The points, moved by metres along the world's axes."""
    return points + np.array([x, y, z])


def plain(*colour: float, name: str = "quad") -> Costume:
    """A matte quad of one linear colour (grey where one number is given)."""
    return prop(QUAD, uv=QUAD_UV, colours=np.array(colour * (3 // len(colour))), gloss=0.0, name=name)


def film(costumes, vertices, view=None, size=SIDE, light=FLAT, background=BLACK, supersample=2) -> Frame:  # type: ignore[no-untyped-def]
    return SceneRenderer(costumes, light, background).frame(vertices, *(view or camera()), size, supersample)


def srgb(linear: np.ndarray | float) -> np.ndarray:
    """IEC 61966-2-1, unrounded, 0 to 255."""
    x = np.asarray(linear, float)
    return 255 * np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.maximum(x, 1e-9) ** (1 / 2.4) - 0.055)


def turn(axis: str, angle: float) -> np.ndarray:
    """Right-handed rotation about an axis of the world."""
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    out = np.eye(3)
    out[i, i] = out[j, j] = np.cos(angle)
    out[i, j], out[j, i] = -np.sin(angle), np.sin(angle)
    return out
