"""The probe that tells a clip's emotion from its face crops. It stands in for emotion classifiers; accuracies are in
`metrics.recognition`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from talkie.errors import BadInput
from talkie.evaluation.metrics.recognition import uar, war
from talkie.evaluation.probes.probe import Probe, convolutions, in_batches, pixels, stacked
from talkie.evaluation.probes.views import View
from talkie.speech.emotion import EMOTIONS
from talkie.systems import Measurement

_BATCH = 32


class _Classifier(nn.Module):
    """Scores of the emotions for face crops; a third of the features is dropped in training, because people are few."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = convolutions(3, (16, 32, 48, 64))
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.33), nn.Linear(64 * 16, len(EMOTIONS)))

    def forward(self, crops: Tensor) -> Tensor:
        return self.head(self.trunk(crops))  # type: ignore[no-any-return]


class Emotion(Probe):
    """Crop (N, 64, 64, 3) -> one of the stage's emotions; a clip's is that of the greatest mean log-probability."""

    name, kind = "emotion", "emotion"

    def build(self) -> nn.Module:
        return _Classifier()

    def learn(self, views: Sequence[View], steps: int) -> None:
        shown = _truth(views)
        present = np.unique(shown)
        if len(present) < 2:
            raise BadInput(f"{len(present)} emotions", where=self.name, cure="give clips under two emotions or more")
        crops = stacked(views, "faces")
        label = np.repeat(shown, [len(view) for view in views])
        rows_of = [np.flatnonzero(label == number) for number in present]

        def loss_of(draw: np.random.Generator) -> Tensor:
            which = draw.integers(0, len(present), _BATCH)
            rows = np.array([draw.choice(rows_of[int(number)]) for number in which])
            wanted = torch.from_numpy(label[rows])
            return nn.functional.cross_entropy(self.network(pixels(crops[rows], draw)), wanted, label_smoothing=0.05)

        self.descend([self.network], loss_of, steps)

    def score(self, views: Sequence[View]) -> tuple[Measurement, ...]:
        truth = _truth(views)
        guess = np.array([EMOTIONS.index(self.tell(view.faces)) for view in views])
        return (
            self.figure("accuracy", war(truth, guess), len(truth), "clip", views),
            self.figure("unweighted_recall", uar(truth, guess), len(truth), "clip", views),
            # As often as a guess without looking is right, at best: the commonest emotion, or one of those shown.
            self.figure("chance", 1 / len(np.unique(truth)), len(truth), "clip", views),
            self.figure("commonest_emotion", float(np.bincount(truth).max() / len(truth)), len(truth), "clip", views),
        )

    def tell(self, crops: np.ndarray) -> str:
        """The emotion of face crops (T, 64, 64, 3) uint8 of one clip, as `View.faces` holds them."""
        scores = torch.log_softmax(in_batches(self.network, pixels(crops)), 1)
        return str(EMOTIONS[int(scores.mean(0).argmax())])


def _truth(views: Sequence[View]) -> np.ndarray:
    unknown = [view for view in views if view.known.emotion not in EMOTIONS]
    if unknown:
        raise BadInput(
            f"emotion {unknown[0].known.emotion!r}", where=unknown[0].id, cure=f"label clips {', '.join(EMOTIONS)}"
        )
    return np.array([EMOTIONS.index(view.known.emotion) for view in views])
