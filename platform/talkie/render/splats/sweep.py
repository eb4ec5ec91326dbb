"""The CPU compositor: one depth-ordered sweep over Gaussians, forward and backward by hand; no projection."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numba import njit
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from talkie.render.splats.definition import MAX_ALPHA, MIN_ALPHA, MIN_TRANSMITTANCE

# Pixels on the very border of a Gaussian's support must be tried, not lost to rounding; the alpha test decides.
_SLACK = 1e-3


@njit(cache=True)
def _rows(centre_y, extent, height):  # type: ignore[no-untyped-def]
    first = int(np.ceil(centre_y - extent - 0.5))
    last = int(np.floor(centre_y + extent - 0.5))
    return max(first, 0), min(last, height - 1)


@njit(cache=True)
def _columns(centre_x, a, b, c, dy, level, width):  # type: ignore[no-untyped-def]
    """Pixels of one row inside the ellipse (a dx^2 + c dy^2) / 2 + b dx dy <= level."""
    inside = b * b * dy * dy - a * (c * dy * dy - 2.0 * level)
    if inside < 0.0:
        return 0, -1
    half = np.sqrt(inside) / a + _SLACK
    middle = centre_x - b * dy / a
    first = int(np.ceil(middle - half - 0.5))
    last = int(np.floor(middle + half - 0.5))
    return max(first, 0), min(last, width - 1)


@njit(cache=True)
def _begun(dx, dy, a, b, c):  # type: ignore[no-untyped-def]
    """exp(-d^T S^-1 d / 2) at a row's first pixel, and by what it changes to the next; that factor changes by exp(-a)
    from pixel to pixel, so that a row takes two exponentials and not one a pixel."""
    shape = np.exp(-0.5 * (a * dx * dx + c * dy * dy) - b * dx * dy)
    return shape, np.exp(-a * (dx + 0.5) - b * dy)


@njit(cache=True)
def _forward(  # type: ignore[no-untyped-def]
    order, hidden, centres, conics, spans, opacities, features, light, ended, out
):
    height, width = light.shape
    channels = features.shape[1]
    for k in range(hidden, order.shape[0]):
        g = order[k]
        o = opacities[g]
        if o < MIN_ALPHA:
            continue
        level = np.log(o / MIN_ALPHA) + _SLACK
        a, b, c = float(conics[g, 0]), float(conics[g, 1]), float(conics[g, 2])
        x, y = float(centres[g, 0]), float(centres[g, 1])
        step = np.exp(-a)
        y0, y1 = _rows(y, np.sqrt(2.0 * level * spans[g]) + _SLACK, height)
        for i in range(y0, y1 + 1):
            dy = i + 0.5 - y
            x0, x1 = _columns(x, a, b, c, dy, level, width)
            shape, ratio = _begun(x0 + 0.5 - x, dy, a, b, c)
            for j in range(x0, x1 + 1):
                alpha = min(MAX_ALPHA, o * shape)
                shape *= ratio
                ratio *= step
                if alpha < MIN_ALPHA or ended[i, j] >= 0:
                    continue
                left = light[i, j] * (1.0 - alpha)
                if left <= MIN_TRANSMITTANCE:
                    ended[i, j] = k
                    continue
                weight = light[i, j] * alpha
                light[i, j] = left
                for n in range(channels):
                    out[i, j, n] += weight * features[g, n]


@njit(cache=True)
def _backward(  # type: ignore[no-untyped-def]
    order, hidden, centres, conics, spans, opacities, features, light, ended, d_out, behind,
    d_centres, d_conics, d_opacities, d_features,
):  # fmt: skip
    """`behind` starts as light * dL/dlight and gathers, back to front, the loss that lies behind each Gaussian."""
    height, width = light.shape
    channels = features.shape[1]
    for k in range(order.shape[0] - 1, hidden - 1, -1):
        g = order[k]
        o = opacities[g]
        if o < MIN_ALPHA:
            continue
        level = np.log(o / MIN_ALPHA) + _SLACK
        a, b, c = float(conics[g, 0]), float(conics[g, 1]), float(conics[g, 2])
        x, y = float(centres[g, 0]), float(centres[g, 1])
        sum_x, sum_y, sum_a, sum_b, sum_c, sum_o = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        step = np.exp(-a)
        y0, y1 = _rows(y, np.sqrt(2.0 * level * spans[g]) + _SLACK, height)
        for i in range(y0, y1 + 1):
            dy = i + 0.5 - y
            x0, x1 = _columns(x, a, b, c, dy, level, width)
            coming, ratio = _begun(x0 + 0.5 - x, dy, a, b, c)
            for j in range(x0, x1 + 1):
                shape = coming
                alpha = min(MAX_ALPHA, o * shape)
                coming *= ratio
                ratio *= step
                if alpha < MIN_ALPHA or (ended[i, j] >= 0 and k >= ended[i, j]):
                    continue
                dx = j + 0.5 - x
                clear = 1.0 / (1.0 - alpha)
                before = light[i, j] * clear
                weight = before * alpha
                own = 0.0
                for n in range(channels):
                    d_features[g, n] += weight * d_out[i, j, n]
                    own += features[g, n] * d_out[i, j, n]
                d_alpha = before * own - behind[i, j] * clear
                behind[i, j] += weight * own
                light[i, j] = before
                if o * shape > MAX_ALPHA:
                    continue
                sum_o += shape * d_alpha
                d_power = -alpha * d_alpha
                sum_x -= d_power * (a * dx + b * dy)
                sum_y -= d_power * (c * dy + b * dx)
                sum_a += 0.5 * d_power * dx * dx
                sum_b += d_power * dx * dy
                sum_c += 0.5 * d_power * dy * dy
        d_centres[g, 0], d_centres[g, 1] = sum_x, sum_y
        d_conics[g, 0], d_conics[g, 1], d_conics[g, 2] = sum_a, sum_b, sum_c
        d_opacities[g] = sum_o


@njit(cache=True)
def _forward_all(  # type: ignore[no-untyped-def]
    order, hidden, centres, conics, spans, opacities, features, light, ended, out
):
    for f in range(order.shape[0]):
        _forward(
            order[f], hidden[f], centres[f], conics[f], spans[f], opacities[f], features[f], light[f], ended[f], out[f]
        )


@njit(cache=True)
def _backward_all(  # type: ignore[no-untyped-def]
    order, hidden, centres, conics, spans, opacities, features, light, ended, d_out, behind,
    d_centres, d_conics, d_opacities, d_features,
):  # fmt: skip
    for f in range(order.shape[0]):
        _backward(
            order[f], hidden[f], centres[f], conics[f], spans[f], opacities[f], features[f], light[f], ended[f],
            d_out[f], behind[f], d_centres[f], d_conics[f], d_opacities[f], d_features[f],
        )  # fmt: skip


class _Sweep(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, height: int, width: int, *tensors: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        ctx.save_for_backward(*tensors)
        features = tensors[-1]
        frames = len(features)
        # Transmittance is a product of hundreds of factors that the backward sweep divides out again: float64.
        light = np.ones((frames, height, width))
        ended = np.full((frames, height, width), -1, np.int64)
        out = np.zeros((frames, height, width, features.shape[-1]))
        order, hidden, at, shape, span, opacity, feature = _arrays(tensors)
        _forward_all(order, hidden, at, shape, span, opacity, feature, light, ended, out)
        ctx.light, ctx.ended = light, ended  # type: ignore[attr-defined]
        return torch.from_numpy(out).to(features.dtype), torch.from_numpy(light.copy()).to(features.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx, d_out, d_light):  # type: ignore[no-untyped-def,override]
        order, hidden, at, shape, span, opacity, feature = _arrays(ctx.saved_tensors)
        d_at, d_shape, d_opacity, d_feature = (np.zeros(a.shape) for a in (at, shape, opacity, feature))
        seen = np.ascontiguousarray(d_out.double().numpy())
        behind = ctx.light * d_light.double().numpy()
        _backward_all(
            order, hidden, at, shape, span, opacity, feature, ctx.light.copy(), ctx.ended, seen, behind,
            d_at, d_shape, d_opacity, d_feature,
        )  # fmt: skip
        kind = ctx.saved_tensors[2].dtype
        back = [torch.from_numpy(g).to(kind) for g in (d_at, d_shape, d_opacity, d_feature)]
        return None, None, None, None, back[0], back[1], None, back[2], back[3]


def _arrays(tensors: Sequence[Tensor]) -> list[np.ndarray]:
    return [tensor.detach().contiguous().numpy() for tensor in tensors]


def composite(
    order: Tensor,
    hidden: Tensor,
    centres: Tensor,
    conics: Tensor,
    spans: Tensor,
    opacities: Tensor,
    features: Tensor,
    height: int,
    width: int,
) -> tuple[Tensor, Tensor]:
    """Front-to-back compositing by the rules of `talkie.render.splats.definition`, on the CPU.

    order: (..., N) int64 Gaussians from front to back, of which the first `hidden` (...) are not drawn; centres
    (..., N, 2) pixels; conics (..., N, 3); spans: (..., N) image variance along y, square pixels, without gradient;
    opacities (..., N); features (..., N, F); "..." is nothing or an axis of frames. Returns the weighted sums
    (..., H, W, F) and the transmittance that is left (..., H, W), differentiable once.

    No tiles: the sweep goes once through all Gaussians in the order of depth and, for each, through the rows of its
    own ellipse, so that every pixel sees its Gaussians in order without lists per tile, and the gradients of one
    Gaussian stay in registers. Memory is one value per pixel and feature, whatever the number of Gaussians.
    """
    tensors = (order, hidden, centres, conics, spans, opacities, features)
    if order.ndim == 1:
        summed, left = _Sweep.apply(height, width, *(tensor[None] for tensor in tensors))
        return summed[0], left[0]
    return _Sweep.apply(height, width, *tensors)
