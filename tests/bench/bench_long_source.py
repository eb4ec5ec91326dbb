"""A source of three hours beside one of three minutes: opening, planning, seeking and working hold the same memory.

    python tests/bench/bench_long_source.py [--hours 3] [--piece-s 20] [--clips FOLDER]

Both files are one 8-second take of a real face whose packets are repeated without encoding. Each is opened (probed,
hashed) and cut into pieces, and its first, middle and last piece go the whole way to clips, in a process of its own,
with the recipe `permissive` without labels and scores. Pieces are shorter than the default of ten minutes, and not all
pieces of the long file are worked on: what is shown is that nothing grows with the length of the file or with the
place in it.

Prints JSON; exit code 1 where the long file's peak (resident bytes) is over 1.1 times the short one's, where more than
1.02 pictures are decoded for each that is needed, or where a piece gives no clip."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

FLAT, DECODED = 1.10, 1.02
SIZE, SECONDS = 160, 8


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    beside = Path(__file__).resolve().parents[3] / "shared" / "clips"
    parser.add_argument("--clips", type=Path, default=Path(os.environ.get("TALKIE_CLIPS", beside)))
    parser.add_argument("--hours", type=float, default=3.0)
    parser.add_argument("--piece-s", type=float, default=20.0)
    parser.add_argument("--one", type=Path, help="a file: the work on that alone, as this program calls itself")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(options.one, options.piece_s)))
        return 0
    with tempfile.TemporaryDirectory(prefix="talkie-long-") as folder:
        take = film(options.clips / "weekly_address_a.mp4", Path(folder) / "take.mp4")
        runs = []
        for name, seconds in (("short", 180.0), ("long", options.hours * 3600)):
            file = repeat(take, Path(folder) / f"{name}.mp4", round(seconds / SECONDS))
            words = [sys.executable, __file__, "--one", str(file), "--piece-s", str(options.piece_s)]
            told = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
            runs.append(json.loads(told))
    short, long = runs
    report: dict[str, Any] = {"short": short, "long": long}
    report["ratio_open"] = round(long["open_mib"] / short["open_mib"], 3)
    report["ratio"] = round(long["peak_mib"] / short["peak_mib"], 3)
    report["checks"] = {
        "opening_flat": report["ratio_open"] <= FLAT,
        "flat": report["ratio"] <= FLAT,
        "decoded_once": max(p["decoded_per_needed"] for r in runs for p in r["pieces"]) <= DECODED,
        "clips": all(p["clips"] for r in runs for p in r["pieces"]),
    }
    print(json.dumps(report, indent=1))
    return 0 if all(report["checks"].values()) else 1


def film(clip: Path, path: Path) -> Path:
    """Eight seconds of a face, small."""
    import cv2

    from talkie.media import encode_mp4, read_audio, read_video

    frames = [
        cv2.resize(frame, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        for _, _, frame in islice(read_video(clip), SECONDS * 25)
    ]
    sound = read_audio(clip)
    assert sound is not None
    assert len(frames) == SECONDS * 25
    path.write_bytes(encode_mp4(frames, audio=sound[: SECONDS * 16_000]))
    return path


def repeat(take: Path, path: Path, times: int) -> Path:
    """The packets of a file, one after another so many times."""
    import av

    with av.open(str(take)) as source:
        # Of the sound no packet that hangs over the edge: times may not run backwards where a turn begins.
        packets = [
            (p.stream.index, bytes(p), p.pts, p.dts, p.duration, p.is_keyframe)
            for p in source.demux()
            if p.size and (p.stream.type == "video" or 0 <= p.pts * p.time_base <= SECONDS - p.duration * p.time_base)
        ]
        with av.open(str(path), "w") as target:
            streams = {s.index: target.add_stream_from_template(s) for s in source.streams}
            bases = {s.index: s.time_base for s in source.streams}
            for turn in range(times):
                for index, data, pts, dts, duration, is_key in packets:
                    packet = av.Packet(data)
                    shift = round(turn * SECONDS / bases[index])
                    packet.stream, packet.time_base = streams[index], bases[index]
                    packet.pts, packet.dts, packet.duration = pts + shift, dts + shift, duration
                    packet.is_keyframe = is_key
                    target.mux(packet)
    return path


def one(path: Path, piece_s: float) -> dict[str, Any]:
    import cv2
    import torch

    from talkie.curation import CurateConfig
    from talkie.curation.annotators import annotators_of
    from talkie.curation.draft import Toolbox
    from talkie.curation.judgement.recipes import changed, load_recipe
    from talkie.curation.process import Curator
    from talkie.curation.sources import discover
    from talkie.heads import builtin_head

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    recipe = changed(load_recipe("permissive"), {"labels": [], "scores": [], "filters": {}, "crop": {"size": 128}})
    config, model = CurateConfig(recipe=recipe, piece_s=piece_s), builtin_head()
    curator = Curator(config, model, "settings", annotators_of(recipe, Toolbox(model)), recipe.judges())
    with tempfile.TemporaryDirectory() as folder:
        (source,) = discover([path])
        began = time.process_time()
        opened = curator.open(source, Path(folder))
        bounds = curator.pieces(opened)
        figures: dict[str, Any] = {
            "minutes": round(opened.info.duration_s / 60, 2),
            "file_mib": round(path.stat().st_size / 2**20, 1),
            "pieces_planned": len(bounds),
            "open_cpu_s": round(time.process_time() - began, 2),
            "open_mib": peak_mib(),
            "pieces": [],
        }
        for number in (0, len(bounds) // 2, len(bounds) - 1):
            began = time.process_time()
            outcome = curator.piece(opened, *bounds[number])
            figures["pieces"].append(
                {
                    "number": number,
                    "clips": len(outcome.clips),
                    "decoded_per_needed": round(outcome.decoded / max(outcome.needed, 1), 4),
                    "cpu_s": round(time.process_time() - began, 1),
                    "peak_mib": peak_mib(),
                }
            )
    return {**figures, "peak_mib": peak_mib()}


def peak_mib() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


if __name__ == "__main__":
    sys.exit(main())
