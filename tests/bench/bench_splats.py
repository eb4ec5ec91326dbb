"""Measures the CPU splats: time forward and backward, of frames together and apart, a training run, and agreement with
the O(N H W) definition.

    python tests/bench/bench_splats.py [--steps N] [--repeats N]

One core, float32, 64 x 64 pixels. The definition is that of the tests (`tests/render/splat_scenes.py`), timed and
compared in the same run on the same Gaussians. Prints one JSON document; exit code 1 where a target is missed."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from talkie.render.splats import Camera, rasterize

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "render"))
from splat_scenes import camera, reference, scene

SIDE = 64
MAX_STEP_MS = 60.0
MAX_TRAINING_S = 180.0
MAX_DIFFERENCE = 1e-4
MIN_RATIO = 10.0
MIN_FRAMES_RATIO = 1.2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--repeats", type=int, default=10)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    steps = {f"4000 of {px} px": _step_ms(4000, px, arguments.repeats) for px in (0.7, 1.5, 3.0)}
    naive = _against_the_definition(1000, arguments.repeats)
    together = {f"{count} Gaussians": _frames_at_once(count, 8, arguments.repeats) for count in (300, 1000)}
    training = _train(2000, arguments.steps)
    report = {
        "forward_and_backward_ms": steps,
        "against_the_definition": naive,
        "8_frames_at_once": together,
        "training": training,
        "checks": {
            f"4000 Gaussians, forward and backward, under {MAX_STEP_MS:.0f} ms": max(steps.values()) < MAX_STEP_MS,
            f"value and gradient within {MAX_DIFFERENCE:g} of the definition": max(
                naive["value_difference"], naive["gradient_difference_of_largest"]
            )
            < MAX_DIFFERENCE,
            f"at least {MIN_RATIO:.0f} times as fast as the definition": naive["ratio"] >= MIN_RATIO,
            f"8 frames at once at least {MIN_FRAMES_RATIO:g} times as fast as one by one": min(
                found["ratio"] for found in together.values()
            )
            >= MIN_FRAMES_RATIO,
            f"2000 Gaussians, 800 steps of training, under {MAX_TRAINING_S:.0f} s": training["seconds_of_800_steps"]
            < MAX_TRAINING_S,
            "training brings the mean squared error down tenfold": training["last_error"]
            < 0.1 * training["first_error"],
        },
    }
    json.dump(report, sys.stdout, indent=1)
    print()
    return 0 if all(report["checks"].values()) else 1


def _gaussians(count: int, px: float, seed: int = 0) -> list[torch.Tensor]:
    """Gaussians whose median standard deviation is `px` pixels in the picture of `camera(SIDE)`."""
    size = px * 0.8 / (1.6 * SIDE)
    return [a.requires_grad_() for a in scene(count, seed, size=size, spread=0.1, dtype=torch.float32)]


def _best_ms(work: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return round(1000 * min(times), 2)


def _step_ms(count: int, px: float, repeats: int) -> float:
    inputs, view = _gaussians(count, px), camera(SIDE, dtype=torch.float32)

    def step() -> object:
        splats = rasterize(*inputs, view)
        return torch.autograd.grad(splats.colour.square().mean() + splats.alpha.mean(), inputs)

    step()  # compiles
    return _best_ms(step, repeats)


def _against_the_definition(count: int, repeats: int) -> dict[str, float]:
    inputs, view = _gaussians(count, 1.5), camera(SIDE, dtype=torch.float32)

    def ours() -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        colour = rasterize(*inputs, view).colour
        return colour, torch.autograd.grad(colour.square().mean(), inputs)

    def definition() -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        colour = reference(*inputs, view)[0]
        return colour, torch.autograd.grad(colour.square().mean(), inputs)

    (value, gradients), (expected, expected_gradients) = ours(), definition()
    times = _best_ms(ours, repeats), _best_ms(definition, 2)
    return {
        "gaussians": count,
        "ours_ms": times[0],
        "definition_ms": times[1],
        "ratio": round(times[1] / times[0], 1),
        "value_difference": float((value - expected).detach().abs().max()),
        "gradient_difference_of_largest": max(
            float((a - b).abs().max() / b.abs().max()) for a, b in zip(gradients, expected_gradients, strict=True)
        ),
    }


def _frames_at_once(count: int, frames: int, repeats: int) -> dict[str, float]:
    """A set that moves in every frame, drawn forward and backward in one call and in one of each frame."""
    view = camera(SIDE, dtype=torch.float32)
    moving = Camera(*(getattr(view, name).expand(frames, *getattr(view, name).shape) for name in "KRt"), SIDE, SIDE)
    scenes = [_gaussians(count, 1.5, seed) for seed in range(frames)]
    inputs = [torch.stack(column).detach().requires_grad_() for column in zip(*scenes, strict=True)]

    def at_once() -> object:
        return torch.autograd.grad(rasterize(*inputs, moving).colour.square().mean(), inputs)

    def one_by_one() -> object:
        drawn = [rasterize(*parts, moving.at(n)).colour for n, parts in enumerate(zip(*inputs, strict=True))]
        return torch.autograd.grad(torch.stack(drawn).square().mean(), inputs)

    at_once(), one_by_one()
    times = _best_ms(at_once, repeats), _best_ms(one_by_one, repeats)
    return {"at_once_ms": times[0], "one_by_one_ms": times[1], "ratio": round(times[1] / times[0], 2)}


def _train(count: int, steps: int) -> dict[str, float]:
    """Gaussians that start elsewhere learn a picture of 400 others, as an avatar's would."""
    view = camera(SIDE, dtype=torch.float32)
    target = rasterize(*_gaussians(400, 3.0, seed=7), view).colour.detach()
    means, scales, quats, opacities, colours = (a.detach() for a in _gaussians(count, 1.5, seed=8))
    free = [means, scales.log(), quats, torch.logit(opacities), torch.full_like(colours, 0.5)]
    adam = torch.optim.Adam([a.requires_grad_() for a in free], lr=0.01)
    errors = []
    start = time.perf_counter()
    for _ in range(steps):
        picture = rasterize(free[0], free[1].exp(), free[2], free[3].sigmoid(), free[4], view).colour
        loss = (picture - target).square().mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        errors.append(loss.item())
    seconds = time.perf_counter() - start
    return {
        "gaussians": count,
        "steps": steps,
        "seconds": round(seconds, 1),
        "seconds_of_800_steps": round(seconds * 800 / steps, 1),
        "first_error": errors[0],
        "last_error": errors[-1],
    }


if __name__ == "__main__":
    sys.exit(main())
