"""The exponential mean of what a phase trains. When it is updated is decided in engine.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Ema:
    """mean <- decay * mean + (1 - decay) * weight, after every step; it begins as the weights the phase begins with.

    Under ZeRO-3 each worker keeps the mean of its own piece of a parameter, so that the pieces cost what they weigh.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], decay: float):
        self.decay = decay
        self._parameters = dict(parameters)
        self._means = [tensor.detach().clone() for tensor in self._live()]

    def _live(self) -> list[Tensor]:
        return [getattr(p, "ds_tensor", p).data for p in self._parameters.values()]

    @torch.no_grad()
    def update(self) -> None:
        torch._foreach_lerp_(self._means, self._live(), 1 - self.decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """For the length of the block the parameters hold their means."""
        live = self._live()
        kept = [tensor.clone() for tensor in live]
        for tensor, mean in zip(live, self._means, strict=True):
            tensor.copy_(mean)
        try:
            yield
        finally:
            for tensor, value in zip(live, kept, strict=True):
                tensor.copy_(value)

    def take(self) -> None:
        """The parameters' present values become the means: for resuming, while they hold the stored means."""
        self._means = [tensor.clone() for tensor in self._live()]
