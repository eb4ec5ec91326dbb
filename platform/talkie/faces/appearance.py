"""What a face looks like in a scene, for telling apart the few people in it under one light; identity over scenes and
lights is `embedding`'s business."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkie.faces.chart import MESH, canonical, chart

_DARK = 0.02
"""Added to linear light before its logarithm: about the noise of eight-bit video."""
_FAR = 0.5
"""A natural logarithm of light at which two spots are just different: more would let one hand weigh like a face."""
_COLOUR, _SHAPE, _SHAPE_WEIGHT = 0.085, 0.06, 0.5
"""95th percentiles of the differences of one person's faces within a shot (two-person stage footage), by which they are
weighed. Together they order pairs of one shot with an area of 0.988 under the ROC curve, each alone with 0.984 and
0.939; light's strength alone, which a passing person's shadow changes, with 0.92."""


@dataclass(frozen=True)
class Appearance:
    """colour (468, 3): logarithms of the chart's colours without their mean over the channels, in which shadows and the
    lamp's angle fall out; shape (468, 3): the landmarks in the face's own frame."""

    colour: np.ndarray
    shape: np.ndarray

    def towards(self, other: Appearance, weight: float) -> Appearance:
        """This one, moved a share of the way to another."""
        colour, shape = ((1 - weight) * a + weight * b for a, b in zip(self._both, other._both, strict=True))
        return Appearance(colour, shape)

    @property
    def _both(self) -> tuple[np.ndarray, np.ndarray]:
        return self.colour, self.shape


def appearance(frame: np.ndarray, landmarks: np.ndarray) -> Appearance:
    """Of a face with landmarks (478, 3) in a frame (H, W, 3) uint8 RGB."""
    light = np.log(chart(frame, landmarks) + np.float32(_DARK))
    return Appearance(light - light.mean(1, keepdims=True), canonical(landmarks, slice(MESH)))


def difference(a: Appearance, b: Appearance) -> float:
    """How unlike two faces of a shot are: 1.5 is exceeded by one in twenty pairs of one person, and by nineteen in
    twenty of two."""
    colour = np.minimum(np.linalg.norm(a.colour - b.colour, axis=1), _FAR).mean()
    shape = np.linalg.norm(a.shape - b.shape, axis=1).mean()
    return float(colour / _COLOUR + _SHAPE_WEIGHT * shape / _SHAPE)
