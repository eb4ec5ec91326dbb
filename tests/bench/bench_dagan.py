"""What depth brings to DaGAN's reenactor, and what it could bring at most: reenactors that begin with the same weights
and see the same pairs of frames, one without depth, one with the depth that a model has learnt from video, two with
that depth on another scale, and one with the true depth of the rendered head in its place.

    python tests/bench/bench_dagan.py --model RUN/model --data SHARDS [--steps 300] [--seed 0]

The model is one of `talkie bench dagan`, on the shards it was benched on. About 2.6 s a step on one core. Prints
one JSON object: the error of the flow on held-out faces, and its share of that without depth; exits with 1 where a
reenactor does not err less than no motion at all.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from talkie.clip import Clip
from talkie.shards import open_dataset
from talkie.shards.lazy import pictures
from talkie.systems import load_weights
from talkie_zoo.blocks.head_views import HeadView, head_views
from talkie_zoo.blocks.thin_plate import ThinPlate
from talkie_zoo.reenactment.dagan import DaGAN
from talkie_zoo.reenactment.dagan_claims import flow_errors, shots
from talkie_zoo.reenactment.dagan_networks import Reenactor
from talkie_zoo.reenactment.dagan_training import Pair, critic_losses, generator_losses

FIELDS = ("mp4", "head.npz")
FRAMES = 8
"""Frames of each clip that pairs are drawn from, evenly spread."""
REACH_M = 0.25
"""Depth over which true disparity falls from 1 to 0, from the nearest point of the head on; beside it is 0."""
NONE, LEARNT, TRUE = "without depth", "learnt depth", "true depth"
STRETCHED, STANDARDISED = "learnt depth, stretched", "learnt depth, standardised"


@dataclass
class Rival:
    """A reenactor with its critic, their optimisers, and how it is told the depth of pictures with their truth."""

    reenactor: Reenactor
    critic: torch.nn.Module
    optimisers: tuple[torch.optim.Adam, torch.optim.Adam]
    depth_of: Callable[[Tensor, Tensor], Tensor]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    system = load_weights(options.model)
    assert isinstance(system, DaGAN)
    dataset = open_dataset(options.data)
    torch.manual_seed(options.seed)
    rivals = began(system)
    pool = [learnable(clip, system.config.size) for clip in dataset.clips(FIELDS, "train")]
    train(system, rivals, pool, options.steps, np.random.default_rng(options.seed))
    found = measured(system, rivals, list(dataset.clips(FIELDS, "test")))
    shares = {name: round(found[name] / found[NONE], 3) for name in rivals if name != NONE}
    passed = all(found[name] < found["no motion"] for name in rivals)
    said = {"steps": options.steps, "seed": options.seed, "flow error, px": found, "over that without depth": shares}
    print(json.dumps({"figures": said, "targets": {"below": "no motion"}, "pass": passed}, indent=1))
    return 0 if passed else 1


def began(system: DaGAN) -> dict[str, Rival]:
    """All begin alike, as `tiny`'s twin does."""
    c = system.config
    first, critic = Reenactor(c), system.new_critic()
    plain = Reenactor(c, rgbd=False)
    plain.begin_as(first)

    def learnt(frames: Tensor, truth: Tensor) -> Tensor:
        with torch.no_grad():
            return system.depth(frames)[0]

    depths: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        NONE: learnt,
        LEARNT: learnt,
        STRETCHED: lambda frames, truth: stretched(learnt(frames, truth)),
        STANDARDISED: lambda frames, truth: standardised(learnt(frames, truth)),
        TRUE: lambda frames, truth: truth,
    }
    found = {}
    for name, depth_of in depths.items():
        reenactor, own = copy.deepcopy(plain if name == NONE else first), copy.deepcopy(critic)
        both = tuple(torch.optim.Adam(part.parameters(), c.rate, betas=(0.5, 0.999)) for part in (reenactor, own))
        found[name] = Rival(reenactor, own, (both[0], both[1]), depth_of)
    return found


def stretched(depth: Tensor) -> Tensor:
    """Each picture's least to 0 and its greatest to 1; (N, 1, S, S), as given."""
    least, greatest = depth.amin((2, 3), keepdim=True), depth.amax((2, 3), keepdim=True)
    return (depth - least) / (greatest - least)


def standardised(depth: Tensor) -> Tensor:
    """Each picture's mean to 0 and its standard deviation to 1; (N, 1, S, S), as given."""
    return (depth - depth.mean((2, 3), keepdim=True)) / depth.std((2, 3), keepdim=True)


def learnable(clip: Clip, size: int) -> tuple[Tensor, Tensor]:
    """Frames (FRAMES, 3, S, S) in [0, 1] of a clip and their true disparity (FRAMES, 1, S, S)."""
    numbers = np.linspace(0, clip.record.frames - 1, FRAMES).astype(int).tolist()
    frames = torch.from_numpy(pictures(clip, numbers, size)).permute(0, 3, 1, 2).float() / 255
    return frames, true_disparity(head_views(clip, numbers, size))


def true_disparity(views: Sequence[HeadView]) -> Tensor:
    """(N, 1, S, S) in [0, 1]: how near the rendered head is, 0 beside it."""
    depth = np.stack([view.depth for view in views])
    nearest = depth.min((1, 2), keepdims=True)
    near = 1 - (np.where(np.isfinite(depth), depth, np.inf) - nearest) / REACH_M
    return torch.from_numpy(np.clip(near, 0, 1)).float()[:, None]


def train(
    system: DaGAN, rivals: dict[str, Rival], pool: Sequence[tuple[Tensor, Tensor]], steps: int, rng: np.random.Generator
) -> None:
    """Pairs of frames of one clip, every other time mirrored; the rate falls to a tenth at three quarters."""
    system.eval()
    for step in range(steps):
        batch = [drawn(pool, rng) for _ in range(system.config.batch)]
        source, driving = (torch.stack([pair[k][0] for pair in batch]) for k in (0, 1))
        truths = [torch.stack([pair[k][1] for pair in batch]) for k in (0, 1)]
        state = torch.random.get_rng_state()
        for rival in rivals.values():
            # The same equivariance for all.
            torch.random.set_rng_state(state)
            pair = Pair(source, driving, rival.depth_of(source, truths[0]), rival.depth_of(driving, truths[1]))
            taught(system, rival, pair, system.config.rate * (0.1 if step >= 0.75 * steps else 1))


def drawn(pool: Sequence[tuple[Tensor, Tensor]], rng: np.random.Generator) -> list[tuple[Tensor, Tensor]]:
    frames, truth = pool[int(rng.integers(len(pool)))]
    mirrored = rng.random() < 0.5
    chosen = rng.choice(len(frames), 2, replace=False).tolist()
    found = [(frames[k], truth[k]) for k in chosen]
    return [(a.flip(-1), b.flip(-1)) if mirrored else (a, b) for a, b in found]


def taught(system: DaGAN, rival: Rival, pair: Pair, rate: float) -> None:
    def bent_depth(moved: Tensor, bent: ThinPlate) -> Tensor:
        return rival.depth_of(moved, bent.picture(pair.driving_depth))

    losses, made = generator_losses(
        rival.reenactor, rival.critic, system.perceptual, bent_depth, pair, system.config.pixel
    )
    step(rival.optimisers[0], sum(losses.values()), rate)
    step(rival.optimisers[1], sum(critic_losses(rival.critic, pair.driving, made).values()), rate)


def step(optimiser: torch.optim.Adam, loss: Any, rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def measured(system: DaGAN, rivals: dict[str, Rival], clips: Sequence[Clip]) -> dict[str, float]:
    """Mean end point error in pixels of each, and of no motion at all."""
    errors: dict[str, list[float]] = {name: [] for name in (*rivals, "no motion")}
    for rival in rivals.values():
        rival.reenactor.eval()
    for shot in shots(system, clips):
        truth = true_disparity(shot.views)
        errors["no motion"] += flow_errors(None, shot, truth)
        for name, rival in rivals.items():
            errors[name] += flow_errors(rival.reenactor, shot, rival.depth_of(shot.frames, truth))
    return {name: round(float(np.mean(found)), 4) for name, found in errors.items()}


if __name__ == "__main__":
    sys.exit(main())
