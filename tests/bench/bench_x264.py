"""How often x264 gives other bytes for equal pictures on busy cores: as it chooses for itself, and as we hold it.

    python tests/bench/bench_x264.py [--minutes 4] [--busy 3]

Encodes one film (480 x 360, 5 s, textured shots with a hard cut) again and again beside `busy` processes that only
count, half of the time with x264's own choice of instructions and half with `steady_options`, in turns. Prints one JSON
document: films, distinct streams and odd films of each, whether `held` is also what SSE4 gives, and the CPU time of
`held` over that of `auto`. Exit code 1 where a film of `held` is odd."""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction

import av
import numpy as np
from scipy.ndimage import gaussian_filter

from talkie.media.x264 import steady_options

FPS, SECONDS, HEIGHT, WIDTH = 25, 5, 360, 480
SSE4 = {"x264-params": "asm=sse4"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--busy", type=int, default=3)
    arguments = parser.parse_args()
    film = [*shot(1, FPS * SECONDS * 2 // 5), *shot(2, FPS * SECONDS * 3 // 5)]
    ways: dict[str, Mapping[str, str]] = {"auto": {}, "held": steady_options()}
    streams: dict[str, Counter[str]] = {name: Counter() for name in ways}
    cpu_s = dict.fromkeys(ways, 0.0)
    others = [multiprocessing.Process(target=count, daemon=True) for _ in range(arguments.busy)]
    for other in others:
        other.start()
    end = time.monotonic() + 60 * arguments.minutes
    while time.monotonic() < end:
        for name, options in ways.items():
            began = time.process_time()
            streams[name][encode(film, options)] += 1
            cpu_s[name] += time.process_time() - began
    for other in others:
        other.kill()
    odd = {name: seen.total() - max(seen.values()) for name, seen in streams.items()}
    report = {
        "films": {name: seen.total() for name, seen in streams.items()},
        "streams": {name: len(seen) for name, seen in streams.items()},
        "odd": odd,
        "auto is held": streams["auto"].most_common(1)[0][0] == streams["held"].most_common(1)[0][0],
        "held is sse4": encode(film, SSE4) == streams["held"].most_common(1)[0][0],
        "cpu_ratio": cpu_s["held"] / cpu_s["auto"],
    }
    print(json.dumps(report, indent=2))
    return int(odd["held"] > 0)


def shot(seed: int, count: int) -> list[np.ndarray]:
    """(H, W, 3) uint8: smooth texture that pans two pixels a frame."""
    random = np.random.default_rng(seed)
    wide = gaussian_filter(random.normal(size=(HEIGHT, WIDTH + 2 * count, 3)), (3, 3, 0))
    wide = (127 + 40 * wide / wide.std()).clip(0, 255).astype(np.uint8)
    return [np.ascontiguousarray(wide[:, 2 * t : 2 * t + WIDTH]) for t in range(count)]


def encode(film: list[np.ndarray], options: Mapping[str, str]) -> str:
    """The digest of the film's packets."""
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    context.time_base, context.thread_count = Fraction(1, FPS), 1
    context.options = {"crf": "18", "preset": "medium", **options}
    digest = hashlib.sha256()
    for t, image in enumerate(film):
        frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
        frame.pts = t
        for packet in context.encode(frame):
            digest.update(bytes(packet))
    for packet in context.encode(None):
        digest.update(bytes(packet))
    return digest.hexdigest()


def count() -> None:
    while True:
        sum(k * k for k in range(100_000))


if __name__ == "__main__":
    sys.exit(main())
