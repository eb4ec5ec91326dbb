"""How a driver's keypoints become a source's: taken as they are, or only their motion since a first frame. Networks are
elsewhere."""

from __future__ import annotations

import cv2
import numpy as np
from torch import Tensor

from talkie_zoo.blocks.keypoints import Keypoints, inverse


def relative(source: Keypoints, first: Keypoints, now: Keypoints, scale: float = 1.0) -> Keypoints:
    """The source's points after the driver's motion from `first` to `now`: p = p_s + scale (p_d - p_d0),
    J = J_d J_d0^-1 J_s (Siarohin et al. 2019, equation 9)."""
    return Keypoints(
        source.place + scale * (now.place - first.place),
        now.jacobian @ inverse(first.jacobian) @ source.jacobian,
    )


def hull_scale(source: Tensor, first: Tensor) -> float:
    """The root of the ratio of the areas of the points' convex hulls: points (K, 2) of the source and of the driver's
    first frame. A driver with a larger face moves more; this takes it back."""
    areas = [cv2.contourArea(cv2.convexHull(p.detach().cpu().numpy().astype(np.float32))) for p in (source, first)]
    return float(np.sqrt(areas[0] / max(areas[1], 1e-9)))
