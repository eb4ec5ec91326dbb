"""Curation against its floor: the same frames through bare decoding, MediaPipe's mesh and one x264 encode.

    python tests/bench/bench_throughput.py [--clips FOLDER] [--rounds 5] [--workers 2] [--takes 4]

What the bound is measured on is what the field curates: talking heads at 1280x720 and 25 pictures a second, H.264 at
2.4 Mb/s (section 4.1 and 4.2 of the notes that the targets come from), three shots of about 3.5 s a file. It is filmed
on the stage and given a sensor's grain, without which it would cost its decoder too little; the rate is that of web
video at this size. Square takes of 256 pixels, which hardly cost anything to decode and to crop, are a second figure
that is bound to nothing.

The floor is a plain loop over files in as many processes: each frame decoded to RGB, resampled to 25 a second, shown to
MediaPipe's mesh, its face's square cut out and scaled to the crop's size, and encoded with the crop's own settings. It
smooths nothing, labels nothing and writes nowhere. Rounds of floor and curation alternate in one run; all figures are
medians. The share is one of CPU seconds of all processes, Ray's own among them, from the first unit of work to the end
of the last; beginning them is a matter of seconds and left out on both sides. `share_by_clock` is the same by wall
time, which a busy machine spoils. Prints one JSON document; exit code 1
where a figure is missed."""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import psutil

from talkie.cluster import start_ray
from talkie.curation import CurateConfig, CurationEvent, curate
from talkie.media.encode import PRESET
from talkie.stage import load_shoot, record

SIZE, FPS = 256, 25
TARGETS = {"share_of_floor": 0.65, "decoded_per_needed": 1.02, "encodes_per_clip": 1}
RATE = 2_400_000
_GRAIN = 2.5
"""Standard deviation of the grain in levels of 255: a small camera indoors."""
_OUTLINE = (10, 152, 234, 454)
"""Top, chin and sides of the face in MediaPipe's mesh."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, help="folder of footage (default: the stage is filmed)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--takes", type=int, default=4, help="files of each kind that are filmed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="talkie-bench-") as temporary:
        place = Path(temporary)
        folders = {"main": arguments.clips or filmed_wide(place / "wide", arguments.takes)}
        if arguments.clips is None:
            folders["square"] = filmed_square(place / "square", arguments.takes)
        figures = {}
        with start_ray(num_cpus=arguments.workers, bare=True):
            for name, folder in folders.items():
                curate([folder], place / name / "warm", workers=arguments.workers)
                rounds = [_round(folder, place / name / f"{n}", arguments.workers) for n in range(arguments.rounds)]
                figures[name] = {"material": _described(folder), **_middle(rounds), "rounds": rounds}
    report = _report(figures)
    json.dump(report, sys.stdout, indent=1)
    print()
    return 0 if all(report["checks"].values()) else 1


def filmed_wide(out: Path, takes: int, seed: int = 31) -> Path:
    """Folder of 1280x720 footage of one person each, with transcripts beside it."""
    wide = {"footage.width": 1280, "footage.height": 720, "footage.people": [1, 1], "footage.shots": [3, 3]}
    record(out, takes, load_shoot("footage", seed=seed, **wide, **{"footage.damage": []}), footage=True)
    for path in sorted((out / "footage").glob("*.mp4")):
        _as_sent(path, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)
    return out / "footage"


def filmed_square(out: Path, takes: int, seed: int = 31) -> Path:
    """Folder of clean takes of 256x256 pixels."""
    record(out, takes, load_shoot("speech", seed=seed, **{"cast.people": takes, "rig.size": SIZE}), footage=True)
    return out / "footage"


def _as_sent(path: Path, out: Path) -> None:
    """A film with grain, at `RATE`; its sound is copied."""
    rng = np.random.default_rng(5)
    with av.open(str(path)) as source, av.open(str(out), "w", format="mp4") as sink:
        voice = source.streams.audio[0]
        picture: Any = sink.add_stream("libx264", rate=FPS, options={"preset": "medium"})
        picture.width, picture.height = source.streams.video[0].width, source.streams.video[0].height
        picture.pix_fmt, picture.bit_rate, picture.thread_count = "yuv420p", RATE, 1
        sound = sink.add_stream_from_template(voice)
        for frame in source.decode(video=0):
            image = frame.to_ndarray(format="rgb24")
            grain = rng.normal(0, _GRAIN, (*image.shape[:2], 1)).astype(np.float32)
            noisy = np.clip(image + grain, 0, 255).astype(np.uint8)
            sink.mux(picture.encode(av.VideoFrame.from_ndarray(noisy, format="rgb24")))
        sink.mux(picture.encode(None))
        source.seek(0)
        for packet in source.demux(voice):
            if packet.dts is not None:
                packet.stream = sound
                sink.mux(packet)


def _described(folder: Path) -> dict[str, Any]:
    """Files, seconds, size and rate of the footage."""
    files = sorted(folder.glob("*.mp4"))
    with av.open(str(files[0])) as container:
        video = container.streams.video[0]
        size = f"{video.width}x{video.height} {video.codec_context.name}"
    seconds = 0.0
    for path in files:
        with av.open(str(path)) as container:
            seconds += float(container.duration or 0) / av.time_base
    bits = 8 * sum(path.stat().st_size for path in files)
    return {"files": len(files), "seconds": round(seconds, 2), "picture": size, "bits_per_s": round(bits / seconds)}


def _round(folder: Path, out: Path, workers: int) -> dict[str, float]:
    files = sorted(folder.glob("*.mp4"), key=lambda path: -path.stat().st_size)
    cpu_s = Spent()
    with multiprocessing.get_context("spawn").Pool(workers, _quiet) as pool:
        pool.map(_warm, range(workers), chunksize=1)
        began, spent = time.monotonic(), cpu_s()
        frames = sum(pool.imap_unordered(floor, files))
        floor_s, floor_cpu_s = time.monotonic() - began, cpu_s() - spent
    whole = cpu_s()
    first: list[float] = []

    def note(event: CurationEvent) -> None:
        if event.kind == "started" and not first:
            first.append(cpu_s())

    summary = curate([folder], out, CurateConfig(), workers=workers, on_event=note)
    end, done = cpu_s(), summary.footage_s * FPS
    cpu_s.close()
    return {
        "share_of_floor": (done / (end - first[0])) / (frames / floor_cpu_s),
        "share_by_clock": (done / summary.work_s) / (frames / floor_s),
        "share_with_start": (done / (end - whole)) / (frames / floor_cpu_s),
        "floor_cpu_ms_per_frame": 1000 * floor_cpu_s / frames,
        "curate_cpu_ms_per_frame": 1000 * (end - first[0]) / done,
        "floor_fps": frames / floor_s,
        "curate_fps": done / summary.work_s,
        "decoded_per_needed": summary.frames_decoded / summary.frames_needed,
        "encodes_per_clip": summary.encodes / max(summary.clips, 1),
    }


class Spent:
    """CPU seconds of this process and everything that it starts, looked at four times a second: the kernel forgets what
    an actor has taken when it ends, since raylets do not wait for them."""

    def __init__(self) -> None:
        self._own: dict[tuple[int, float], float] = {}
        self._over, self._lock = threading.Event(), threading.Lock()
        threading.Thread(target=self._watch, daemon=True).start()

    def __call__(self) -> float:
        """CPU seconds so far."""
        with self._lock:
            for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    self._own[process.pid, process.create_time()] = sum(process.cpu_times()[:2])
            return sum(self._own.values())

    def _watch(self) -> None:
        while not self._over.wait(0.25):
            self()

    def close(self) -> None:
        self._over.set()


def _quiet() -> None:
    os.environ.update(GLOG_minloglevel="3", TF_CPP_MIN_LOG_LEVEL="3")
    cv2.setNumThreads(1)


def _warm(_: int) -> None:
    _mesh().close()


def _mesh() -> Any:
    from mediapipe.python.solutions import face_mesh

    return face_mesh.FaceMesh(refine_landmarks=True)


def floor(path: Path) -> int:
    """Frames of one file, decoded, tracked, cropped and encoded once, by the libraries alone."""
    sink = av.open(os.devnull, "w", format="mp4")
    stream = sink.add_stream("libx264", rate=Fraction(FPS), options={"crf": "18", "preset": PRESET})
    stream.width = stream.height = SIZE
    stream.pix_fmt, stream.thread_count = "yuv420p", 1
    frames, box = 0, None
    with _mesh() as mesh:
        for image in _pictures(path):
            found = mesh.process(image).multi_face_landmarks
            box = _face(found[0].landmark, image.shape, box) if found else box
            x, y, side = (0, 0, min(image.shape[:2])) if box is None else (int(v) for v in box)
            part = image[max(y, 0) : y + side, max(x, 0) : x + side]
            crop = cv2.resize(part, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
            for packet in stream.encode(av.VideoFrame.from_ndarray(crop, format="rgb24")):
                sink.mux(packet)
            frames += 1
    for packet in stream.encode():
        sink.mux(packet)
    sink.close()
    return frames


def _pictures(path: Path) -> Iterator[np.ndarray]:
    """RGB at 25 a second: every frame, or as many of them as that takes, by their number."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "NONE", 1
        rate, out = float(stream.average_rate or FPS), 0
        for number, frame in enumerate(container.decode(stream)):
            if number * FPS / rate >= out:
                out += 1
                yield frame.to_ndarray(format="rgb24")


def _face(landmarks: Any, shape: tuple[int, ...], before: np.ndarray | None) -> np.ndarray:
    """The square x, y, side that curation's default recipe puts about a face, following it with a little inertia."""
    height, width = shape[:2]
    points = np.array([(landmarks[i].x * width, landmarks[i].y * height) for i in _OUTLINE])
    low, high = points.min(0), points.max(0)
    side = 1.7 * (high - low).max()
    now = np.array([*((low + high) / 2 - side / 2 - (0, 0.08 * side)), side])
    return now if before is None else 0.9 * before + 0.1 * now


def _middle(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}


def _report(figures: dict[str, dict[str, Any]]) -> dict[str, Any]:
    bound = figures["main"]
    return {
        **figures,
        "targets": TARGETS,
        "checks": {
            "share_of_floor": bound["share_of_floor"] >= TARGETS["share_of_floor"],
            "decoded_per_needed": bound["decoded_per_needed"] <= TARGETS["decoded_per_needed"],
            "encodes_per_clip": bound["encodes_per_clip"] == TARGETS["encodes_per_clip"],
        },
    }


if __name__ == "__main__":
    sys.exit(main())
