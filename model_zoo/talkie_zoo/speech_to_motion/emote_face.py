"""The face that EMOTE learns on: chosen vertices of the average head in units of the training motion, and
coefficients in units of theirs. No network is here."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from talkie.systems.tasks.speech_to_motion import EXPRESSIONS
from talkie_zoo.blocks.head_basis import RestrictedHead, spread
from talkie_zoo.blocks.head_model import head_model
from talkie_zoo.speech_to_motion.unitalker_heads import STILL

COEFFICIENTS = EXPRESSIONS + 3
"""52 ARKit weights and the jaw's axis-angle in radians."""


class Face(nn.Module):
    """(…, 55) coefficients -> (…, points, 3) vertices about the mean of the training motion, over its deviation.

    The first `lips` points are lip vertices, the others are spread over the face. `variance`: mean square of a
    vertex coordinate about that mean, m^2. `mean` and `unit` (55,) standardise the coefficients; those that never move
    in training stay at their mean.
    """

    mean: Tensor
    unit: Tensor
    rest: Tensor
    variance: Tensor

    def __init__(self, head: str, lips: int, points: int):
        super().__init__()
        # A head is measured, not allocated: that needs real numbers where the networks are built without any.
        with torch.device("cpu"):
            model = head_model(head)
            mouth = spread(model.regions["lips"], lips)
            picks = np.concatenate([mouth, spread(model.regions["face"], points)])
            self.basis = RestrictedHead(model, picks)
            self.upper = RestrictedHead(model, spread(model.regions["upper_face"], points))
        self.lips, self.points = len(mouth), len(picks)
        self.register_buffer("mean", torch.zeros(COEFFICIENTS))
        self.register_buffer("unit", torch.ones(COEFFICIENTS))
        self.register_buffer("rest", torch.zeros(len(picks), 3))
        self.register_buffer("variance", torch.ones(()))

    @torch.no_grad()
    def measure(self, motion: Tensor) -> None:
        """Takes the statistics of training motion (N, 55)."""
        deviation = motion.std(0)
        self.mean.copy_(motion.mean(0))
        self.unit.copy_(torch.where(deviation > STILL, deviation, torch.zeros_like(deviation)))
        picks = torch.as_tensor(spread(np.arange(len(motion)), 2000))
        moved = self._vertices(motion[picks])
        self.rest.copy_(moved.mean(0))
        self.variance.copy_((moved - self.rest).square().mean().clamp_min(1e-12))

    def forward(self, motion: Tensor) -> Tensor:
        return (self._vertices(motion) - self.rest) / self.variance.sqrt()

    def standardised(self, motion: Tensor) -> Tensor:
        """Coefficients (…, 55) in deviations; what never moved in training is 0."""
        return (motion - self.mean) / self.unit.clamp_min(STILL) * (self.unit > 0)

    def motion(self, codes: Tensor) -> Tensor:
        """The inverse of `standardised`."""
        return self.mean + codes * self.unit

    def upper_face(self, motion: Tensor) -> Tensor:
        """Offsets (…, points, 3) of the upper face from neutral, metres."""
        return self.upper(motion[..., :EXPRESSIONS], motion[..., EXPRESSIONS:])

    def _vertices(self, motion: Tensor) -> Tensor:
        return self.basis(motion[..., :EXPRESSIONS], motion[..., EXPRESSIONS:])
