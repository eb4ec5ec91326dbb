"""The probe that reads face parameters off a crop: ARKit's weights, the jaw and the head's rotation. It stands in for
networks of face reconstruction; distances between what it reads are in `metrics.landmarks` and `metrics.pose`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from talkie.errors import BadInput
from talkie.evaluation.probes.probe import Probe, convolutions, in_batches, pixels, stacked
from talkie.evaluation.probes.views import FACE, PARAMETERS, View
from talkie.systems import Measurement

WEIGHTS, JAW, ROTATION = slice(0, PARAMETERS - 6), slice(PARAMETERS - 6, PARAMETERS - 3), slice(PARAMETERS - 3, None)
"""Places in a row of parameters: 52 weights, and radians (axis-angle) of the jaw and of the head before the camera."""
_FLOOR = 0.02
"""Least deviation that counts as one: what hardly moves in the shoot must not outweigh the rest."""
_STILL = 1e-3
"""Mean's error, in deviations, under which a group of parameters does not move in the held-out clips."""
_BATCH = 32


class _Regressor(nn.Module):
    """Parameters of face crops: four convolutions, all places, one hidden layer."""

    def __init__(self) -> None:
        super().__init__()
        widths = (16, 32, 48, 64)
        self.trunk = convolutions(3, widths)
        side = FACE >> len(widths)
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(widths[-1] * side * side, 128), nn.ReLU(), nn.Linear(128, PARAMETERS)
        )
        self.register_buffer("mean", torch.zeros(PARAMETERS))
        self.register_buffer("deviation", torch.ones(PARAMETERS))

    def forward(self, crops: Tensor) -> Tensor:
        return self.head(self.trunk(crops))  # type: ignore[no-any-return]


class Parameters(Probe):
    """Crop (N, 64, 64, 3) -> (N, 58). Its score is its error over that of predicting the training mean."""

    name, kind = "parameters", "face_reconstruction"
    fields = ("mp4", "landmarks.npy", "head.npz")
    steps = 1600

    def build(self) -> nn.Module:
        return _Regressor()

    def learn(self, views: Sequence[View], steps: int) -> None:
        crops, truth = stacked(views, "faces"), torch.from_numpy(_truth(views))
        network = self.network
        with torch.no_grad():
            network.mean.copy_(truth.mean(0))
            network.deviation.copy_(truth.std(0).clamp(min=_FLOOR))
        wanted = (truth - network.mean) / network.deviation

        def loss_of(draw: np.random.Generator) -> Tensor:
            rows = draw.integers(0, len(crops), _BATCH)
            answer = network(pixels(crops[rows], draw))
            return torch.nn.functional.smooth_l1_loss(answer, wanted[rows])

        self.descend([network], loss_of, steps)

    def score(self, views: Sequence[View]) -> tuple[Measurement, ...]:
        truth, guess = _truth(views), self.read(stacked(views, "faces"))
        mean, deviation = (b.numpy() for b in (self.network.mean, self.network.deviation))
        found, trivial = np.abs(guess - truth) / deviation, np.abs(mean - truth) / deviation
        parts = {"error": slice(None), "weights_error": WEIGHTS, "jaw_error": JAW, "rotation_error": ROTATION}
        # Where nothing moves there is nothing to read, and no figure.
        return tuple(
            self.figure(name, found[:, p].mean() / trivial[:, p].mean(), len(truth), "frame", views, "mean's")
            for name, p in parts.items()
            if trivial[:, p].mean() > _STILL
        )

    def read(self, crops: np.ndarray) -> np.ndarray:
        """(T, 58) float32 of face crops (T, 64, 64, 3) uint8, as `View.faces` holds them."""
        answer = in_batches(self.network, pixels(crops))
        return np.asarray((answer * self.network.deviation + self.network.mean).numpy())


def _truth(views: Sequence[View]) -> np.ndarray:
    rows = [view.known.parameters for view in views]
    lacking = [view.id for view, row in zip(views, rows, strict=True) if row is None]
    if lacking:
        raise BadInput("no head parameters", where=lacking[0], cure="give clips with head.npz")
    return np.concatenate([row for row in rows if row is not None])
