"""The forward process of a diffusion model: how much noise a step holds, what a network is asked for, and how much each
step weighs in the loss. How noise is taken away again is in ddim.py."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from talkie.errors import BadConfig

Target = Literal["v", "noise", "sample"]
Kind = Literal["linear", "scaled_linear", "cosine"]


def betas(kind: Kind, steps: int, first: float, last: float) -> Tensor:
    """(steps,) float64 variances of the forward process. "scaled_linear" is linear in the square root, as in latent
    diffusion (Rombach et al. 2022); "cosine" needs neither `first` nor `last` (Nichol & Dhariwal 2021, equation 17)."""
    if kind == "cosine":
        place = (torch.arange(steps + 1, dtype=torch.float64) / steps + 0.008) / 1.008
        retained = torch.cos(place * torch.pi / 2) ** 2
        return (1 - retained[1:] / retained[:-1]).clamp(0, 0.999)
    if kind == "linear":
        return torch.linspace(first, last, steps, dtype=torch.float64)
    return torch.linspace(first**0.5, last**0.5, steps, dtype=torch.float64) ** 2


def zero_terminal_snr(retained: Tensor) -> Tensor:
    """Shifts and scales sqrt(alpha_bar) so that the last step holds no signal and the first stays as it is: (N,) of
    alpha_bar -> the same (Lin et al. 2024, algorithm 1)."""
    root = retained.sqrt()
    first, last = root[0].clone(), root[-1].clone()
    return ((root - last) * first / (first - last)) ** 2


class NoiseSchedule(nn.Module):
    """x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) noise, with a_t = alpha_bar of step t, kept as a buffer (N,) float32.

    `target`: what the network predicts. "v" is sqrt(a) noise - sqrt(1 - a) x_0 (Salimans & Ho 2022), the only one that
    says something about x_0 where no signal is left. Raises BadConfig for "noise" with a zero terminal SNR.
    """

    retained: Tensor

    def __init__(
        self,
        steps: int = 1000,
        first: float = 0.00085,
        last: float = 0.012,
        kind: Kind = "scaled_linear",
        zero_terminal: bool = True,
        target: Target = "v",
    ):
        super().__init__()
        if zero_terminal and target == "noise":
            raise BadConfig("noise says nothing about a picture without signal", cure="predict v, or keep the last SNR")
        self.steps, self.target = steps, target
        # Twelve digits of a product over a thousand steps; a table is measured, not allocated, so never on meta.
        with torch.device("cpu"):
            table = torch.cumprod(1 - betas(kind, steps, first, last), 0)
            table = zero_terminal_snr(table) if zero_terminal else table
        self.register_buffer("retained", table.float(), persistent=False)

    def snr(self, t: Tensor) -> Tensor:
        """(B,) signal-to-noise ratio a / (1 - a) of steps t (B,)."""
        a = self.retained.to(t.device)[t]
        return a / (1 - a)

    def noised(self, x: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """x_t of clean x (B, …) at steps t (B,)."""
        keep, add = self._roots(x, t)
        return keep * x + add * noise

    def wanted(self, x: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """What the network should answer."""
        if self.target != "v":
            return noise if self.target == "noise" else x
        keep, add = self._roots(x, t)
        return keep * noise - add * x

    def understood(self, answer: Tensor, noisy: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """The x_0 and the noise that an answer to x_t stands for."""
        keep, add = self._roots(noisy, t)
        if self.target == "v":
            return keep * noisy - add * answer, keep * answer + add * noisy
        if self.target == "noise":
            return (noisy - add * answer) / keep, answer
        return answer, (noisy - keep * answer) / add

    def min_snr_weights(self, t: Tensor, gamma: float) -> Tensor:
        """(B,) weights of the samples' errors in what is predicted, so that in x_0 each counts min(SNR, gamma) (Hang et
        al. 2023): over SNR + 1 for v, over SNR for noise. They belong on the error of each sample, before the mean over
        the batch."""
        snr = self.snr(t)
        capped = snr.clamp_max(gamma)
        return capped / {"v": snr + 1, "noise": snr, "sample": torch.ones_like(snr)}[self.target]

    def _roots(self, like: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        a = self.retained.to(like.device)[t].view(-1, *(1 for _ in like.shape[1:]))
        return a.sqrt(), (1 - a).sqrt()


def offset_noise(x: Tensor, strength: float) -> Tensor:
    """Noise like x (B, C, …) plus one draw per sample and channel, so that means are learned too (Guttenberg 2023);
    from torch's random state."""
    noise = torch.randn_like(x)
    if strength:
        noise = noise + strength * torch.randn(x.shape[:2]).to(x).view(*x.shape[:2], *(1 for _ in x.shape[2:]))
    return noise


def error_per_sample(answer: Tensor, wanted: Tensor) -> Tensor:
    """(B,) mean squares over everything but the batch, for weights that differ from sample to sample."""
    return (answer - wanted).square().flatten(1).mean(1)
