"""What a clip's skin, hair and cloth look like: running Gaussians over L*a*b*, learned as frames go by."""

from __future__ import annotations

import cv2
import numpy as np

_FORGET = 0.95
"""Share of what was learned that a frame later still counts: light changes within seconds."""
_LEAST, _MOST = 12, 400
"""Samples of a frame that are learned from."""
_SCALE, _ORIGIN = np.array([100 / 255, 1, 1], np.float32), np.array([0, 128, 128], np.float32)
"""How OpenCV packs L*a*b* into bytes."""
_NOISE = np.diag([6.0, 2.0, 2.0]) ** 2
"""Variance that a surface has at least, by its shading (L*) and compression."""


def lab(crop: np.ndarray, side: int) -> np.ndarray:
    """A crop (S, S, 3) uint8 RGB, shrunk to (side, side, 3) float32: L* in [0, 100], a*, b*, in steps of 0.4 and 1."""
    small = cv2.cvtColor(cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2LAB)
    return small.astype(np.float32) * _SCALE - _ORIGIN


class Surface:
    """A Gaussian of one surface's colour. `extra` (3,): standard deviation added to what was learned."""

    def __init__(self, extra: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> None:
        self._weight = 0.0
        self._mean, self._covariance = np.zeros(3), np.zeros((3, 3))
        self._extra = np.diag(np.square(extra))

    @property
    def known(self) -> bool:
        return self._weight > 0

    def learn(self, colours: np.ndarray) -> None:
        """Takes in colours (N, 3) of a frame; fewer than a dozen say nothing."""
        if len(colours) < _LEAST:
            return
        colours = colours[:: -(-len(colours) // _MOST)]
        self._weight = self._weight * _FORGET + 1
        share = 1 / self._weight
        self._mean = self._mean + share * (np.median(colours, axis=0) - self._mean)
        self._covariance = self._covariance + share * (np.cov(colours.T) - self._covariance)

    def distance2(self, colours: np.ndarray, plain: bool = False) -> np.ndarray:
        """Squared Mahalanobis distances (N,) of colours (N, 3); `plain`: without `extra`."""
        spread = self._covariance + _NOISE + (0 if plain else self._extra)
        root = np.linalg.inv(np.linalg.cholesky(spread))
        white = (colours - self._mean.astype(np.float32)) @ root.T.astype(np.float32)
        return np.einsum("ni,ni->n", white, white)

    def log_likelihood(self, colours: np.ndarray) -> np.ndarray:
        """(N,), up to a constant that all surfaces share."""
        volume = np.linalg.slogdet(self._covariance + _NOISE + self._extra)[1]
        return -0.5 * (self.distance2(colours) + np.float32(volume))
