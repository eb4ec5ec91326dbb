"""Noise of the picture: the standard deviation of what differs from pixel to pixel where the picture is smoothest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import cv2
import numpy as np

from talkie.curation.draft import Annotator, View, Watcher
from talkie.curation.judgement.scores.patches import part
from talkie.curation.judgement.scores.sampled import Sampled, own_tool

_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
"""The difference of two Laplacians, blind to planes and straight edges (Immerkær, Computer Vision and Image
Understanding 64, 1996); over 6, so that white noise of deviation 1 gives 1."""
_BLOCK = 8
_SMOOTHEST = 20
"""Per cent of the blocks that count: texture and edges are in the others."""
_SIDE = 256


def noise_level(grey: np.ndarray) -> float:
    """Deviation of the noise of a picture (h, w) uint8 in its grey levels; 0 where it is smaller than a block."""
    residue = cv2.filter2D(grey, cv2.CV_32F, _MASK)[1:-1, 1:-1]
    rows, columns = residue.shape[0] // _BLOCK, residue.shape[1] // _BLOCK
    if rows < 1 or columns < 1:
        return 0.0
    cut = residue[: rows * _BLOCK, : columns * _BLOCK] ** 2
    power = cut.reshape(rows, _BLOCK, columns, _BLOCK).mean((1, 3))
    return float(np.sqrt(np.percentile(power, _SMOOTHEST)))


class Noise(Annotator):
    name = "noise"
    scores: ClassVar[Mapping[str, str]] = {
        "noise": "standard deviation of the picture's noise about the person, grey levels of 255"
    }

    @property
    def tool(self) -> str:
        return own_tool(self.name)

    def start(self) -> Watcher:
        return Sampled(_measure)


def _measure(view: View) -> dict[str, float]:
    x, y, side = (float(v) for v in view.box)
    height, width = view.frame.shape[:2]
    half = min(side, _SIDE) / 2
    x0, x1 = (int(np.clip(x + side / 2 + v, 0, width)) for v in (-half, half))
    y0, y1 = (int(np.clip(y + side / 2 + v, 0, height)) for v in (-half, half))
    grey = part(view.frame, (x0, y0, x1, y1))
    return {"noise": noise_level(grey)} if min(grey.shape) > _BLOCK + 2 else {}
