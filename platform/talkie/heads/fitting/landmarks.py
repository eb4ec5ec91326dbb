"""How much each of MediaPipe's 478 landmarks counts, and which of them stand for all; no head and no camera."""

from __future__ import annotations

import torch
from torch import Tensor

# Vertex numbers of MediaPipe's canonical face mesh (mediapipe/modules/face_geometry/data, Apache-2.0).
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
LIPS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185,
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191,
)  # fmt: skip
EYES = (
    33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246,
    263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466,
)  # fmt: skip
IRISES = tuple(range(468, 478))


def landmark_weights(points: int = 478) -> Tensor:
    """Precision of each landmark relative to the average, (478,) float32 with mean 1.

    The face's outline slides over the surface as the head turns, and is told less; lips and lids carry the
    expression, and the few points of the irises all of the gaze.
    """
    weights = torch.ones(points)
    for group, weight in ((FACE_OVAL, 0.3), (LIPS, 2.0), (EYES, 2.0), (IRISES, 4.0)):
        weights[list(group)] = weight
    return weights / weights.mean()


def chosen_landmarks(shape: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Numbers (count,) of the landmarks that are fitted, rising, and their weights (count,).

    shape: (478, 3) landmarks of the mean head, metres. Lips, lids and irises all stay, up to `count`; the rest of
    the face is thinned evenly (farthest point sampling, Gonzalez 1985). A landmark that is left out gives its
    weight to the nearest of those that stay, so that each part of the face counts as much as before.
    """
    weights = landmark_weights(len(shape))
    chosen = sorted({*LIPS, *EYES, *IRISES})[:count]
    far = torch.cdist(shape, shape[chosen]).amin(1)
    while len(chosen) < count:
        chosen.append(int(far.argmax()))
        far = torch.minimum(far, (shape - shape[chosen[-1]]).norm(dim=1))
    kept = torch.tensor(sorted(chosen))
    nearest = torch.cdist(shape, shape[kept]).argmin(1)
    return kept, torch.zeros(count).index_add_(0, nearest, weights)
