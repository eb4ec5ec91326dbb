"""A system that no paper describes, with everything that the contract lets a system promise: a fitted phase, a phase
with one role, one with two, and frames while sound comes in. It proves that the conformance test tests."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from talkie.clip import FPS, SAMPLES_PER_FRAME
from talkie.systems import (
    Bar,
    Card,
    Claim,
    Measurement,
    MotionResult,
    Optimiser,
    Phase,
    Sampling,
    System,
    SystemConfig,
    registry,
)
from talkie.systems.tasks.checks import clip_audio

SLUG = "twofold"


class TwofoldConfig(SystemConfig):
    width: int = 8
    steps: int = 6


class Twofold(System):
    """Loudness of each frame -> jaw and expression; a judge of single frames learns against it in the last phase."""

    card: ClassVar[Card] = Card(
        slug=SLUG,
        title="Loudness opens the mouth",
        paper="none",
        task="speech_to_motion",
        licence="as this repository",
        needs=("flac", "head.npz"),
        streams=True,
        summary="For tests.",
    )
    Config: ClassVar = TwofoldConfig
    presets: ClassVar = {
        "micro": TwofoldConfig(),
        "tiny": TwofoldConfig(width=16),
        "paper": TwofoldConfig(width=1024),
    }
    bar: ClassVar[Bar] = Bar(over_baseline=0.1)
    config: TwofoldConfig

    def __init__(self, config: SystemConfig):
        super().__init__(config)
        self.maker = nn.Sequential(nn.Linear(1, config.width), nn.Tanh(), nn.Dropout(0.1), nn.Linear(config.width, 55))
        self.judge = nn.Sequential(nn.Linear(55, 4), nn.Tanh(), nn.Linear(4, 1))
        self.register_buffer("level", torch.ones(()))
        self.people: list[str] = []

    def prepare(self, clips):
        self.people = sorted({clip.record.identity for clip in clips})

    @property
    def constants(self) -> dict[str, Any]:
        return {"people": self.people}

    def restore(self, constants):
        self.people = list(constants["people"])

    @classmethod
    def typical_constants(cls, config):
        return {"people": []}

    def phases(self):
        maker = Optimiser(3e-3, trains=("maker.",), clip_norm=1.0)
        judge = Optimiser(1e-3, trains=("judge.",), every=2)
        windows = Sampling(frames=12, windows=2)
        return (
            Phase("level"),
            Phase("motion", self.config.steps, {"maker": maker}, sampling=windows, ema=0.5),
            Phase("duel", self.config.steps, {"maker": maker, "judge": judge}, sampling=windows, batch_size=2),
        )

    def fit(self, phase, clips):
        self.level = torch.tensor(float(np.mean([np.abs(clip_audio(clip)).mean() for clip in clips])))

    def example(self, clip, draw):
        head, at = clip.fields["head.npz"], list(draw.window)
        motion = np.concatenate([head.jaw, head.expression], 1)[at]
        return {"id": clip.id, "x": self._loudness(clip_audio(clip))[at], "y": torch.from_numpy(motion)}

    def collate(self, examples):
        return {
            "ids": [e["id"] for e in examples],
            "x": torch.stack([e["x"] for e in examples]),
            "y": torch.stack([e["y"] for e in examples]),
        }

    def losses(self, batch, phase, role):
        if role == "judge":
            return {"judge": (self.judge(batch["y"]) - 1).square().mean() + self.judge(batch["_made"]).square().mean()}
        made = self.maker(batch["x"])
        batch["_made"] = made.detach()
        error = (made - batch["y"]).square().mean()
        return {"error": error, **({"fool": -0.001 * self.judge(made).mean()} if phase == "duel" else {})}

    @torch.no_grad()
    def generate(self, request):
        return self._answer(np.asarray(request.audio, np.float32), request.frames)

    @torch.no_grad()
    def stream(self, session) -> Iterator[MotionResult]:
        rest = np.zeros(0, np.float32)
        for piece in session.heard():
            rest = np.concatenate([rest, piece])
            frames = len(rest) // SAMPLES_PER_FRAME
            if frames:
                yield self._answer(rest, frames)
                rest = rest[frames * SAMPLES_PER_FRAME :]

    def claims(self):
        def width(clips):
            return Measurement(name="w", value=self.config.width, unit="", items=1, item="model", protocol={})

        return (Claim("wide", "It is as wide as it says.", width, floor=1),)

    def _answer(self, audio, frames):
        made = self.maker(self._loudness(audio[: frames * SAMPLES_PER_FRAME], frames)).numpy()
        return MotionResult(FPS, made[:, 3:].clip(0, 1), made[:, :3])

    def _loudness(self, audio, frames=None):
        frames = frames or len(audio) // SAMPLES_PER_FRAME
        samples = np.resize(np.pad(audio, (0, SAMPLES_PER_FRAME)), frames * SAMPLES_PER_FRAME)
        return torch.from_numpy(np.abs(samples).reshape(frames, -1).mean(1, keepdims=True)) / self.level


def install(patch: pytest.MonkeyPatch, cls: type[System] = Twofold) -> None:
    """Lets this process find the fake beside the installed systems, as through an entry point."""
    known, point = registry.entry_points, SimpleNamespace(name=cls.card.slug, load=lambda: cls)
    # In front: of two with one name, the last one that was installed counts.
    patch.setattr(registry, "entry_points", lambda group: [point, *known(group=group)])
