"""Measures the head fit: reprojection on the real clips, distance to the truth on stage footage.

    python tests/bench/bench_fitting.py [--clips FOLDER] [--takes N] [--seed S]

Stage footage is filmed, curated like any other (the truth is not shown to curation), and compared: vertices of
the region `face` in the head's own frame, neck at rest, after the best rigid alignment without scale, mean over
vertices and frames. Prints one JSON document; exit code 1 where a figure is missed."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from talkie.clip import HeadTrack
from talkie.curation import curate
from talkie.faces import interocular
from talkie.heads import builtin_head
from talkie.heads.model import HeadModel
from talkie.shards import open_dataset
from talkie.stage import StageConfig, record

MAX_REPROJECTION = 0.04
MAX_VERTEX_ERROR_MM = 5.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    beside = Path(__file__).resolve().parents[3] / "shared" / "clips"
    parser.add_argument("--clips", type=Path, default=Path(os.environ.get("TALKIE_CLIPS", beside)))
    parser.add_argument("--takes", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="talkie-bench-") as folder:
        real = _real(arguments.clips, Path(folder) / "real")
        stage = _stage(arguments.takes, arguments.seed, Path(folder))
    report = {
        "real": real,
        "stage": stage,
        "checks": {
            "real clips: mean reprojection error at most 4 % of the inter-ocular distance": max(
                clip["reprojection"] for clip in real.values()
            )
            <= MAX_REPROJECTION,
            "stage: mean vertex error of the visible face at most 5 mm": stage["vertex_error_mm"]
            <= MAX_VERTEX_ERROR_MM,
        },
    }
    json.dump(report, sys.stdout, indent=1, ensure_ascii=False)
    print()
    return 0 if all(report["checks"].values()) else 1


def _real(clips: Path, out: Path) -> dict[str, dict[str, float]]:
    """By clip: RMS reprojection over the 478 points in inter-ocular distances, mean and 95th percentile of frames."""
    curate([clips], out)
    found = {}
    for clip in open_dataset(out).clips(("landmarks.npy", "head.npz")):
        errors = clip.fields["head.npz"].residual / interocular(clip.fields["landmarks.npy"])
        source = clip.record.source
        found[f"{source.name} {source.start_s:g}-{source.end_s:g} s"] = {
            "reprojection": float(errors.mean()),
            "reprojection_p95": float(np.percentile(errors, 95)),
            "identity_rms": float(np.sqrt((clip.fields["head.npz"].identity ** 2).mean())),
        }
    return found


def _stage(takes: int, seed: int, folder: Path) -> dict[str, Any]:
    record(folder / "stage", takes, StageConfig(seed=seed, people=takes), footage=True)
    footage = folder / "stage" / "footage"
    curate([footage], folder / "curated")
    model = builtin_head()
    region = model.regions["face"]
    by_take: dict[str, dict[str, float]] = {}
    for clip in open_dataset(folder / "curated").clips(("landmarks.npy", "head.npz")):
        source = clip.record.source
        with np.load(footage / f"{Path(source.name).stem}.truth.npz") as archive:
            truth = {name: archive[name] for name in archive.files}
        first = round(source.start_s * 25)
        frames = slice(first, first + clip.record.frames)
        fitted: HeadTrack = clip.fields["head.npz"]
        mine = _head_vertices(model, vars(fitted), slice(None))[:, region]
        true = _head_vertices(model, truth, frames)[:, region]
        mean = _head_vertices(model, {**truth, "identity": np.zeros_like(truth["identity"])}, frames)[:, region]
        seen = clip.fields["landmarks.npy"]
        by_take[f"{source.name} {source.start_s:g} s"] = {
            "frames": float(clip.record.frames),
            "vertex_error_mm": float(1000 * _aligned_error(mine, true).mean()),
            "mean_identity_error_mm": float(1000 * _aligned_error(mean, true).mean()),
            "reprojection": float((fitted.residual / interocular(seen)).mean()),
            "expression_mae": float(np.abs(fitted.expression - truth["expression"][frames]).mean()),
            "jaw_open_r": _correlation(model, fitted.expression, truth["expression"][frames], "jawOpen"),
        }
    weights = [take["frames"] for take in by_take.values()]
    return {
        "takes": by_take,
        "vertex_error_mm": float(np.average([take["vertex_error_mm"] for take in by_take.values()], weights=weights)),
        "mean_identity_error_mm": float(
            np.average([take["mean_identity_error_mm"] for take in by_take.values()], weights=weights)
        ),
    }


def _head_vertices(model: HeadModel, track: dict[str, Any], frames: slice) -> np.ndarray:
    """(T, V, 3) metres in the head frame, neck at rest."""
    names = ("expression", "jaw", "left_eye", "right_eye")
    values = {name: torch.as_tensor(np.asarray(track[name])[frames]) for name in names}
    identity = torch.as_tensor(track["identity"]).expand(len(values["jaw"]), -1)
    with torch.no_grad():
        return model.vertices(identity, **values).numpy()


def _aligned_error(mine: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Distance per frame and vertex (T, N) after the best rotation and shift of each frame (Kabsch 1976)."""
    a, b = mine - mine.mean(1, keepdims=True), true - true.mean(1, keepdims=True)
    u, _, vt = np.linalg.svd(a.transpose(0, 2, 1) @ b)
    flip = np.ones((len(a), 3))
    flip[:, 2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * flip[:, None]) @ vt
    return np.linalg.norm(a @ rotation - b, axis=-1)


def _correlation(model: HeadModel, mine: np.ndarray, true: np.ndarray, name: str) -> float:
    column = model.expression_names.index(name)
    return float(np.corrcoef(mine[:, column], true[:, column])[0, 1])


if __name__ == "__main__":
    sys.exit(main())
