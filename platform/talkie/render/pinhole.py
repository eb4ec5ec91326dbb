"""The camera that splats and rays are seen through: one checked pinhole with its picture's size; no rendering."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
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
    A camera of F frames has K (F, 3, 3), R (F, 3, 3) and t (F, 3), and one size and background for all of them.
    Raises BadInput, naming the field.
    """

    K: Tensor
    R: Tensor
    t: Tensor
    width: int
    height: int
    background: Tensor | None = None

    def __post_init__(self) -> None:
        first = _floating(self.K)
        frames = tuple(first.shape[:1]) if first.ndim == 3 else ()
        for name, shape in (("K", (3, 3)), ("R", (3, 3)), ("t", (3,))):
            value = check(f"camera.{name}", _floating(getattr(self, name)), (*frames, *shape))
            object.__setattr__(self, name, value)
        if self.background is not None:
            background = check("camera.background", _floating(self.background), (None,))
            object.__setattr__(self, "background", background)
        for name in ("width", "height"):
            if int(getattr(self, name)) != getattr(self, name) or getattr(self, name) < 1:
                cure = "a picture has at least one pixel"
                raise BadInput(f"{getattr(self, name)!r} pixels", where=f"camera.{name}", cure=cure)
            object.__setattr__(self, name, int(getattr(self, name)))
        K, R = self.K.detach().double().cpu().numpy(), self.R.detach().double().cpu().numpy()
        plain = (K[..., 0, 0] > 0) & (K[..., 1, 1] > 0) & (K[..., 0, 1] == 0) & (K[..., 1, 0] == 0)
        if not (plain & (K[..., 2, :] == (0, 0, 1)).all(-1)).all():
            cure = "it must be [[fx, 0, cx], [0, fy, cy], [0, 0, 1]] with fx, fy > 0"
            raise BadInput(f"intrinsics {K.tolist()}", where="camera.K", cure=cure)
        if (np.abs(R @ R.swapaxes(-1, -2) - np.eye(3)) > _ORTHONORMAL).any() or (np.linalg.det(R) < 0).any():
            raise BadInput("no rotation", where="camera.R", cure="its rows must be orthonormal, its determinant 1")

    @property
    def frames(self) -> int | None:
        """How many it has; None of a camera of one picture."""
        return len(self.K) if self.K.ndim == 3 else None

    def at(self, frames: int | slice) -> Camera:
        """Of a camera of frames that of one, or of some of them."""
        return replace(self, K=self.K[frames], R=self.R[frames], t=self.t[frames])

    def like(self, other: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """K, R, t in the type and on the device of `other`; gradients pass."""
        return self.K.to(other), self.R.to(other), self.t.to(other)


def _floating(value: object) -> Tensor:
    tensor = torch.as_tensor(value)
    return tensor if tensor.is_floating_point() else tensor.float()
