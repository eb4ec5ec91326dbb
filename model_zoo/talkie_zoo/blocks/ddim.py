"""Sampling from a diffusion model in few steps (DDIM) and guidance without a classifier. The forward process is in
noise_schedule.py; what is denoised, and under which conditions, is the caller's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from talkie.errors import BadConfig
from talkie_zoo.blocks.noise_schedule import NoiseSchedule

Denoise = Callable[[Tensor, Tensor], Tensor]
"""x_t (B, …) and steps (B,) -> what the schedule's target asks for."""


def spaced(steps: int, count: int, spacing: Literal["trailing", "leading"] = "trailing") -> list[int]:
    """`count` of the `steps` in falling order. "trailing" begins with the last one, the only one whose noise a sampler
    has where that step holds no signal (Lin et al. 2024, section 3.3). Raises BadConfig unless 1 <= count <= steps."""
    if not 1 <= count <= steps:
        raise BadConfig(f"{count} sampling steps of a process of {steps}", cure=f"ask for 1 to {steps}")
    stride = steps / count
    if spacing == "trailing":
        return [round(steps - i * stride) - 1 for i in range(count)]
    return [int((count - 1 - i) * stride) for i in range(count)]


def guided(conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
    """Classifier-free guidance (Ho & Salimans 2022): 1 is the conditional answer, 0 the unconditional one."""
    return unconditional + scale * (conditional - unconditional)


@torch.no_grad()
def ddim(
    schedule: NoiseSchedule,
    denoise: Denoise,
    noise: Tensor,
    steps: int,
    fresh: Tensor | None = None,
    eta: float = 0.0,
) -> Tensor:
    """Clean samples like `noise` (B, …) in `steps` evaluations (Song et al. 2021, equation 12). With `eta` 0 nothing
    else is drawn; with 1 as much noise comes anew at each step as in the process itself, taken from `fresh`
    (steps - 1, B, …)."""
    x = noise
    times = spaced(schedule.steps, steps)
    for number, (now, then) in enumerate(zip(times, [*times[1:], None], strict=True)):
        t = torch.full((len(x),), now, device=x.device)
        clean, remaining = schedule.understood(denoise(x, t), x, t)
        if then is None:
            return clean
        if fresh is None or eta == 0:
            x = schedule.noised(clean, remaining, torch.full_like(t, then))
            continue
        before, after = schedule.retained[now], schedule.retained[then]
        spread = eta * ((1 - after) / (1 - before) * (1 - before / after)).sqrt()
        x = after.sqrt() * clean + (1 - after - spread**2).clamp_min(0).sqrt() * remaining + spread * fresh[number]
    return x
