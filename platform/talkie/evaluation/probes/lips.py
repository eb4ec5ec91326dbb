"""The probe that reads visemes off mouth crops, as two independent readers: other crops, network, seed and order of
data for each role. It stands in for lip readers; error rates of what is read are in `metrics.reading`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from talkie.errors import BadInput
from talkie.evaluation.metrics.reading import ver
from talkie.evaluation.metrics.recognition import war
from talkie.evaluation.probes.probe import Probe, convolutions, grey
from talkie.evaluation.probes.views import View
from talkie.speech.phones import SILENCE, VISEMES, viseme_of
from talkie.systems import Measurement

LENGTH = 30
"""Frames of a training window."""
_BATCH = 8
_LETTERS = "_" + "ABCDEFGHIJKLMN"
"""One letter a viseme, in the order of VISEMES, so that texts of letters can be compared by `metrics.reading`."""
_SILENT = VISEMES.index(viseme_of(SILENCE))


class _Recurrent(nn.Module):
    """Reader A: convolutions of each 32 px frame and its change, then a bidirectional GRU over time."""

    side = 32

    def __init__(self) -> None:
        super().__init__()
        self.frame = nn.Sequential(convolutions(2, (16, 32, 48)), nn.Flatten(), nn.Linear(48 * 16, 64), nn.ReLU())
        self.time = nn.GRU(64, 48, batch_first=True, bidirectional=True)
        self.answer = nn.Linear(96, len(VISEMES))

    def forward(self, mouths: Tensor) -> Tensor:
        count, frames = mouths.shape[:2]
        before = torch.cat([mouths[:, :1], mouths[:, :-1]], 1)
        pair = torch.stack([mouths, mouths - before], 2).flatten(0, 1)
        return self.answer(self.time(self.frame(pair).view(count, frames, -1))[0])  # type: ignore[no-any-return]


class _Temporal(nn.Module):
    """Reader B: the 24 px frames' pixels through a linear layer, then dilated convolutions over time with residuals."""

    side = 24

    def __init__(self) -> None:
        super().__init__()
        width = 96
        self.frame = nn.Sequential(nn.Flatten(2), nn.Linear(self.side**2, width), nn.LayerNorm(width), nn.ReLU())
        self.time = nn.ModuleList(nn.Conv1d(width, width, 3, padding=d, dilation=d) for d in (1, 2, 4))
        self.answer = nn.Linear(width, len(VISEMES))

    def forward(self, mouths: Tensor) -> Tensor:
        values = self.frame(mouths).transpose(1, 2)
        for layer in self.time:
            values = values + torch.relu(layer(values))
        return self.answer(values.transpose(1, 2))  # type: ignore[no-any-return]


class Lips(Probe):
    """Mouth crops (T, 40, 40) -> a viseme of each frame. "evaluation" is reader A, "loss" reader B."""

    name, kind = "lips", "lip_reader"
    fields = ("mp4", "landmarks.npy", "phones.json", "txt")
    steps = 700

    def build(self) -> nn.Module:
        return _Temporal() if self.role == "loss" else _Recurrent()

    def learn(self, views: Sequence[View], steps: int) -> None:
        clips = [(self._crops(view.mouths), torch.from_numpy(_truth(view))) for view in views if len(view) >= LENGTH]
        if not clips:
            raise BadInput("no clip is long enough", where=self.name, cure=f"give clips of {LENGTH} frames")

        def loss_of(draw: np.random.Generator) -> Tensor:
            crops, wanted = [], []
            for number in draw.integers(0, len(clips), _BATCH):
                mouths, truth = clips[int(number)]
                first = int(draw.integers(0, len(mouths) - LENGTH + 1))
                crops.append(mouths[first : first + LENGTH])
                wanted.append(truth[first : first + LENGTH])
            answer = self.network(grey(np.stack(crops), draw))
            return nn.functional.cross_entropy(answer.flatten(0, 1), torch.cat(wanted), label_smoothing=0.05)

        self.descend([self.network], loss_of, steps)

    def train(self, train: Sequence[View], held_out: Sequence[View], steps: int | None = None) -> None:
        """As of every probe, without the training clips whose sentence a held-out person says, where some are left:
        otherwise the words would be known."""
        said = {view.known.sentence for view in held_out} - {""}
        new = [view for view in train if view.known.sentence not in said]
        super().train(new or train, held_out, steps)

    def score(self, views: Sequence[View]) -> tuple[Measurement, ...]:
        truth = [_truth(view) for view in views]
        guess = [self.read(view.mouths) for view in views]
        true, found = np.concatenate(truth), np.concatenate(guess)
        accuracy = war(true, found)
        said = [(t, g) for t, g in zip(map(letters, truth), map(letters, guess), strict=True) if t]
        figures = [
            self.figure("frame_accuracy", accuracy, len(true), "frame", views),
            # The best that an answer of always the same viseme can do.
            self.figure("commonest_viseme", float(np.bincount(true).max() / len(true)), len(true), "frame", views),
            self.figure("chance", 1 / len(VISEMES), len(true), "frame", views),
        ]
        if said:
            rate = ver([t for t, _ in said], [g for _, g in said])
            figures.append(self.figure("viseme_error_rate", rate, sum(len(t) for t, _ in said), "viseme", views))
        return tuple(figures)

    @torch.inference_mode()
    def read(self, mouths: np.ndarray) -> np.ndarray:
        """(T,) numbers in VISEMES of mouth crops (T, 40, 40) uint8, as `View.mouths` holds them."""
        answer = self.network(grey(self._crops(mouths)[None]))[0]
        return np.asarray(answer.argmax(1).numpy())

    def _crops(self, mouths: np.ndarray) -> np.ndarray:
        """(T, S, S): the middle 32 px for reader A; everything, in half the detail, for reader B."""
        side = int(self.network.side)
        if self.role == "evaluation":
            edge = (mouths.shape[1] - side) // 2
            return mouths[:, edge : edge + side, edge : edge + side]
        whole = torch.from_numpy(np.ascontiguousarray(mouths))[:, None].float()
        small = nn.functional.interpolate(whole, (side, side), mode="bilinear", align_corners=False, antialias=True)
        return np.asarray(small[:, 0].round().byte().numpy())


def letters(visemes: np.ndarray) -> str:
    """A letter for each run of one viseme (T,), silence left out: what error rates are taken of."""
    runs = visemes[np.flatnonzero(np.diff(visemes, prepend=-1))]
    return "".join(_LETTERS[v] for v in runs if v != _SILENT)


def _truth(view: View) -> np.ndarray:
    if view.known.visemes is None:
        raise BadInput("no phones", where=view.id, cure="give clips with phones.json")
    return view.known.visemes
