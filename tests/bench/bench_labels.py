"""Measures what labels beyond a frame's own cost: flow, visible vertices, and the soft rasteriser with gradients.

    OMP_NUM_THREADS=1 python tests/bench/bench_labels.py [--size PX] [--repeats N]

A head that turns by three degrees, with short and with long hair (tens of thousands of strands' triangles). Times are
the fastest of the repeats, one thread. Prints one JSON document; exit code 1 where a target is missed."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from talkie.heads import builtin_head, frontal_camera
from talkie.render import HeadRenderer, flow, look_from_seed, soft_render, visible_vertices

SHORT_HAIR, LONG_HAIR = 2, 3
MAX_FLOW_MS = 10.0
MAX_SOFT_S = 1.0
SOFT_SIZE = 64


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=20)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    hair = {"short": SHORT_HAIR, "long": LONG_HAIR}
    found = {name: _labels(seed, arguments.size, arguments.repeats) for name, seed in hair.items()}
    soft = _soft(arguments.repeats)
    report = {
        "pixels": arguments.size,
        "hair": found,
        "soft": soft,
        "checks": {
            f"flow of a head with short hair under {MAX_FLOW_MS:.0f} ms": found["short"]["flow_ms"] < MAX_FLOW_MS,
            f"{soft['triangles']} soft triangles at {SOFT_SIZE} px, there and back, under {MAX_SOFT_S:.0f} s": soft[
                "forward_and_backward_s"
            ]
            < MAX_SOFT_S,
        },
    }
    json.dump(report, sys.stdout, indent=1)
    print()
    return 0 if all(report["checks"].values()) else 1


def _fastest_s(work: Callable[[], object], repeats: int) -> float:
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def _labels(seed: int, size: int, repeats: int) -> dict[str, float]:
    renderer = HeadRenderer(builtin_head(), look_from_seed(seed))
    vertices = builtin_head().vertices()[0].double().numpy()
    view = tuple(a.numpy() for a in frontal_camera(size, 1.0, 2.6 * size))
    c, s = np.cos(np.radians(3)), np.sin(np.radians(3))
    turned = vertices @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T
    before, after = (renderer.frame(points, *view, size=size) for points in (vertices, turned))
    return {
        "triangles": len(before.surface.faces),
        "frame_ms": round(1000 * _fastest_s(lambda: renderer.frame(turned, *view, size=size), max(repeats // 4, 1)), 2),
        "flow_ms": round(1000 * _fastest_s(lambda: flow(before, after), repeats), 2),
        "visible_vertices_ms": round(1000 * _fastest_s(lambda: visible_vertices(after), repeats), 2),
        "occluded_share_of_seen": round(float(flow(before, after).occluded.sum() / (before.triangle >= 0).sum()), 4),
    }


def _soft(repeats: int) -> dict[str, float]:
    """Every eighth triangle of the head, as small as they come, seen whole."""
    model = builtin_head()
    vertices = model.vertices()[0].float().requires_grad_()
    faces = torch.as_tensor(np.asarray(model.faces)[::8].astype(np.int64))
    K, R, t = frontal_camera(SOFT_SIZE, 1.0, 2.6 * SOFT_SIZE)

    def step() -> object:
        image = soft_render(vertices, faces, vertices, K, R, t, SOFT_SIZE)
        return torch.autograd.grad(image.alpha.sum() + image.attributes.square().sum(), vertices)

    return {"triangles": len(faces), "forward_and_backward_s": round(_fastest_s(step, max(repeats // 4, 1)), 3)}


if __name__ == "__main__":
    sys.exit(main())
