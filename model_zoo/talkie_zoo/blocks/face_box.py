"""One square box around the face of a whole clip, so that a plane that moves is seen to move. Boxes that follow a face
are `talkie.faces.crop`'s."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from talkie.errors import NoFace
from talkie.faces.mesh import FaceNets

CONFIDENCE = 0.3
"""A face that is looked for in many pictures may be unsure in each; printed ones are."""
_ONE_AT_A_TIME = threading.Lock()


def fixed_face_box(frames: np.ndarray, first: Sequence[int], margin: float) -> np.ndarray:
    """(x, y, side) in pixels of frames (T, H, W, 3) uint8: the detector's square, `margin` times as large. Looks at the
    frames `first`, then at the others, and takes the first face. Raises NoFace."""
    for number in dict.fromkeys([*first, *range(len(frames))]):
        with _ONE_AT_A_TIME:
            found = _nets().detect(np.ascontiguousarray(frames[number]))
        if found:
            place = found[0][0]
            side = margin * place.size
            return np.array([*(place.centre - side / 2), side])
    raise NoFace(f"no face in {len(frames)} frames", cure="leave the clip out, or look at whole frames (crop=frame)")


@lru_cache(maxsize=1)
def _nets() -> FaceNets:
    """The networks of this process: making them takes longer than asking them a hundred times."""
    return FaceNets(CONFIDENCE)
