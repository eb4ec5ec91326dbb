"""Curates the real clips as a user would and checks every figure that curation must reach.

    python tests/bench/bench_curation.py [--clips FOLDER] [--out FOLDER] [--workers N]

Prints one JSON document; exit code 1 where a figure is missed."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import av
import numpy as np

from talkie.clip import FPS, SAMPLE_RATE
from talkie.curation import curate, inspect_dataset
from talkie.media import decode_flac, probe
from talkie.shards import open_dataset

TRACKED = ("weekly_address_a.mp4", "weekly_address_b.mp4", "silent_256.mp4")
IN_STEP = ("interview_vfr.mp4", "interview_30fps.mp4")
BROKEN = {"truncated.mp4": "truncated_media", "not_a_video.mp4": "not_media", "empty.mp4": "empty_file"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    beside = Path(__file__).resolve().parents[3] / "shared" / "clips"
    parser.add_argument("--clips", type=Path, default=Path(os.environ.get("TALKIE_CLIPS", beside)))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--workers", type=int)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="talkie-bench-") as temporary:
        out = arguments.out or Path(temporary) / "shards"
        summary = curate([arguments.clips], out, workers=arguments.workers)
        again = curate([arguments.clips], out)
        report = {
            "footage_s": summary.footage_s,
            "wall_s": summary.wall_s,
            "footage_s_per_wall_s": summary.footage_s / summary.wall_s,
            "sources": summary.sources,
            "clips": summary.clips,
            "dead": {entry.name: entry.cause for entry in summary.dead_letters},
            "drops": summary.drops,
            "second_run": {"did_nothing": again.nothing_to_do, "wall_s": again.wall_s},
            "by_source": _by_source(out, arguments.clips),
        }
    report["checks"] = _checks(report)
    json.dump(report, sys.stdout, indent=1, ensure_ascii=False)
    print()
    return 0 if all(report["checks"].values()) else 1


def _by_source(out: Path, footage: Path) -> dict[str, list[dict[str, Any]]]:
    """For each clip: the share of frames with landmarks, and how far sound and picture differ in length."""
    dataset = open_dataset(out)
    reports = {clip.id: clip for clip in inspect_dataset(out).clips}
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in dataset.records():
        raw = dataset.raw(record.id)
        clip = raw.decode(("landmarks.npy",))
        with av.open(io.BytesIO(raw.members["mp4"])) as container:
            shown = sum(1 for _ in container.decode(video=0))
        entry: dict[str, Any] = {
            "frames": record.frames,
            "mp4_frames": shown,
            "landmarks_share": record.scores["face_found"],
            "landmarks_finite": bool(np.isfinite(clip.fields["landmarks.npy"]).all()),
            "fit_error": record.scores["fit_error"],
            "fields": reports[record.id].fields,
        }
        if "flac" in raw.members:
            seconds = len(decode_flac(raw.members["flac"])) / SAMPLE_RATE
            entry["audio_minus_video_frames"] = seconds * FPS - shown
            entry["audio_padded_frames"] = record.scores["audio_padded_s"] * FPS
        # The clip's length against the file's own, told by the container: resampling may not stretch time.
        source = next(footage.rglob(record.source.name))
        entry["source_s"] = probe(source).duration_s
        entry["covered_s"] = record.source.end_s - record.source.start_s
        found[record.source.name].append(entry)
    return dict(sorted(found.items()))


def _checks(report: dict[str, Any]) -> dict[str, bool]:
    clips = report["by_source"]
    checks = {
        f"{name}: a clip with landmarks on 99 % of its frames": any(
            clip["landmarks_share"] >= 0.99 and clip["landmarks_finite"] for clip in clips.get(name, [])
        )
        for name in TRACKED
    }
    for name in IN_STEP:
        checks[f"{name}: sound and picture within one frame"] = bool(clips.get(name)) and all(
            abs(clip["audio_minus_video_frames"]) <= 1 and clip["mp4_frames"] == clip["frames"] for clip in clips[name]
        )
    for name, cause in BROKEN.items():
        checks[f"{name}: dead letter {cause}"] = report["dead"].get(name) == cause
    checks["a second run does nothing"] = report["second_run"]["did_nothing"]
    checks["fit: reprojection error at most 4 % of the inter-ocular distance"] = all(
        clip["fit_error"] <= 0.04 for group in clips.values() for clip in group
    )
    return checks


if __name__ == "__main__":
    sys.exit(main())
