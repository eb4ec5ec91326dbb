"""The one call that draws 3-D Gaussians, with its choice of backend; projection and compositing live beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from talkie.errors import BadInput, MissingExtra
from talkie.render.arguments import check
from talkie.render.pinhole import Camera
from talkie.render.splats import gsplat_backend
from talkie.render.splats.definition import NEAR
from talkie.render.splats.harmonics import DEGREE_OF, harmonic_colours
from talkie.render.splats.project import project_gaussians
from talkie.render.splats.sweep import composite

Backend = Literal["auto", "cpu", "gsplat"]


@dataclass(frozen=True)
class Splats:
    """colour: (H, W, C), the background included; alpha: (H, W) in [0, 1), what of the background is hidden; depth:
    (H, W) metres along the optical axis, the mean of the centres' depths by their share of the pixel, infinity
    where nothing is drawn. Each has an axis of frames in front where the camera has."""

    colour: Tensor
    alpha: Tensor
    depth: Tensor


def rasterize(
    means: Tensor,
    scales: Tensor,
    quats: Tensor,
    opacities: Tensor,
    colours: Tensor,
    camera: Camera,
    *,
    backend: Backend = "auto",
) -> Splats:
    """A picture of 3-D Gaussians (Kerbl et al. 2023), differentiable once in every tensor and in the camera's pose.

    means: (N, 3) world metres; scales: (N, 3) standard deviations along the own axes, metres, not logarithms;
    quats: (N, 4) w, x, y, z, of any length but zero; opacities: (N,) in [0, 1]; colours: (N, C), or (N, K, C)
    coefficients of spherical harmonics with K = 1, 4, 9 or 16, whose value in the direction from the camera's
    centre to the mean plus 0.5, cut at 0, is the colour. float32 or float64, all of one type on one device. What is
    drawn is defined in `talkie.render.splats.definition`.

    With a camera of F frames every tensor has an axis F in front: Gaussians that move from frame to frame, (F, N, 3)
    and so on. Frames have nothing to do with each other; at once they take less time than one by one.

    backend: "cpu" composites CPU tensors with compiled code on one core; "gsplat" (the extra `gpu`) draws float32
    CUDA tensors, with gradients to all but the intrinsics; "auto" takes the one that belongs to the tensors' device
    and never moves them.

    Raises BadInput naming the argument (shape, type, device, values not finite, scales below 0, quaternions of
    length 0, opacities outside [0, 1]) and MissingExtra where gsplat is needed and not installed.
    """
    _check(means, scales, quats, opacities, colours, camera)
    chosen = _backend(backend, means)
    if colours.ndim == means.ndim + 1:
        colours = harmonic_colours(colours, means, camera)
    composite_on = gsplat_backend.composite if chosen == "gsplat" else _on_cpu
    summed, left = composite_on(means, scales, quats, opacities, colours, camera)
    colour, alpha = summed[..., :-1], 1 - left
    if camera.background is not None:
        colour = colour + left[..., None] * camera.background.to(colour)
    drawn = alpha > 0
    # The division happens where it is defined only: a gradient of infinity times zero is not a number.
    depth = torch.where(drawn, summed[..., -1] / torch.where(drawn, alpha, 1), torch.inf)
    return Splats(colour, alpha, depth)


def _on_cpu(
    means: Tensor, scales: Tensor, quats: Tensor, opacities: Tensor, colours: Tensor, camera: Camera
) -> tuple[Tensor, Tensor]:
    centres, conics, covariances, depth = project_gaussians(means, scales, quats, camera)
    order = torch.argsort(depth.detach(), dim=-1, stable=True)
    hidden = (depth.detach() < NEAR).sum(-1)
    features = torch.cat([colours, depth[..., None]], -1)
    spans = covariances[..., 2].detach()
    return composite(order, hidden, centres, conics, spans, opacities, features, camera.height, camera.width)


def _backend(asked: str, means: Tensor) -> str:
    if asked not in get_args(Backend):
        raise BadInput(f"{asked!r}", where="backend", cure=f"it is one of {', '.join(get_args(Backend))}")
    fitting = {"cpu": "cpu", "cuda": "gsplat"}.get(means.device.type)
    chosen = fitting if asked == "auto" else asked
    if chosen == "gsplat" and not gsplat_backend.installed():
        cure = "pip install 'talkie[gpu]', or draw tensors on the CPU"
        raise MissingExtra("gsplat, which draws CUDA tensors, is not installed", where="backend", cure=cure)
    if chosen is None or chosen != fitting:
        cure = "'cpu' draws CPU tensors and 'gsplat' CUDA tensors"
        raise BadInput(f"{asked!r} for tensors on {means.device}", where="backend", cure=cure)
    if chosen == "gsplat" and means.dtype != torch.float32:
        raise BadInput(f"{means.dtype}", where="means", cure="gsplat draws float32")
    return chosen


def _check(means: Tensor, scales: Tensor, quats: Tensor, opacities: Tensor, colours: Tensor, camera: Camera) -> None:
    if not isinstance(camera, Camera):
        raise BadInput(f"a {type(camera).__name__}", where="camera", cure="pass a talkie.render.Camera")
    frames = () if camera.frames is None else (camera.frames,)
    check("means", means, (*frames, None, 3))
    each = (*frames, means.shape[-2])
    check("scales", scales, (*each, 3), like=means)
    check("quats", quats, (*each, 4), like=means)
    check("opacities", opacities, each, like=means)
    harmonic = isinstance(colours, Tensor) and colours.ndim == means.ndim + 1
    check("colours", colours, (*each, None, None) if harmonic else (*each, None), like=means)
    if harmonic and colours.shape[-2] not in DEGREE_OF:
        cure = "1, 4, 9 or 16 coefficients of a colour make degree 0, 1, 2 or 3"
        raise BadInput(f"shape {tuple(colours.shape)}", where="colours", cure=cure)
    channels = colours.shape[-1]
    if camera.background is not None and len(camera.background) != channels:
        cure = f"the colours have {channels}"
        raise BadInput(f"{len(camera.background)} channels", where="camera.background", cure=cure)
    if not means.numel():
        return
    if bool((scales.detach() < 0).any()):
        raise BadInput("scales below 0", where="scales", cure="pass standard deviations, not their logarithms")
    if bool((quats.detach().abs().sum(-1) == 0).any()):
        raise BadInput("quaternions of length 0", where="quats", cure="(1, 0, 0, 0) turns nothing")
    if bool(((opacities.detach() < 0) | (opacities.detach() > 1)).any()):
        raise BadInput("values outside [0, 1]", where="opacities", cure="pass opacities, not their logits")
