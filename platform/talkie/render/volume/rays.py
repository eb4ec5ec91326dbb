"""Rays: their type, those of a camera's pixels, and points on them; no field, no integration."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from talkie.errors import BadInput
from talkie.render.arguments import check
from talkie.render.pinhole import Camera

_UNIT = 1e-3


@dataclass(frozen=True)
class Rays:
    """origins: (N, 3) world metres; directions: (N, 3) unit vectors, so that distances along them are metres.

    Raises BadInput, naming the field."""

    origins: Tensor
    directions: Tensor

    def __post_init__(self) -> None:
        check("rays.origins", self.origins, (None, 3))
        check("rays.directions", self.directions, (len(self.origins), 3), like=self.origins)
        length = self.directions.detach().norm(dim=1)
        if bool(((length - 1).abs() > _UNIT).any()):
            raise BadInput("directions that are not of length 1", where="rays.directions", cure="normalise them")

    def __len__(self) -> int:
        return len(self.origins)

    def at(self, distances: Tensor) -> Tensor:
        """Points at distances (N, S) metres: (N, S, 3)."""
        return self.origins[:, None] + distances[..., None] * self.directions[:, None]


def camera_rays(camera: Camera, pixels: Tensor | None = None) -> Rays:
    """Rays from the camera's centre through pixel centres, in the world, differentiable in the pose.

    pixels: (M, 2) integer column and row; the ray goes through (column + 0.5, row + 0.5), so that
    `talkie.heads.project` of any point on it gives that back. None: all, row by row (height * width). Of a point
    at distance s along a ray the depth along the optical axis is s * (directions @ R[2]). Raises BadInput where
    pixels are not integers of shape (M, 2) inside the picture, and for a camera of frames.
    """
    if camera.frames is not None:
        raise BadInput(f"a camera of {camera.frames} frames", where="camera", cure="pass that of one, `camera.at(n)`")
    size = torch.tensor([camera.width, camera.height])
    if pixels is None:
        row, column = torch.meshgrid(torch.arange(camera.height), torch.arange(camera.width), indexing="ij")
        pixels = torch.stack([column, row], -1).reshape(-1, 2)
    if not isinstance(pixels, Tensor) or pixels.is_floating_point() or pixels.ndim != 2 or pixels.shape[1] != 2:
        cure = "pass integers of shape (M, 2): column, row"
        raise BadInput(f"{getattr(pixels, 'dtype', type(pixels).__name__)}", where="pixels", cure=cure)
    if bool(((pixels < 0) | (pixels >= size.to(pixels.device))).any()):
        cure = f"columns are below {camera.width}, rows below {camera.height}"
        raise BadInput("pixels outside the picture", where="pixels", cure=cure)
    K, R, t = camera.like(camera.R)
    image = pixels.to(R) + 0.5
    local = (image - K[:2, 2]) / torch.stack([K[0, 0], K[1, 1]])
    directions = torch.nn.functional.normalize(torch.nn.functional.pad(local, (0, 1), value=1.0) @ R, dim=1)
    return Rays((-t @ R).expand_as(directions), directions)
