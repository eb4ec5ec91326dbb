"""The probe that reads how far a mouth is open off a mouth crop, frame by frame. It stands in for nothing published: a
tracker of landmarks, which could be asked as well, knows true openings less surely, and painted ones least."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from talkie.evaluation.metrics.sync import aperture_correlation
from talkie.evaluation.probes.probe import Probe, convolutions, grey, in_batches, stacked
from talkie.evaluation.probes.views import MOUTH, View
from talkie.systems import Measurement

_BATCH = 64


class _Regressor(nn.Module):
    """Three convolutions, all places, one hidden layer."""

    def __init__(self) -> None:
        super().__init__()
        widths = (24, 48, 64)
        self.trunk = convolutions(1, widths)
        side = MOUTH >> len(widths)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(widths[-1] * side * side, 96), nn.ReLU(), nn.Linear(96, 1))
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("deviation", torch.ones(()))

    def forward(self, mouths: Tensor) -> Tensor:
        return self.head(self.trunk(mouths))[:, 0]  # type: ignore[no-any-return]


class Opening(Probe):
    """Mouth crop (N, 40, 40) -> (N,), the distance of the inner lips over the mouth's width. Its score is the mean over
    clips of the correlation with the landmarks' own."""

    name, kind = "opening", "mouth_reader"
    steps = 600

    def build(self) -> nn.Module:
        return _Regressor()

    def learn(self, views: Sequence[View], steps: int) -> None:
        mouths, truth = stacked(views, "mouths"), torch.from_numpy(np.concatenate([v.known.opening for v in views]))
        network = self.network
        with torch.no_grad():
            network.mean.copy_(truth.mean())
            network.deviation.copy_(truth.std().clamp(min=1e-3))
        wanted = (truth - network.mean) / network.deviation

        def loss_of(draw: np.random.Generator) -> Tensor:
            rows = draw.integers(0, len(mouths), _BATCH)
            return nn.functional.smooth_l1_loss(network(grey(mouths[rows][:, None], draw)), wanted[rows])

        self.descend([network], loss_of, steps)

    def score(self, views: Sequence[View]) -> tuple[Measurement, ...]:
        found = [aperture_correlation(view.known.opening, self.read(view.mouths), reach=0) for view in views]
        return (self.figure("correlation", float(np.mean(found)), len(found), "clip", views),)

    def read(self, mouths: np.ndarray) -> np.ndarray:
        """(T,) of mouth crops (T, 40, 40) uint8, as `View.mouths` holds them."""
        answer = in_batches(self.network, grey(mouths[:, None]))
        return np.asarray((answer * self.network.deviation + self.network.mean).numpy())
