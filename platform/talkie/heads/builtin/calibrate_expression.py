"""Measures how the parts of the face move in ICT-FaceKit's expressions and writes `expression.json`.

    python -m talkie.heads.builtin.calibrate_expression ict_facekit.npz

Each expression becomes at most `TERMS` displacement vectors (0.1 mm) at fixed anchors of our own, chosen
greedily; the scan's vertices do not enter. ICT-FaceKit: USC ICT, MIT licence. Jaw, lids and gaze are not
measured but follow from geometry, see `expression.py`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from talkie.heads.builtin import chart, fields, surface
from talkie.heads.builtin.expression import ANCHORS, OPENING, basis_field

TERMS = 8
SIDED = (
    "browDown", "browOuterUp", "cheekSquint", "eyeSquint", "mouthDimple", "mouthFrown", "mouthLowerDown",
    "mouthPress", "mouthSmile", "mouthStretch", "mouthUpperUp", "noseSneer",
)  # fmt: skip
SYMMETRIC = {
    "browInnerUp": ("browInnerUp_L", "browInnerUp_R"),
    "cheekPuff": ("cheekPuff_L", "cheekPuff_R"),
    "mouthFunnel": ("mouthFunnel",),
    "mouthPucker": ("mouthPucker",),
    "mouthRollLower": ("mouthRollLower",),
    "mouthRollUpper": ("mouthRollUpper",),
    "mouthShrugLower": ("mouthShrugLower",),
    "mouthShrugUpper": ("mouthShrugUpper",),
}
WHOLE = {"mouthLeft": ("mouthLeft",)}


def _sum_of(scan: dict[str, np.ndarray], names: tuple[str, ...]) -> np.ndarray:
    known = list(scan["expression_names"])
    return sum(scan["expression"][known.index(n)].astype(float) for n in names) * 0.01  # type: ignore[return-value]


def greedy(candidates: list[tuple], columns: np.ndarray, target: np.ndarray) -> list[list]:
    """Orthogonal matching pursuit: at most TERMS candidates whose fields (N, C) explain target (N, 3)."""
    chosen: list[int] = []
    ridge = 2e-3 * len(target) * np.eye(TERMS)
    left, vectors = target, np.zeros((0, 3))
    for _ in range(TERMS):
        gain = ((columns.T @ left) ** 2).sum(1) / ((columns**2).sum(0) + 0.01 * len(target))
        gain[chosen] = -1
        chosen.append(int(gain.argmax()))
        a = columns[:, chosen]
        vectors = np.linalg.solve(a.T @ a + ridge[: len(chosen), : len(chosen)] * 0.02, a.T @ target)
        left = target - a @ vectors
    print(f"  explains {1 - (left**2).sum() / (target**2).sum():.2f}, rms {np.sqrt((left**2).mean()) * 1e3:.2f} mm")
    return [[*candidates[k], np.round(v * 1e4).astype(int).tolist()] for k, v in zip(chosen, vectors, strict=True)]


def main(path: str) -> None:
    """Measure and write."""
    with np.load(path) as file:
        scan = {k: file[k] for k in ("vertices", "expression", "expression_names")}
    points = scan["vertices"][:9409].astype(float) * 0.01
    theta, s, r = chart.locate(points)
    place = fields.Place.of(points)
    good = (np.abs(r - surface.radius(theta, s)) < 0.004) & (np.abs(place.above) > 0.35)
    place = fields.Place.of(points[good])
    out: dict[str, list[list]] = {}
    jobs: list[tuple[str, tuple[str, ...], str]] = [(f"{n}Left", (f"{n}_L",), "left") for n in SIDED]
    jobs += [(n, parts, "both") for n, parts in SYMMETRIC.items()]
    jobs += [(n, parts, "all") for n, parts in WHOLE.items()]
    for name, parts, side in jobs:
        print(name)
        target = _sum_of(scan, parts)[:9409][good]
        kinds = fields.KINDS if name.startswith(OPENING) else fields.KINDS[:3]
        names = list(ANCHORS)
        sides = ("left", "right") if side == "all" else (side,)
        candidates = [(a, k, d) for a in names for k in (kinds if ANCHORS[a].mouth else ("plain",)) for d in sides]
        # A mirrored pair has mirrored vectors: solve on the left half, where the pair is one basis each.
        use = (side != "both") | (place.positions[:, 0] >= 0)
        columns = np.stack([basis_field(place, a, k, d) for a, k, d in candidates], axis=1)
        out[name] = greedy(candidates, columns[use], target[use])
    body = ",\n".join(
        f'  "{name}": [\n' + ",\n".join("    " + json.dumps(t) for t in terms) + "\n  ]" for name, terms in out.items()
    )
    Path(__file__).with_name("expression.json").write_text("{\n" + body + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
