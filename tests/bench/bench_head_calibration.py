"""Measures the built-in head against ICT-FaceKit's scanned one: mean face, expressions, identities.

    python tests/bench/bench_head_calibration.py [--heads FOLDER]

Prints one JSON document; exit code 1 where a figure is missed. Distances are millimetres over the region `face`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from talkie.heads import builtin_head
from talkie.heads.builtin.against_scan import load_scan
from talkie.heads.builtin.scan_measures import expression_agreement, identity_fits, mean_distances

MAX_MEAN_MM = 3.0
MIN_COSINE = 0.7
MAX_IDENTITY_MM = 2.5
JUDGED = (
    "jawOpen", "mouthPucker", "mouthFunnel", "mouthSmileLeft", "mouthSmileRight", "mouthClose", "browInnerUp",
    "eyeBlinkLeft", "eyeBlinkRight", "mouthUpperUpLeft", "mouthUpperUpRight", "mouthLowerDownLeft",
    "mouthLowerDownRight", "cheekPuff",
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    beside = Path(__file__).resolve().parents[3] / "shared" / "heads"
    parser.add_argument("--heads", type=Path, default=Path(os.environ.get("TALKIE_HEADS", beside)))
    scan = load_scan(parser.parse_args().heads / "ict_facekit.npz")
    head = builtin_head()
    mean, shapes, faces = mean_distances(head, scan), expression_agreement(head, scan), identity_fits(head, scan)
    report = {
        "mean_mm": mean,
        "identity_mm": faces,
        "expression": {name: {"cosine": c, "size_ratio": r} for name, (c, r) in shapes.items()},
        "checks": {
            f"mean face within {MAX_MEAN_MM} mm RMS, both ways": max(mean["built_in_to_scan"], mean["scan_to_built_in"])
            <= MAX_MEAN_MM,
            f"judged expressions: cosine at least {MIN_COSINE}": min(shapes[n][0] for n in JUDGED) >= MIN_COSINE,
            f"30 scanned identities fitted within {MAX_IDENTITY_MM} mm RMS": faces["correspondence"] <= MAX_IDENTITY_MM,
        },
    }
    json.dump(report, sys.stdout, indent=1)
    print()
    return 0 if all(report["checks"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
