"""The probe that tells people apart: embeddings of face crops with a margin between the people of the training clips.
It stands in for ArcFace; cosines between embeddings are in `metrics.perceptual`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from talkie.errors import BadInput
from talkie.evaluation.metrics.recognition import eer
from talkie.evaluation.probes.probe import Probe, convolutions, in_batches, pixels, stacked
from talkie.evaluation.probes.views import View
from talkie.systems import Measurement

WIDTH = 64
_MARGIN, _SCALE = 0.2, 16.0
"""CosFace's margin (Wang et al. 2018) is 0.35 among many thousand people; a cast of some dozen bears less."""
_BATCH = 48
_PER_CLIP = 4
"""Frames of a held-out clip that are compared with those of the others."""


class _Embedder(nn.Module):
    """Unit vectors (N, 64) of face crops."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = convolutions(3, (16, 32, 48, 64))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(64 * 16, WIDTH))

    def forward(self, crops: Tensor) -> Tensor:
        return nn.functional.normalize(self.head(self.trunk(crops)), dim=1)


class Identity(Probe):
    """Crop (N, 64, 64, 3) -> unit vectors (N, 64). Its score is the error rate of verification among people it has not
    seen, over pairs of frames of different clips."""

    name, kind = "identity", "arcface"
    steps = 600

    def build(self) -> nn.Module:
        return _Embedder()

    def learn(self, views: Sequence[View], steps: int) -> None:
        names = sorted({view.known.identity for view in views})
        if len(names) < 2:
            raise BadInput(
                f"{len(names)} people", where=self.name, cure="give clips of two or more people for training"
            )
        crops = stacked(views, "faces")
        who = np.concatenate([np.full(len(view), names.index(view.known.identity)) for view in views])
        rows_of = [np.flatnonzero(who == number) for number in range(len(names))]
        # The people of the training clips themselves are needed by nobody afterwards.
        middles = nn.Linear(WIDTH, len(names), bias=False)

        def loss_of(draw: np.random.Generator) -> Tensor:
            people = draw.integers(0, len(names), _BATCH)
            rows = np.array([draw.choice(rows_of[int(p)]) for p in people])
            answer = self.network(pixels(crops[rows], draw))
            cosines = answer @ nn.functional.normalize(middles.weight, dim=1).T
            wanted = torch.from_numpy(people)
            margins = _MARGIN * nn.functional.one_hot(wanted, len(names))
            return nn.functional.cross_entropy(_SCALE * (cosines - margins), wanted)

        self.descend([self.network, middles], loss_of, steps)

    def score(self, views: Sequence[View]) -> tuple[Measurement, ...]:
        vectors, people, clips = [], [], []
        for number, view in enumerate(views):
            rows = np.unique(np.linspace(0, len(view) - 1, _PER_CLIP).astype(int))
            vectors.append(self.embed(view.faces[rows]))
            people += [view.known.identity] * len(rows)
            clips += [number] * len(rows)
        found, who, clip = np.concatenate(vectors), np.array(people), np.array(clips)
        first, second = np.triu_indices(len(found), 1)
        other = clip[first] != clip[second]
        first, second = first[other], second[other]
        genuine = who[first] == who[second]
        if genuine.all() or not genuine.any():
            raise BadInput(
                "held-out clips make no pairs of one person and of two",
                where=self.name,
                cure="hold out two people with two clips each",
            )
        cosines = np.einsum("nd,nd->n", found[first], found[second])
        return (
            self.figure("eer", eer(cosines, genuine), len(cosines), "pair", views),
            self.figure("same_person_cosine", cosines[genuine].mean(), int(genuine.sum()), "pair", views),
            self.figure("other_person_cosine", cosines[~genuine].mean(), int((~genuine).sum()), "pair", views),
        )

    def embed(self, crops: np.ndarray) -> np.ndarray:
        """(T, 64) float32 unit vectors of face crops (T, 64, 64, 3) uint8, as `View.faces` holds them."""
        return np.asarray(in_batches(self.network, pixels(crops)).numpy())
