"""The probe that tells whether lips and sound agree in time: two towers, trained against the same clip a few frames
off. It stands in for SyncNet; the figures made of its embeddings are in `metrics.sync`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from talkie.errors import BadInput
from talkie.evaluation.metrics.sync import REACH, SyncScores, calibrated, sync_scores
from talkie.evaluation.probes.probe import Probe, convolutions, grey, in_batches
from talkie.evaluation.probes.views import MELS, PER_FRAME, View
from talkie.systems import Measurement

SIDE, WINDOW = 32, 5
"""Pixels of a mouth crop; frames of a window, of lips and sound alike."""
HARD = (3, 15)
"""Least and greatest shift in frames of the negatives from the same clip (_metrics: hard negatives)."""
WIDTH = 64
_ANCHORS, _CLIPS = 8, 6
"""Moments of a clip and clips in a batch: every other sound of the batch is a negative."""
_TEMPERATURE = 0.1


class _Towers(nn.Module):
    """Lips (N, 5, 32, 32) and sound (N, 1, 20, 80) -> unit vectors (N, 64)."""

    def __init__(self, loss: bool) -> None:
        super().__init__()
        lips = (24, 32, 48) if loss else (16, 32, 64)
        self.lips = nn.Sequential(
            convolutions(WINDOW, lips), nn.Flatten(), nn.Linear(lips[-1] * (SIDE // 8) ** 2, WIDTH)
        )
        self.sound = nn.Sequential(convolutions(1, (16, 32, 64)), nn.Flatten(), nn.Linear(64 * 3 * 10, WIDTH))
        # Distances of the true clips, which figures are divided by.
        self.register_buffer("true_distance", torch.ones(()))
        self.register_buffer("true_confidence", torch.ones(()))

    def see(self, lips: Tensor) -> Tensor:
        return nn.functional.normalize(self.lips(lips), dim=1)

    def hear(self, sound: Tensor) -> Tensor:
        return nn.functional.normalize(self.sound(sound), dim=1)


@dataclass(frozen=True)
class _Windows:
    """Of one clip: lips (N, 5, 32, 32) uint8 and sound (N, 20, 80), window i of frames i to i + 4."""

    lips: np.ndarray
    sound: np.ndarray


class Sync(Probe):
    """Scores lips and sound of a view; LSE-D and LSE-C are divided by those of its true held-out clips, so that 1 is
    what truth has."""

    name, kind = "sync", "syncnet"
    fields = ("mp4", "landmarks.npy", "flac")

    def build(self) -> nn.Module:
        return _Towers(self.role == "loss")

    def learn(self, views: Sequence[View], steps: int) -> None:
        clips = [_windows(view) for view in views if len(view) >= WINDOW + HARD[1] + 1]
        if not clips:
            raise BadInput("no clip is long enough", where="sync", cure=f"give clips of {WINDOW + HARD[1] + 1} frames")
        self.descend([self.network], lambda draw: self._loss(clips, draw), steps)

    def _loss(self, clips: Sequence[_Windows], draw: np.random.Generator) -> Tensor:
        lips, sound, near = [], [], []
        for number in draw.integers(0, len(clips), _CLIPS):
            clip = clips[int(number)]
            moments = draw.integers(0, len(clip.lips), _ANCHORS)
            shifts = draw.integers(HARD[0], HARD[1] + 1, _ANCHORS) * draw.choice((-1, 1), _ANCHORS)
            other = moments + shifts
            # A shift beyond the end goes the other way; a clip is longer than one shift.
            other = np.where((other < 0) | (other >= len(clip.lips)), moments - shifts, other)
            lips.append(clip.lips[moments])
            sound += [clip.sound[moments], clip.sound[np.clip(other, 0, len(clip.lips) - 1)]]
            near.append(moments)
        seen = self.network.see(grey(np.concatenate(lips), draw))
        order = np.concatenate([sound[0::2], sound[1::2]]).reshape(-1, WINDOW * PER_FRAME, MELS)
        heard = self.network.hear(torch.from_numpy(order)[:, None])
        logits = seen @ heard.T / _TEMPERATURE
        logits = logits.masked_fill(_too_near(near, len(heard)), -1e4)
        wanted = torch.arange(len(seen))
        back = logits[:, : len(seen)].T
        return nn.functional.cross_entropy(logits, wanted) + nn.functional.cross_entropy(back, wanted)

    def score(self, views: Sequence[View]) -> tuple[Measurement, ...]:
        long = [view for view in views if len(view) > REACH + WINDOW]
        if len(long) < 2:
            raise BadInput(f"{len(long)} held-out clips", where="sync", cure=f"give two of {REACH + WINDOW + 1} frames")
        embedded = [self.embed(view) for view in long]
        true = [sync_scores(*pair) for pair in embedded]
        shuffled = []
        for (lips, _), (_, sound) in zip(embedded, embedded[1:] + embedded[:1], strict=True):
            length = min(len(lips), len(sound))
            shuffled.append(sync_scores(lips[:length], sound[:length]))
        distance, confidence = (float(np.mean([getattr(s, n) for s in true])) for n in ("distance", "confidence"))
        with torch.no_grad():
            # A scorer that learned nothing has no confidence to be a unit.
            self.network.true_distance.fill_(max(distance, 1e-6))
            self.network.true_confidence.fill_(max(confidence, 1e-6))
        control = float(np.mean([s.confidence for s in shuffled]))
        offsets = np.array([abs(s.offset) for s in true])
        figures = (
            ("in_time", float((offsets == 0).mean())),
            ("confidence_true", confidence),
            ("confidence_shuffled", control),
            ("distance_true", distance),
        )
        return tuple(self.figure(name, value, len(long), "clip", long) for name, value in figures)

    def embed(self, view: View) -> tuple[np.ndarray, np.ndarray]:
        """Unit vectors (N, 64) of lips and sound, row i of frames i to i + 4, N = T - 4. Raises BadInput for a view
        without sound or shorter than a window."""
        clip = _windows(view)
        lips = in_batches(self.network.see, grey(clip.lips))
        sound = in_batches(self.network.hear, torch.from_numpy(clip.sound)[:, None])
        return lips.numpy(), sound.numpy()

    def scores(self, view: View) -> SyncScores:
        """Distance and confidence with those of true clips as their unit, and the offset in frames. Raises BadInput for
        a view of 19 frames or less."""
        found = sync_scores(*self.embed(view))
        distance, confidence = float(self.network.true_distance), float(self.network.true_confidence)
        return SyncScores(calibrated(found.distance, distance), calibrated(found.confidence, confidence), found.offset)


def _too_near(moments: Sequence[np.ndarray], sounds: int) -> Tensor:
    """(N, M) which sounds of the batch lie less than HARD[0] frames from a clip's moment: no negatives, as nobody could
    tell them. Clips drawn twice count as two."""
    count = sum(map(len, moments))
    near = torch.zeros((count, sounds), dtype=torch.bool)
    first = 0
    for part in moments:
        apart = np.abs(part[:, None] - part[None])
        block = torch.from_numpy((apart < HARD[0]) & ~np.eye(len(part), dtype=bool))
        near[first : first + len(part), first : first + len(part)] = block
        first += len(part)
    return near


def _windows(view: View) -> _Windows:
    if view.sound is None or len(view) < WINDOW:
        raise BadInput(f"{len(view)} frames, no sound or too few", where=view.id, cure="give five frames with sound")
    edge = (view.mouths.shape[1] - SIDE) // 2
    mouths = view.mouths[:, edge : edge + SIDE, edge : edge + SIDE]
    rows = np.lib.stride_tricks.sliding_window_view(np.arange(len(view)), WINDOW)
    return _Windows(mouths[rows], view.sound[rows].reshape(len(rows), WINDOW * PER_FRAME, MELS))
