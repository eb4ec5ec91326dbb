"""The camera that splats and rays are seen through: one checked pinhole with its picture's size; no rendering."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from talkie.errors import BadInput
from talkie.render.arguments import check

_ORTHONORMAL = 1e-3


@dataclass(frozen=True)
class Camera:
    """A pinhole in OpenCV's world-to-camera convention: X_cam = R X + t, x right, y down, z forward.

    K: (3, 3) pixels, without skew; R: (3, 3) rotation; t: (3,) metres; arrays and lists become tensors. Pixel i
    covers [i, i + 1), so its centre lies at i + 0.5. background: (C,) colour behind everything, black when None.
    Raises BadInput, naming the field.
    """

    K: Tensor
    R: Tensor
    t: Tensor
    width: int
    height: int
    background: Tensor | None = None

    def __post_init__(self) -> None:
        for name, shape in (("K", (3, 3)), ("R", (3, 3)), ("t", (3,)), ("background", (None,))):
            value = getattr(self, name)
            if name == "background" and value is None:
                continue
            object.__setattr__(self, name, check(f"camera.{name}", _floating(value), shape))
        for name in ("width", "height"):
            if int(getattr(self, name)) != getattr(self, name) or getattr(self, name) < 1:
                cure = "a picture has at least one pixel"
                raise BadInput(f"{getattr(self, name)!r} pixels", where=f"camera.{name}", cure=cure)
            object.__setattr__(self, name, int(getattr(self, name)))
        K, R = self.K.detach().double().cpu(), self.R.detach().double().cpu()
        if K[0, 0] <= 0 or K[1, 1] <= 0 or K[0, 1] != 0 or K[1, 0] != 0 or K[2].tolist() != [0, 0, 1]:
            cure = "it must be [[fx, 0, cx], [0, fy, cy], [0, 0, 1]] with fx, fy > 0"
            raise BadInput(f"intrinsics {K.tolist()}", where="camera.K", cure=cure)
        if (R @ R.T - torch.eye(3, dtype=R.dtype)).abs().max() > _ORTHONORMAL or torch.linalg.det(R) < 0:
            raise BadInput("no rotation", where="camera.R", cure="its rows must be orthonormal, its determinant 1")

    def like(self, other: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """K, R, t in the type and on the device of `other`; gradients pass."""
        return self.K.to(other), self.R.to(other), self.t.to(other)


def _floating(value: object) -> Tensor:
    tensor = torch.as_tensor(value)
    return tensor if tensor.is_floating_point() else tensor.float()
