"""The 68 points of iBUG 300-W and the 98 of WFLW read off MediaPipe's 478; meshes are `landmark_embedding`'s.

Each point is one of MediaPipe's or lies between two of them, so both sets are linear in the 478 points. Sets:
Sagonas et al., 300 Faces in-the-Wild (2016); Wu et al., Look at Boundary, WFLW (2018). Right and left are the
person's; both sets count along the jaw and the brows from the person's right.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from torch import Tensor

from talkie.errors import BadInput
from talkie.heads.model import LANDMARKS

Points = TypeVar("Points", np.ndarray, Tensor)
Place = tuple[int, int, float]
"""(a, b, share): the point a + share (b - a) of MediaPipe's points a and b."""

RIGHT_OVAL = (127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152)
"""MediaPipe's face oval from beside the right eye down to the chin."""
LEFT_OF_MIDDLE = {
    127: 356, 234: 454, 93: 323, 132: 361, 58: 288, 172: 397, 136: 365, 150: 379, 149: 378, 176: 400, 148: 377,
    152: 152, 70: 300, 63: 293, 105: 334, 66: 296, 107: 336, 53: 283, 52: 282, 65: 295, 55: 285, 98: 327, 97: 326,
    2: 2, 33: 263, 246: 466, 161: 388, 160: 387, 159: 386, 158: 385, 157: 384, 133: 362, 154: 381, 153: 380,
    145: 374, 144: 373, 163: 390, 61: 291, 40: 270, 39: 269, 37: 267, 0: 0, 91: 321, 181: 405, 84: 314, 17: 17,
    78: 308, 81: 311, 13: 13, 178: 402, 14: 14, 468: 473,
}  # fmt: skip
"""MediaPipe's point on the person's left for each point of the tables on the right or in the middle."""


def _at(index: int) -> Place:
    return index, index, 0.0


def _mirror(places: list[Place]) -> list[Place]:
    """The places on the other side, in reverse order."""
    return [(LEFT_OF_MIDDLE[a], LEFT_OF_MIDDLE[b], share) for a, b, share in reversed(places)]


def _along(steps: tuple[float, ...]) -> list[Place]:
    """Places on the right half of the oval; 3.25 lies a quarter of the way from its point 3 to its point 4."""
    out = []
    for step in steps:
        k = min(int(step), len(RIGHT_OVAL) - 2)
        out.append((RIGHT_OVAL[k], RIGHT_OVAL[k + 1], round(step - k, 4)))
    return out


# Equal steps of arc length on the built-in head's mean face from beside the eye to the chin, as the sets' authors
# spread their contours.
_CONTOUR_68 = (0.0, 1.38, 2.68, 3.86, 4.87, 6.15, 7.6, 9.32, 11.0)
_CONTOUR_98 = (0.0, 0.69, 1.38, 2.07, 2.68, 3.28, 3.86, 4.37, 4.87, 5.49, 6.15, 6.8, 7.6, 8.46, 9.32, 10.19, 11.0)
_BROW = [_at(70), _at(63), _at(105), _at(66), _at(107)]
_BROW_BELOW = [_at(55), _at(65), _at(52), _at(53)]
_NOSE_BRIDGE = [_at(168), (197, 6, 0.5), (195, 5, 0.5), _at(4)]
_NOSTRILS = [_at(98), _at(97), _at(2)]
_EYE_68 = [_at(33), _at(160), _at(158), _at(133), _at(153), _at(144)]
_EYE_98 = [_at(33), (161, 160, 0.5), _at(159), (158, 157, 0.5), _at(133), (153, 154, 0.5), _at(145), (144, 163, 0.5)]
_LIP_UP = [_at(61), (40, 39, 0.5), _at(37), _at(0)]
_LIP_DOWN = [(91, 181, 0.5), _at(84), _at(17)]
_INNER_UP = [_at(78), _at(81), _at(13)]
_INNER_DOWN = [_at(178), _at(14)]


def _whole(half: list[Place]) -> list[Place]:
    """A row that runs from the right to the left through the middle, from its right half with the middle."""
    return half + _mirror(half[:-1])


def _lips() -> list[Place]:
    """The 20 points of the mouth, the same in both sets: outer then inner, each clockwise in a frontal picture."""
    outer = _whole(_LIP_UP) + _whole(_LIP_DOWN)[::-1]
    return outer + _whole(_INNER_UP) + _whole(_INNER_DOWN)[::-1]


def _left_eye(right: list[Place], upper: int) -> list[Place]:
    """The left eye in its own order, inner corner first: `upper` points of the right eye run along the top."""
    return _mirror(right[:upper]) + _mirror(right[upper:])


PLACES_68: tuple[Place, ...] = tuple(
    _whole(_along(_CONTOUR_68)) + _BROW + _mirror(_BROW) + _NOSE_BRIDGE + _whole(_NOSTRILS)
    + _EYE_68 + _left_eye(_EYE_68, 4) + _lips()
)  # fmt: skip
PLACES_98: tuple[Place, ...] = tuple(
    _whole(_along(_CONTOUR_98)) + _BROW + _BROW_BELOW + _mirror(_BROW) + _mirror(_BROW_BELOW) + _NOSE_BRIDGE
    + _whole(_NOSTRILS) + _EYE_98 + _left_eye(_EYE_98, 5) + _lips() + [_at(468), _at(473)]
)  # fmt: skip


def landmarks_68(points478: Points) -> Points:
    """(..., 478, D) MediaPipe points -> (..., 68, D) in iBUG 300-W's order: jaw, brows, nose, eyes, lips."""
    return _read(points478, PLACES_68)


def landmarks_98(points478: Points) -> Points:
    """(..., 478, D) MediaPipe points -> (..., 98, D) in WFLW's order, the pupils last (right, left)."""
    return _read(points478, PLACES_98)


def _read(points: Points, places: tuple[Place, ...]) -> Points:
    if points.ndim < 2 or points.shape[-2] != LANDMARKS:
        raise BadInput(f"points of shape {tuple(points.shape)}, expected (..., {LANDMARKS}, D)")
    first, second = [p[0] for p in places], [p[1] for p in places]
    share = np.array([p[2] for p in places])[:, None]
    a, b = points[..., first, :], points[..., second, :]
    if isinstance(points, Tensor):
        return a + a.new_tensor(share) * (b - a)  # type: ignore[return-value]
    return a + share.astype(np.result_type(points, np.float32)) * (b - a)
