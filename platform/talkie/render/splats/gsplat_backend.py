"""The CUDA compositor: our arguments in the convention of gsplat, imported late; no maths of its own."""

from __future__ import annotations

import importlib.util

import torch
from torch import Tensor

from talkie.render.pinhole import Camera
from talkie.render.splats.definition import LOW_PASS, NEAR


def installed() -> bool:
    return importlib.util.find_spec("gsplat") is not None


def composite(
    means: Tensor, scales: Tensor, quats: Tensor, opacities: Tensor, colours: Tensor, camera: Camera
) -> tuple[Tensor, Tensor]:
    """Weighted sums of colour and depth (H, W, C + 1) and the transmittance that is left (H, W), of every frame of the
    camera where it has frames, one after the other; shapes as in `talkie.render.splats.rasterize`.

    gsplat's `rasterization` shares the conventions: quaternions w, x, y, z, OpenCV's world-to-camera matrix, pixel
    centres at half integers; it wants a leading dimension of cameras, and (quats, scales), in this order. Its
    other constants (alpha, transmittance) are compiled in and equal ours, see the definition.
    """
    if camera.frames is not None:
        frames = zip(means, scales, quats, opacities, colours, strict=True)
        drawn = [composite(m, s, q, o, c, camera.at(n)) for n, (m, s, q, o, c) in enumerate(frames)]
        return torch.stack([summed for summed, _ in drawn]), torch.stack([left for _, left in drawn])
    from gsplat import rasterization

    K, R, t = camera.like(means)
    last = torch.tensor([[0.0, 0.0, 0.0, 1.0]], dtype=means.dtype, device=means.device)
    view = torch.cat([torch.cat([R, t[:, None]], 1), last])
    summed, alpha, _ = rasterization(
        means=means,
        quats=quats,
        scales=scales,
        opacities=opacities,
        colors=colours,
        viewmats=view[None],
        Ks=K[None],
        width=camera.width,
        height=camera.height,
        near_plane=NEAR,
        eps2d=LOW_PASS,
        render_mode="RGB+D",
        rasterize_mode="classic",
        packed=False,
    )
    return summed[0], 1 - alpha[0, ..., 0]
