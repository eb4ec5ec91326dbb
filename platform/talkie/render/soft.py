"""A differentiable soft rasteriser for small pictures and meshes, to fit by; pictures for people come from `scene`.

Liu, Li, Chen and Li, "Soft Rasterizer" (ICCV 2019): every triangle covers a pixel by a sigmoid of its distance, and
those that cover one share it by depth. The distance here is signed and in pixels, not squared: the slope of an edge
is 1 / (4 sigma) where it lies, and not zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numba import njit
from torch import Tensor

from talkie.errors import BadInput
from talkie.render.arguments import check

REACH = math.log(1e4)
"""Sigmas from a triangle beyond which it does not touch a pixel: its share there is under 1e-4."""
_SLIVER = 1e-9
"""Square pixels: a triangle seen from its edge has no inside."""


@dataclass(frozen=True)
class SoftImage:
    """attributes: (H, W, C), times alpha, so that a background is added as (1 - alpha) of it; alpha: (H, W) in
    [0, 1]; depth: (H, W) metres along the optical axis, mean of what shares the pixel, infinite where nothing does."""

    attributes: Tensor
    alpha: Tensor
    depth: Tensor


def soft_render(
    vertices: Tensor,
    faces: Tensor,
    attributes: Tensor,
    K: Tensor,
    R: Tensor,
    t: Tensor,
    size: int | tuple[int, int],
    sigma_px: float = 0.7,
    gamma: float = 0.003,
) -> SoftImage:
    """Picture of a mesh with gradients for vertices, attributes and camera, float32 or float64, on the CPU.

    vertices: (V, 3) world metres; faces: (F, 3) integers; attributes: (V, C), interpolated with perspective; K, R
    (3, 3), t (3,): OpenCV camera, pixel i covers [i, i + 1); size: side, or height and width; sigma_px: pixels over
    which an edge is soft; gamma: metres by which a surface must lie behind another for its share to fall by e.

    A triangle covers a pixel by D = sigmoid(d / sigma), d the distance of the pixel's centre from its outline, positive
    inside. alpha = 1 - prod(1 - D); shares go as D exp(-z / gamma). With both widths near 0 it is `rasterise_mesh`.
    Seams between triangles are softened like outlines: there two halves make 3/4. Triangles with a corner behind the
    camera are left out. Work grows with the pixels near each triangle. Raises BadInput for shapes, indices and
    widths."""
    height, width = (size, size) if isinstance(size, int) else size
    _check(vertices, faces, attributes, K, R, t, (height, width), sigma_px, gamma)
    camera = vertices @ R.T + t
    image = camera @ K.T
    ahead = camera[:, 2:] > 0
    points = image[:, :2] / torch.where(ahead, image[:, 2:], 1.0)
    pixels = torch.cat([points, camera[:, 2:]], 1).detach().double().numpy()
    corners = faces.detach().cpu().numpy().astype(np.int64)
    face, pixel, feature = (torch.from_numpy(a) for a in _pairs(pixels, corners, height, width, REACH * sigma_px))
    corner = faces[face].long()
    centre = torch.stack([pixel % width, pixel // width], 1).to(vertices) + 0.5
    outline = points[corner]
    logit = _distance(centre, outline, feature) / sigma_px
    weights, depth = _surface(centre, outline, camera[:, 2][corner])
    value = (weights[..., None] * attributes[corner]).sum(1)
    return _share(pixel, (height, width), logit, depth, value, gamma)


def _check(
    vertices: Tensor,
    faces: Tensor,
    attributes: Tensor,
    K: Tensor,
    R: Tensor,
    t: Tensor,
    size: tuple[int, int],
    sigma_px: float,
    gamma: float,
) -> None:
    check("vertices", vertices, (None, 3))
    check("attributes", attributes, (len(vertices), None), like=vertices)
    for name, value, shape in (("K", K, (3, 3)), ("R", R, (3, 3)), ("t", t, (3,))):
        check(name, value, shape, like=vertices)
    if vertices.device.type != "cpu":
        raise BadInput(f"a mesh on {vertices.device}", where="vertices", cure="the soft rasteriser runs on the CPU")
    if faces.ndim != 2 or faces.shape[1] != 3 or faces.is_floating_point():
        raise BadInput(f"{faces.dtype} of shape {tuple(faces.shape)}", where="faces", cure="give integers (F, 3)")
    if len(faces) and not 0 <= int(faces.min()) <= int(faces.max()) < len(vertices):
        raise BadInput(f"indices {int(faces.min())} to {int(faces.max())} of {len(vertices)} vertices", where="faces")
    if min(size) < 1:
        raise BadInput(f"{size} pixels", where="size", cure="a picture has at least one pixel")
    for name, width in (("sigma_px", sigma_px), ("gamma", gamma)):
        if not width > 0 or not math.isfinite(width):
            raise BadInput(f"{width}", where=name, cure="a width is above 0 and finite")


def _distance(centre: Tensor, outline: Tensor, feature: Tensor) -> Tensor:
    """(P,) signed distance in pixels of centre (P, 2) from the nearest edge (0, 1, 2) or corner (3, 4, 5) of its
    triangle (P, 3, 2). An edge's is signed by its side, so that nothing breaks where it is zero; a corner is nearest
    only from outside."""
    row = torch.arange(len(feature))
    start, end = outline[row, feature % 3], outline[row, (feature + 1) % 3]
    along, toward = end - start, centre - start
    one, two = outline[:, 1] - outline[:, 0], outline[:, 2] - outline[:, 0]
    inside = torch.sign(one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]).detach()
    at_edge = feature < 3
    # Where the other branch is taken a harmless number stands in: a gradient of 0 times infinity would be lost.
    length = torch.where(at_edge, (along * along).sum(1), 1.0).sqrt()
    edge = inside * (along[:, 0] * toward[:, 1] - along[:, 1] * toward[:, 0]) / length
    corner = torch.where(at_edge, 1.0, (toward * toward).sum(1)).clamp_min(1e-20).sqrt()
    return torch.where(at_edge, edge, -corner)


def _surface(centre: Tensor, outline: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Perspective-correct weights (P, 3) and depth (P,) of the triangle's point at a pixel, or the point that clipped
    weights give where the pixel lies outside."""
    a, b, c = outline.unbind(1)
    area = _cross(b - a, c - a)
    weights = torch.stack([_cross(b - centre, c - centre), _cross(c - centre, a - centre)], 1) / area[:, None]
    weights = torch.cat([weights, 1 - weights.sum(1, keepdim=True)], 1).clamp_min(0)
    over_depth = weights / weights.sum(1, keepdim=True) / z
    depth = 1 / over_depth.sum(1)
    return over_depth * depth[:, None], depth


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _share(
    pixel: Tensor, size: tuple[int, int], logit: Tensor, depth: Tensor, value: Tensor, gamma: float
) -> SoftImage:
    """Coverage and the depth-weighted mean at every pixel, over the pairs (P,) of triangles and pixels."""
    count, none = size[0] * size[1], logit.new_zeros
    # log(1 - sigmoid(x)) = -softplus(x): the product as a sum that neither under- nor overflows.
    light = none(count).index_add(0, pixel, torch.nn.functional.softplus(logit))
    alpha = -torch.expm1(-light)
    # By the largest exponent at the pixel, which cancels.
    power = torch.nn.functional.logsigmoid(logit) - depth / gamma
    most = torch.full((count,), -math.inf, dtype=logit.dtype).scatter_reduce(0, pixel, power.detach(), "amax")
    share = torch.exp(power - most[pixel])
    total = none(count).index_add(0, pixel, share)
    seen = total > 0
    total = torch.where(seen, total, 1.0)
    mean = none(count, value.shape[1]).index_add(0, pixel, share[:, None] * value) / total[:, None]
    distance = torch.where(seen, none(count).index_add(0, pixel, share * depth) / total, math.inf)
    return SoftImage((alpha[:, None] * mean).view(*size, -1), alpha.view(size), distance.view(size))


@njit(cache=True)
def _pairs(points, faces, height, width, reach):  # type: ignore[no-untyped-def]
    """Triangles and pixels whose centre is inside or within `reach` pixels: face (P,), pixel (P,) row-major, and the
    outline's nearest feature (P,): 0, 1, 2 the edge that begins at that corner, 3, 4, 5 the corner."""
    face, pixel, feature = np.empty(1024, np.int64), np.empty(1024, np.int64), np.empty(1024, np.int64)
    count = 0
    x, y = np.empty(3), np.empty(3)
    for f in range(faces.shape[0]):
        nearest = np.inf
        for k in range(3):
            x[k], y[k] = points[faces[f, k], 0], points[faces[f, k], 1]
            nearest = min(nearest, points[faces[f, k], 2])
        area = (x[1] - x[0]) * (y[2] - y[0]) - (y[1] - y[0]) * (x[2] - x[0])
        if nearest <= 0.0 or abs(area) < _SLIVER:
            continue
        x0, x1 = max(x.min() - reach - 0.5, 0.0), min(x.max() + reach - 0.5, width - 1.0)
        y0, y1 = max(y.min() - reach - 0.5, 0.0), min(y.max() + reach - 0.5, height - 1.0)
        if x1 < x0 or y1 < y0:
            continue
        for row in range(int(np.ceil(y0)), int(y1) + 1):
            for column in range(int(np.ceil(x0)), int(x1) + 1):
                px, py = column + 0.5, row + 0.5
                best, what, inside = np.inf, 0, True
                for k in range(3):
                    n = (k + 1) % 3
                    ex, ey, tx, ty = x[n] - x[k], y[n] - y[k], px - x[k], py - y[k]
                    side = ex * ty - ey * tx
                    if side * area < 0.0:
                        inside = False
                    squared, along = ex * ex + ey * ey, ex * tx + ey * ty
                    if along <= 0.0:
                        gap, this = tx * tx + ty * ty, 3 + k
                    elif along >= squared:
                        gap, this = (px - x[n]) ** 2 + (py - y[n]) ** 2, 3 + n
                    else:
                        gap, this = side * side / squared, k
                    if gap < best:
                        best, what = gap, this
                if not inside and best > reach * reach:
                    continue
                if count == len(face):
                    face, pixel = np.append(face, np.empty_like(face)), np.append(pixel, np.empty_like(pixel))
                    feature = np.append(feature, np.empty_like(feature))
                face[count], pixel[count], feature[count] = f, row * width + column, what
                count += 1
    return face[:count].copy(), pixel[:count].copy(), feature[:count].copy()
