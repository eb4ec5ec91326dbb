"""How well visemes of strangers can be read off lips at 25 pictures a second, where nothing of the lips is hidden: a
small network reads the stage's true expression weights, and no pixels. What it misses, no reader of pixels that learns
from as few clips is to be asked for.

    python tests/bench/bench_lip_reading.py [--train RECORDING --test RECORDING] [--clips 40 80 160]

Without recordings two casts of the preset `speech` are filmed. Prints one JSON object: by number of training clips the
viseme error rate (edit distance over length, without silence) on the other cast's clips, and on those that were learnt
from. There is no bound."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkie.evaluation.metrics.reading import edits
from talkie.shards import open_dataset
from talkie.speech.phones import VISEMES
from talkie.stage import load_shoot, record

WEIGHTS = 52
BLANK = len(VISEMES)
STEPS, BATCH, RATE, NOISE = 1500, 8, 4e-3, 0.1
"""NOISE: added to the weights while learning, in their deviations: without it strangers are read worse."""
TESTED = 80
SEEDS = (5, 78)

Take = tuple[Tensor, list[int]]
"""Weights (52, T) and the visemes that are said, in order, runs of one counted once."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=Path)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--clips", type=int, nargs="+", default=[40, 80, 160])
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="talkie-lips-") as folder:
        folders = [options.train, options.test]
        for number, seed in enumerate(SEEDS):
            if folders[number] is None:
                folders[number] = Path(folder) / str(seed)
                record(folders[number], max(options.clips), load_shoot("speech", seed=seed, **{"rig.size": 64}))
        seen, strangers = (takes(folder) for folder in folders)
    found = {}
    for count in options.clips:
        reader = learnt(seen[:count])
        found[count] = {"strangers": error(reader, strangers[:TESTED]), "learnt from": error(reader, seen[:count])}
        print(count, found[count], file=sys.stderr, flush=True)
    json.dump({"viseme error rate by clips": found, "tested": min(TESTED, len(strangers))}, sys.stdout, indent=1)
    print()
    return 0


def takes(folder: Path) -> list[Take]:
    """Every spoken take of a recording."""
    dataset, found = open_dataset(folder), []
    for clip in dataset.records():
        fields = dataset.raw(clip.id).decode(("phones.json", "head.npz")).fields
        said = [VISEMES.index(phone.viseme) for phone in fields["phones.json"].phones if phone.viseme != "sil"]
        if said:
            found.append((torch.from_numpy(np.float32(fields["head.npz"].expression.T)), runs(said)))
    return found


def runs(values: list[int]) -> list[int]:
    return [value for k, value in enumerate(values) if k == 0 or value != values[k - 1]]


class Reader(nn.Module):
    """Weights (B, 52, T) -> scores (B, visemes and blank, 2 T); knows mean and spread of what it learns from."""

    def __init__(self, learnt_from: list[Take]):
        super().__init__()
        weights = torch.cat([weights for weights, _ in learnt_from], 1)
        self.mean, self.spread = weights.mean(1, keepdim=True), weights.std(1, keepdim=True) + 1e-3
        layers: list[nn.Module] = []
        for width in (WEIGHTS, 128, 128):
            layers += [nn.Conv1d(width, 128, 5, padding=2), nn.ReLU()]
        self.look = nn.Sequential(
            *layers, nn.ConvTranspose1d(128, 64, 2, 2), nn.ReLU(), nn.Conv1d(64, BLANK + 1, 3, padding=1)
        )

    def forward(self, weights: Tensor, noise: float = 0.0) -> Tensor:
        seen = (weights - self.mean) / self.spread
        return self.look(seen + noise * torch.randn_like(seen))


def learnt(data: list[Take]) -> Reader:
    torch.manual_seed(0)
    reader, rng = Reader(data), np.random.default_rng(0)
    optimiser = torch.optim.Adam(reader.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS)
    for _ in range(STEPS):
        batch = [data[k] for k in rng.integers(0, len(data), BATCH)]
        longest = max(weights.shape[1] for weights, _ in batch)
        padded = [F.pad(weights, (0, longest - weights.shape[1]), mode="replicate") for weights, _ in batch]
        scores = reader(torch.stack(padded), NOISE).log_softmax(1).permute(2, 0, 1)
        lengths = torch.tensor([2 * weights.shape[1] for weights, _ in batch])
        said = torch.tensor([viseme for _, spoken in batch for viseme in spoken])
        counts = torch.tensor([len(spoken) for _, spoken in batch])
        loss = F.ctc_loss(scores, said, lengths, counts, BLANK, zero_infinity=True)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return reader


@torch.no_grad()
def error(reader: Reader, data: list[Take]) -> float:
    wrong = 0
    for weights, said in data:
        read = runs(reader(weights[None])[0].argmax(0).tolist())
        wrong += edits(said, [viseme for viseme in read if viseme != BLANK])
    return round(wrong / sum(len(said) for _, said in data), 3)


if __name__ == "__main__":
    sys.exit(main())
