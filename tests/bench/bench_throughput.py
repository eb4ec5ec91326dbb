"""Curation against its floor: the same frames through bare decoding, MediaPipe's mesh and one x264 encode.

    python tests/bench/bench_throughput.py [--clips FOLDER] [--rounds 5] [--workers 2]

Rounds of floor and curation alternate in one run; medians. Prints one JSON document; exit code 1 where a figure is
missed. The floor runs as many processes as curation has actors, each a plain loop over files."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2

from talkie.cluster import start_ray
from talkie.curation import CurateConfig, curate
from talkie.media.encode import PRESET
from talkie.stage import load_shoot, record

SIZE = 256
TARGETS = {"share_of_floor": 0.65, "decoded_per_needed": 1.02, "encodes_per_clip": 1}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, help="folder of footage (default: films 24 takes of the stage)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="talkie-bench-") as temporary:
        folder = arguments.clips or _filmed(Path(temporary) / "stage")
        with start_ray(num_cpus=arguments.workers):
            curate([folder], Path(temporary) / "warm", workers=arguments.workers)
            rounds = [_round(folder, Path(temporary) / f"out{n}", arguments.workers) for n in range(arguments.rounds)]
    report = _report(rounds)
    json.dump(report, sys.stdout, indent=1)
    print()
    return 0 if all(report["checks"].values()) else 1


def _filmed(out: Path) -> Path:
    shoot = load_shoot("speech", **{"cast.people": 8, "rig.size": 512})
    record(out, 24, shoot, footage=True)
    return out / "footage"


def _round(folder: Path, out: Path, workers: int) -> dict[str, float]:
    files = sorted(folder.glob("*.mp4"), key=lambda path: -path.stat().st_size)
    began = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(workers, _quiet) as pool:
        pool.map(_warm, range(workers), chunksize=1)
        began = time.monotonic()
        frames = sum(pool.imap_unordered(floor, files))
    floor_s = time.monotonic() - began
    summary = curate([folder], out, CurateConfig(), workers=workers)
    return {
        "floor_fps": frames / floor_s,
        "curate_fps": summary.footage_s * 25 / summary.work_s,
        "curate_fps_with_start": summary.footage_s * 25 / summary.wall_s,
        "decoded_per_needed": summary.frames_decoded / summary.frames_needed,
        "encodes_per_clip": summary.encodes / max(summary.clips, 1),
    }


def _quiet() -> None:
    os.environ.update(GLOG_minloglevel="3", TF_CPP_MIN_LOG_LEVEL="3")
    cv2.setNumThreads(1)


def _warm(_: int) -> None:
    _mesh().close()


def _mesh() -> Any:
    from mediapipe.python.solutions import face_mesh

    return face_mesh.FaceMesh(refine_landmarks=True)


def floor(path: Path) -> int:
    """Frames of one file, decoded, tracked and encoded once at the crop's size, by the libraries alone."""
    sink = av.open(os.devnull, "w", format="mp4")
    stream = sink.add_stream("libx264", rate=Fraction(25), options={"crf": "18", "preset": PRESET})
    stream.width = stream.height = SIZE
    stream.pix_fmt, stream.thread_count = "yuv420p", 1
    frames = 0
    with av.open(str(path)) as container, _mesh() as mesh:
        container.streams.video[0].thread_type = "NONE"
        for frame in container.decode(video=0):
            image = frame.to_ndarray(format="rgb24")
            mesh.process(image)
            crop = av.VideoFrame.from_ndarray(cv2.resize(image, (SIZE, SIZE)), format="rgb24")
            for packet in stream.encode(crop):
                sink.mux(packet)
            frames += 1
    for packet in stream.encode():
        sink.mux(packet)
    sink.close()
    return frames


def _report(rounds: list[dict[str, float]]) -> dict[str, Any]:
    middle = {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}
    share = statistics.median(r["curate_fps"] / r["floor_fps"] for r in rounds)
    return {
        "rounds": rounds,
        "median": middle,
        "share_of_floor": share,
        "targets": TARGETS,
        "checks": {
            "share_of_floor": share >= TARGETS["share_of_floor"],
            "decoded_per_needed": middle["decoded_per_needed"] <= TARGETS["decoded_per_needed"],
            "encodes_per_clip": middle["encodes_per_clip"] == TARGETS["encodes_per_clip"],
        },
    }


if __name__ == "__main__":
    sys.exit(main())
