"""What reads how far a mouth is open: the stage's probe beside MediaPipe's landmarks, on the same films of people whom
the probe has not seen, as they are and softened as small generated pictures are.

    python tests/bench/bench_openings.py [--data SHARDS] [--clips 24]

--data: shards of the stage with people of train, and of val or test (default: 60 takes of the preset `speech`). Figures
are means over clips of the correlation with the stage's own landmarks; both readers find the face by MediaPipe. A film
is softened by being shrunk to so many pixels of a face's width and brought back. Prints one JSON object; exits with 1
where the probe reads films as they are at less than 0.95, or nowhere better than MediaPipe.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from talkie.clip import Clip
from talkie.evaluation.metrics.sync import aperture_correlation
from talkie.evaluation.probes import Probe, build_probe, view_frames
from talkie.evaluation.probes.cache import train_on
from talkie.evaluation.probes.metrics import track
from talkie.evaluation.probes.opening import Opening
from talkie.faces.lips import aperture
from talkie.shards import Dataset, open_dataset
from talkie.stage import load_shoot, record
from talkie.systems.tasks.checks import clip_pictures

LEAST = 0.95
WIDTHS = (None, 48, 32, 24)
"""Pixels of a face's width; None: as filmed."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--clips", type=int, default=24, help="held-out clips to read, spread evenly")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="talkie-openings-") as scratch:
        stage = Path(scratch) / "stage"
        data = open_dataset(options.data) if options.data else record(stage, 60, load_shoot("speech", seed=9))
        probe = build_probe("opening")
        train_on(probe, [data])
        rows = [measured(probe, held_out(data, options.clips), width) for width in WIDTHS]
    checks = {
        f"the probe reads films as they are at {LEAST} or more": rows[0]["probe"] >= LEAST,
        "the probe reads every kind of film better than MediaPipe": all(r["probe"] > r["mediapipe"] for r in rows),
    }
    own = {m.name: round(m.value, 4) for m in probe.held_out}
    print(json.dumps({"read": rows, "probe": own, "data": data.digest[:16], "checks": checks}, indent=1))
    return 0 if all(checks.values()) else 1


def held_out(data: Dataset, most: int) -> list[Clip]:
    """Clips of people whom training has not seen."""
    ids = [*data.ids("val"), *data.ids("test")]
    chosen = [ids[int(i)] for i in np.linspace(0, len(ids) - 1, min(most, len(ids)))]
    return [data.raw(clip).decode(("mp4", "landmarks.npy")) for clip in chosen]


def measured(probe: Probe, clips: Sequence[Clip], width: int | None) -> dict[str, float]:
    """Mean correlations with the true openings, of both readers."""
    assert isinstance(probe, Opening)
    found: dict[str, list[float]] = {"probe": [], "mediapipe": []}
    for clip in clips:
        true = np.asarray(clip.fields["landmarks.npy"])
        frames = softened(clip_pictures(clip), true, width)
        points = track(frames)
        seen = np.isfinite(points).all((1, 2))
        read = {"probe": probe.read(view_frames(frames, points).mouths), "mediapipe": aperture(points)}
        for name, opening in read.items():
            found[name].append(aperture_correlation(aperture(true)[seen], opening[seen], reach=0))
    return {"width": width or 0, "clips": len(clips)} | {k: round(float(np.mean(v)), 4) for k, v in found.items()}


def softened(frames: np.ndarray, points: np.ndarray, width: int | None) -> np.ndarray:
    """Frames (T, H, W, 3) whose faces were `width` pixels wide for a while."""
    if width is None:
        return frames
    height, across = frames.shape[1:3]
    share = width / float(np.median(np.ptp(points[..., 0], axis=1)))
    small = max(1, round(across * share)), max(1, round(height * share))
    shrunk = (cv2.resize(f, small, interpolation=cv2.INTER_AREA) for f in frames)
    return np.stack([cv2.resize(f, (across, height), interpolation=cv2.INTER_CUBIC) for f in shrunk])


if __name__ == "__main__":
    sys.exit(main())
