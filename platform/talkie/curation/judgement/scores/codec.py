"""Traces of a coarse encoding: steps on the grid of the codec's blocks. The detail it took is `focus`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import cv2
import numpy as np

from talkie.curation.draft import Annotator, View, Watcher
from talkie.curation.judgement.scores.patches import part
from talkie.curation.judgement.scores.sampled import Sampled, own_tool

GRID = 8
"""Pixels between the edges of the transform blocks of MPEG-2, MPEG-4, JPEG and of H.264's larger ones."""
_WIDE, _HIGH = 640, 360
"""Pixels of the part about the person that is looked at."""


class Codec(Annotator):
    name = "codec"
    scores: ClassVar[Mapping[str, str]] = {
        "blockiness": f"share of pixel pairs that differ across the edges of a grid of {GRID} pixels, less the share "
        "half-way between the edges",
    }

    @property
    def tool(self) -> str:
        return own_tool(self.name)

    def start(self) -> Watcher:
        return Sampled(_measure)


def _measure(view: View) -> dict[str, float]:
    x, y, side = (float(v) for v in view.box)
    height, width = view.frame.shape[:2]
    x0 = int(np.clip(x + side / 2 - _WIDE / 2, 0, max(0, width - _WIDE)))
    y0 = int(np.clip(y + side / 2 - _HIGH / 2, 0, max(0, height - _HIGH)))
    x0, y0 = x0 - x0 % GRID, y0 - y0 % GRID
    grey = part(view.frame, (x0, y0, min(width, x0 + _WIDE), min(height, y0 + _HIGH)))
    return {"blockiness": blockiness(grey)} if min(grey.shape) >= 4 * GRID else {}


def blockiness(grey: np.ndarray) -> float:
    """Of grey values (h, w) uint8 that begin on the grid.

    Whether pixels differ is counted, not by how much (Wang, Bovik and Evans, ICIP 2000, take the sum): edges of the
    scene then weigh no more than the flats, where blocks show. Half-way between the edges lie those of blocks of 4,
    which fine encodings use alike."""
    across = cv2.reduce(_differs(grey[:, 1:], grey[:, :-1]), 0, cv2.REDUCE_AVG, dtype=cv2.CV_32F).ravel()
    down = cv2.reduce(_differs(grey[1:], grey[:-1]), 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F).ravel()
    return float(np.mean([_excess(across), _excess(down)]))


def _differs(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return cv2.threshold(cv2.absdiff(a, b), 0, 1, cv2.THRESH_BINARY)[1]


def _excess(share: np.ndarray) -> float:
    return float(share[GRID - 1 :: GRID].mean() - share[GRID // 2 - 1 :: GRID].mean())
