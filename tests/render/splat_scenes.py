"""What the tests of the splats share: random scenes, and the definition spelled out pixel by pixel."""

import torch
from torch import Tensor

from talkie.render.splats import Camera

LOW_PASS, MIN_ALPHA, MAX_ALPHA, MIN_LIGHT, NEAR, MARGIN = 0.3, 1 / 255, 0.999, 1e-4, 0.01, 0.3


def camera(size: int = 24, height: int | None = None, dtype: torch.dtype = torch.float64, **more) -> Camera:
    """Looks at the origin from 0.8 m in front and a little to the side."""
    height = height or size
    angle = torch.tensor(0.3, dtype=dtype)
    c, s = torch.cos(angle), torch.sin(angle)
    turn = torch.stack(
        [torch.stack([c, 0 * c, s]), torch.stack([0 * c, 1 + 0 * c, 0 * c]), torch.stack([-s, 0 * c, c])]
    )
    R = torch.diag(torch.tensor([1.0, -1.0, -1.0], dtype=dtype)) @ turn
    K = torch.tensor([[1.6 * size, 0, size / 2 - 0.7], [0, 1.5 * size, height / 2 + 0.4], [0, 0, 1]], dtype=dtype)
    return Camera(K, R, torch.tensor([0.01, -0.02, 0.8], dtype=dtype), size, height, **more)


def scene(count: int, seed: int = 0, *, spread: float = 0.2, size: float = 0.03, dtype: torch.dtype = torch.float64):
    """means, scales, quats, opacities, colours of `count` Gaussians around the origin."""
    g = torch.Generator().manual_seed(seed)
    means = spread * torch.randn(count, 3, generator=g, dtype=dtype)
    scales = size * torch.exp(0.6 * torch.randn(count, 3, generator=g, dtype=dtype))
    quats = torch.randn(count, 4, generator=g, dtype=dtype)
    opacities = 0.05 + 0.9 * torch.rand(count, generator=g, dtype=dtype)
    return means, scales, quats, opacities, torch.rand(count, 3, generator=g, dtype=dtype)


def reference(means, scales, quats, opacities, colours, camera: Camera) -> tuple[Tensor, Tensor, Tensor]:
    """O(N H W): every Gaussian at every pixel, by autograd only. Colour, alpha, sum of weight times depth."""
    K, R, t = camera.like(means)
    local = means @ R.T + t
    z = local[:, 2]
    w, i, j, k = (quats / quats.norm(dim=1, keepdim=True)).unbind(1)
    spin = torch.stack([torch.stack(row, 1) for row in (
        (w * w + i * i - j * j - k * k, 2 * (i * j - w * k), 2 * (i * k + w * j)),
        (2 * (i * j + w * k), w * w - i * i + j * j - k * k, 2 * (j * k - w * i)),
        (2 * (i * k - w * j), 2 * (j * k + w * i), w * w - i * i - j * j + k * k),
    )], 1)  # fmt: skip
    covariance = spin @ torch.diag_embed(scales**2) @ spin.transpose(1, 2)
    slopes = []
    for axis, size in ((0, camera.width), (1, camera.height)):
        f, c = K[axis, axis], K[axis, 2]
        edge = MARGIN * size / 2 / f
        slopes.append(torch.minimum(torch.maximum(local[:, axis] / z, -c / f - edge), (size - c) / f + edge))
    zero = torch.zeros_like(z)
    jacobian = torch.stack([
        torch.stack([K[0, 0] / z, zero, -K[0, 0] * slopes[0] / z], 1),
        torch.stack([zero, K[1, 1] / z, -K[1, 1] * slopes[1] / z], 1),
    ], 1)  # fmt: skip
    view = jacobian @ R
    image = view @ covariance @ view.transpose(1, 2) + LOW_PASS * torch.eye(2, dtype=means.dtype)
    inverse = torch.linalg.inv(image)
    centre = (local @ K.T)[:, :2] / z[:, None]
    y, x = torch.meshgrid(torch.arange(camera.height) + 0.5, torch.arange(camera.width) + 0.5, indexing="ij")
    pixels = torch.stack([x, y], -1).to(means)
    light = torch.ones(camera.height, camera.width, dtype=means.dtype)
    going = torch.ones_like(light, dtype=torch.bool)
    colour = torch.zeros(camera.height, camera.width, colours.shape[1], dtype=means.dtype)
    depth = torch.zeros_like(light)
    for n in sorted(range(len(z)), key=lambda n: float(z[n].detach())):
        if z[n] < NEAR:
            continue
        d = pixels - centre[n]
        alpha = opacities[n] * torch.exp(-0.5 * torch.einsum("hwi,ij,hwj->hw", d, inverse[n], d))
        alpha = torch.clamp(alpha, max=MAX_ALPHA)
        alpha = torch.where(alpha < MIN_ALPHA, 0, alpha)
        after = light * (1 - alpha)
        going = going & (after > MIN_LIGHT)
        weight = torch.where(going, light * alpha, 0)
        light = torch.where(going, after, light)
        colour = colour + weight[..., None] * colours[n]
        depth = depth + weight * z[n]
    if camera.background is not None:
        colour = colour + light[..., None] * camera.background.to(colour)
    return colour, 1 - light, depth
