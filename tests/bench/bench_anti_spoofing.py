"""Whether the recurrent ensemble learns anything where there is nothing to learn: trained on labels dealt at random, it
must err on half of the held-out clips. The other claims of its card are measured by `talkie bench anti_spoofing`.

Run: python tests/bench/bench_anti_spoofing.py --data SHARDS [--deals 24] (shards of `talkie record --preset spoof`)
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from talkie.clip import Clip
from talkie.shards import Dataset, RawClip, commit, open_dataset
from talkie.systems import make_config
from talkie.training.loading import Corpus, LoadConfig, Loader, TrainingClips
from talkie_zoo.recognition.anti_spoofing import AntiSpoofing
from talkie_zoo.recognition.anti_spoofing_claims import told
from talkie_zoo.recognition.anti_spoofing_networks import META

TARGET, WITHIN = 0.5, 0.05
SMALL = {"domains": False, "feature_steps": 200, "steps": 40, "meta_steps": 40, "offsets": 1}
"""A tiny preset that learns true labels in seconds."""


class Remembering(AntiSpoofing):
    """Describes each clip once for all deals: they differ in labels only."""

    described_before: ClassVar[dict[str, tuple[Tensor, list[int]]]] = {}

    def _described(self, clip: Clip) -> tuple[Tensor, list[int]]:
        if clip.id not in self.described_before:
            self.described_before[clip.id] = super()._described(clip)
        return self.described_before[clip.id]


def dealt(data: Dataset, folder: Path, seed: int) -> Dataset:
    """The training and development clips with their labels dealt anew, within each split."""
    rng = np.random.default_rng(seed)
    clips = []
    for split in ("train", "val"):
        raw = [data.raw(clip_id) for clip_id in sorted(data.ids(split))]
        labels = [raw[k].record.labels["spoof"] for k in rng.permutation(len(raw))]
        for clip, label in zip(raw, labels, strict=True):
            record = clip.record.model_copy(update={"labels": {**clip.record.labels, "spoof": label}})
            clips.append(RawClip(record, {n: b for n, b in clip.members.items() if n == "mp4"}))
    commit(folder, clips, settings={})
    return open_dataset(folder)


def trained(data: Dataset, seed: int) -> AntiSpoofing:
    """The phases one after the other in this process, without checkpoints."""
    torch.manual_seed(seed)
    system = Remembering(make_config(AntiSpoofing, "tiny", SMALL))
    corpora = [Corpus(data)]
    system.prepare(TrainingClips(corpora, AntiSpoofing))
    for phase in system.phases():
        system.enter(phase.name)
        if phase.fitted:
            system.fit(phase.name, TrainingClips(corpora, system, split=phase.sampling.split))
            continue
        made = {
            role: torch.optim.Adam([p for n, p in system.named_parameters() if spec.selects(n)], lr=spec.lr)
            for role, spec in phase.optimisers.items()
        }
        size = phase.batch_size or 16
        with Loader(corpora, system.eval(), phase, LoadConfig(loaders=0), seed=seed, batch_size=size) as source:
            for step in range(phase.steps):
                batch = {**source.batch(step), "step": step, "steps": phase.steps}
                for role, optimiser in made.items():
                    optimiser.zero_grad()
                    torch.stack(list(system.losses(batch, phase.name, role).values())).sum().backward()
                    optimiser.step()
    return system.eval()


def error_rate(system: AntiSpoofing, clips: list[Clip]) -> float:
    """HTER of the meta-model on clips with their true labels."""
    return told(system, "all", clips).rate(system, "all", META)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--deals", type=int, default=24)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = open_dataset(arguments.data)
    clips = list(data.clips(("mp4",), "test"))
    rates = []
    for seed in range(arguments.deals):
        with tempfile.TemporaryDirectory() as folder:
            rates.append(error_rate(trained(dealt(data, Path(folder) / "shards", seed), seed), clips))
    mean = float(np.mean(rates))
    passed = abs(mean - TARGET) <= WITHIN
    spread = float(np.std(rates) / np.sqrt(len(rates)))
    figures = {"hter_of_dealt_labels": mean, "standard_error": spread, "deals": rates, "test_clips": len(clips)}
    print(json.dumps({**figures, "target": TARGET, "within": WITHIN, "passed": passed}, indent=1))
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
