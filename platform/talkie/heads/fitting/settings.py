"""What the fit assumes about noise, people and their motion; how it is solved lives in `fit` and `arrow`."""

from __future__ import annotations

import torch
from pydantic import BaseModel, ConfigDict, Field
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


class FitSettings(BaseModel):
    """Standard deviations of the Gaussian (or, for expression, Laplacian) assumptions of the fit.

    Lengths of the image are shares of the inter-ocular distance (iris centre to iris centre), so that the
    size of the crop does not matter. `*_step`: change from one frame to the next.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    noise: float = Field(default=0.02, gt=0, description="of a landmark, in inter-ocular distances")
    robust: float = Field(default=3.0, gt=0, description="residual, in `noise`, from which its weight falls (Huber)")
    independent_points: float = Field(
        default=40.0, gt=0, description="as much as the 478 points tell: the mesh network's errors are correlated"
    )
    independent_frames: float = Field(
        default=1.0,
        gt=0,
        description="as much as a clip's frames tell of identity: all share the mesh network's errors",
    )
    expression: float = Field(default=0.3, gt=0, description="scale of the sparse prior on expression weights")
    bound: float = Field(default=0.02, gt=0, description="how far a weight may leave [0, 1] before it is clipped")
    jaw: float = Field(default=0.2, gt=0, description="radians")
    jaw_beside_shape: float = Field(
        default=0.01, gt=0, description="radians, where the model opens its mouth by a shape as well (jawOpen)"
    )
    eye: float = Field(default=0.3, gt=0, description="radians")
    expression_step: float = Field(default=0.15, gt=0)
    jaw_step: float = Field(default=0.06, gt=0, description="radians")
    eye_step: float = Field(default=0.1, gt=0, description="radians")
    rotation_step: float = Field(default=0.03, gt=0, description="radians")
    translation_step: float = Field(default=0.005, gt=0, description="metres")
    iterations: int = Field(default=15, ge=1, le=200)
    tolerance: float = Field(default=1e-3, gt=0, description="relative fall of the cost below which the fit stops")


def landmark_weights(points: int = 478) -> Tensor:
    """Precision of each landmark relative to the average, (478,) float32 with mean 1.

    The face's outline slides over the surface as the head turns, and is told less; lips and lids carry the
    expression, and the few points of the irises all of the gaze.
    """
    weights = torch.ones(points)
    for group, weight in ((FACE_OVAL, 0.3), (LIPS, 2.0), (EYES, 2.0), (IRISES, 4.0)):
        weights[list(group)] = weight
    return weights / weights.mean()
