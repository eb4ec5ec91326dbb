"""Who is in the picture and who is not: MediaPipe's selfie segmentation of a crop, run once for all who ask."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from talkie.curation.labels.picture.graphs import mediapipe_tool
from talkie.faces.mesh import mediapipe_solutions

GENERAL = 0
"""The model that sees 256 x 256 pixels; the other, for landscapes, sees 144 x 256 and costs half."""


class Portrait:
    """The share of every pixel that people cover. It remembers the last picture only, so that matte and regions of one
    crop cost one run; the network itself sees each picture alone."""

    def __init__(self) -> None:
        self._graph: Any = None
        self._crop: np.ndarray | None = None
        self._share = np.zeros((0, 0), np.float32)

    def share(self, crop: np.ndarray) -> np.ndarray:
        """(S, S) float32 in [0, 1] of a crop (S, S, 3) uint8 RGB."""
        if crop is not self._crop:
            if self._graph is None:
                self._graph = mediapipe_solutions().selfie_segmentation.SelfieSegmentation(model_selection=GENERAL)
            self._share = self._graph.process(np.ascontiguousarray(crop)).segmentation_mask
            self._crop = crop
        return self._share


@cache
def portrait() -> Portrait:
    """The one of this process."""
    return Portrait()


def portrait_tool() -> str:
    return mediapipe_tool("selfie_segmentation")
