"""Measures how fast the stage films: rendered and labelled 256 px frames a second and core, and where the time goes.

    python tests/bench/bench_render.py [--people N] [--frames N] [--seed N]

Takes are made as `talkie record` makes them, with depth, normals, mask and matte on: the first people of the mix that
`cast` draws, then four chosen for the hair and what is worn. Time is that of the process on one thread, so that other
work on the machine does not count; the first frame of a take, which no frame before it helps, counts like any other.
Encoding, painting a new look and posing a take are reported beside the target. Prints one JSON document; exit code 1
where a target is missed."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from talkie.media import encode_mp4
from talkie.render import Look, scene
from talkie.stage.film import film, scene_of, stage_take
from talkie.stage.sensors import recorders
from talkie.stage.shoot import Shoot
from talkie.stage.take import Take

SENSORS = ("depth", "normals", "mask", "matte")
MIN_FRAMES_PER_SECOND = 25.0
CHOSEN: dict[str, dict[str, Any]] = {
    "short hair": {"hair_style": "short", "beard": "none", "glasses": False},
    "long hair": {"hair_style": "long", "beard": "none", "glasses": False},
    "beard": {"hair_style": "receding", "beard": "full", "glasses": False},
    "glasses": {"hair_style": "side_part", "beard": "none", "glasses": True},
}
STEPS: dict[str, tuple[tuple[Any, str], ...]] = {
    "posing": ((scene.SceneRenderer, "_pose"), (scene, "project")),
    "rasterising": ((scene.SceneRenderer, "_scan"),),
    "shadow": ((scene, "lit_share"),),
    "shading": ((scene, "gather_light"), (scene, "shade")),
    "resolve": ((scene, "resolve"),),
    "labels": ((scene, "located"), (scene.SceneRenderer, "_labelled")),
}
"""What the renderer calls in each step; the rest of a frame's time is in none of them."""


@dataclass
class Filmed:
    """Seconds of the process for one take: its look, its frames and what became of them."""

    look: Look
    frames: int
    look_s: float
    frames_s: float
    recorders_s: float
    mp4_s: float
    labels_s: float

    @property
    def rate(self) -> float:
        """Rendered and labelled frames a second."""
        return self.frames / (self.frames_s + self.recorders_s)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--frames", type=int, default=50)
    parser.add_argument("--seed", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    shoot = Shoot.model_validate({"cast": {"people": arguments.people}, "seed": arguments.seed, "sensors": SENSORS})
    takes = [stage_take(shoot, arguments.people, k) for k in range(arguments.people)]
    _filmed(shoot, takes[0], 2)  # compiles
    steps: dict[str, float] = defaultdict(float)
    with _timed(steps):
        mix = [_filmed(shoot, take, arguments.frames) for take in takes]
    chosen = {name: _filmed(shoot, _dressed(takes[0], change), arguments.frames) for name, change in CHOSEN.items()}
    rate = _rate(mix)
    report = {
        "frames_per_second_and_core": round(rate, 1),
        "by_person": {f"{k} {_words(f.look)}": round(f.rate, 1) for k, f in enumerate(mix)},
        "by_look": {name: round(f.rate, 1) for name, f in chosen.items()},
        "ms_a_frame": _shares(mix, steps),
        "new_look_s": round(float(np.mean([f.look_s for f in mix])), 2),
        "record": _record(shoot, arguments.people),
        "checks": {
            f"the mix of people at {MIN_FRAMES_PER_SECOND:.0f} frames a second and core": rate >= MIN_FRAMES_PER_SECOND,
            f"long hair at {MIN_FRAMES_PER_SECOND:.0f} frames a second and core": chosen["long hair"].rate
            >= MIN_FRAMES_PER_SECOND,
        },
    }
    json.dump(report, sys.stdout, indent=1)
    print()
    return 0 if all(report["checks"].values()) else 1  # type: ignore[attr-defined]


def _filmed(shoot: Shoot, take: Take, frames: int) -> Filmed:
    """Film the first frames of a take with the first camera, as `film` does, but timed."""
    frames, camera = min(frames, len(take)), take.cameras[0]
    made, actors = _clocked(lambda: scene_of(shoot, take))
    eyes, pictures, filming, seeing = recorders(shoot.sensors, take, actors), [], 0.0, 0.0
    for t in range(frames):
        spent, frame = _clocked(
            lambda t=t: actors.frame([take.vertices[t]], camera.K[t], camera.R[t], camera.t[t], camera.width)
        )
        filming += spent
        seeing += _clocked(lambda frame=frame: [eye.see(frame) for eye in eyes])[0]
        pictures.append(frame.rgb)
    mp4 = _clocked(lambda: encode_mp4(pictures))[0]
    labels = _clocked(lambda: [eye.finish() for eye in eyes])[0]
    return Filmed(take.person.look, frames, made, filming, seeing, mp4, labels)


def _clocked(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


@contextmanager
def _timed(steps: dict[str, float]) -> Iterator[None]:
    """Adds to `steps` the seconds that the renderer spends in each step."""
    kept = [(owner, name, getattr(owner, name)) for calls in STEPS.values() for owner, name in calls]

    def clock(step: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            start = time.process_time()
            result = call(*arguments, **named)
            steps[step] += time.process_time() - start
            return result

        return timed

    for step, calls in STEPS.items():
        for owner, name in calls:
            setattr(owner, name, clock(step, getattr(owner, name)))
    try:
        yield
    finally:
        for owner, name, call in kept:
            setattr(owner, name, call)


def _dressed(take: Take, change: dict[str, Any]) -> Take:
    return replace(take, person=replace(take.person, look=replace(take.person.look, **change)))


def _rate(mix: list[Filmed]) -> float:
    """Frames a second over people: each is in the mix with equally many frames."""
    return 1 / float(np.mean([1 / f.rate for f in mix]))


def _shares(mix: list[Filmed], steps: dict[str, float]) -> dict[str, float]:
    frames = sum(f.frames for f in mix)
    spent = {name: steps[name] for name in STEPS}
    spent["rest of a frame"] = sum(f.frames_s for f in mix) - sum(steps.values())
    spent["sensors see it"] = sum(f.recorders_s for f in mix)
    spent["mp4 encoding, beside the target"] = sum(f.mp4_s for f in mix)
    spent["label encoding, beside the target"] = sum(f.labels_s for f in mix)
    return {name: round(1000 * seconds / frames, 2) for name, seconds in spent.items()}


def _record(shoot: Shoot, people: int) -> dict[str, float]:
    """Two whole takes as a worker of `talkie record` makes them: words, voice, motion, looks, pictures, encoding."""
    frames, spent = 0, 0.0
    for number in range(min(2, people)):
        seconds, take = _clocked(lambda number=number: stage_take(shoot, people, number))
        spent += seconds + _clocked(lambda take=take: film(shoot, take, take.performance.audio))[0]
        frames += len(take)
    return {"frames": frames, "frames_per_second_and_core": round(frames / spent, 1)}


def _words(look: Look) -> str:
    worn = [look.hair_style, *([] if look.beard == "none" else [look.beard]), *(["glasses"] if look.glasses else [])]
    return ", ".join(worn)


if __name__ == "__main__":
    sys.exit(main())
