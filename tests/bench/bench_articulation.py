"""What the built-in head's lips, teeth and tongue do at the phones that need them, under every emotion and style.

Run: python tests/bench/bench_articulation.py [--people N]; prints one JSON object, exits 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from typing import Any

import numpy as np
import torch
from scipy.spatial import cKDTree

from talkie.clip import FPS
from talkie.heads import BuiltinHead, builtin_head
from talkie.render.raster import rasterise_mesh
from talkie.stage.cast import Person, cast
from talkie.stage.emotion import EMOTIONS
from talkie.stage.line import Line
from talkie.stage.performance import Performance, perform
from talkie.stage.sentences import EMOTIONAL, SENTENCES

CLOSED_MM = 0.5
TEETH_MM = 3.0
"""Lower lip to upper incisors in f and v: the lip's own thickness lies between its rim and the edge it touches."""
THROUGH_MM = 0.3
"""How far the lower lip's rim may rise above the upper's."""
TARGETS = {"p b m closed": 0.97, "f v on teeth": 0.95, "frames without interpenetration": 1.0, "tongue seen in th": 0.8}
CONDITIONS = [("neutral", 1), *((e, i) for e in EMOTIONS if e != "neutral" for i in (1, 2, 3))]
MIDDLE_M = 0.010


class Mouth:
    """Distances in a posed built-in head, by vertex lists of its mesh."""

    def __init__(self, model: BuiltinHead) -> None:
        self.model = model
        skin = model.mesh.skin
        self.upper, self.lower = skin.lip_rims
        rest = model.template.numpy()
        red = np.flatnonzero((skin.upper < 0) & (skin.lip_level <= 0.52))
        lip = np.union1d(red, self.lower)
        teeth = model.mesh.part_vertices("upper_teeth")
        self.lower_lip = lip[np.abs(rest[lip, 0]) < MIDDLE_M]
        self.incisors = teeth[np.abs(rest[teeth, 0]) < MIDDLE_M]
        self.tongue = set(model.mesh.part_vertices("tongue").tolist())

    def posed(self, person: Person, expression: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            identity = torch.as_tensor(person.identity)[None].expand(len(expression), -1)
            return self.model.vertices(identity, torch.as_tensor(expression)).numpy() * 1e3

    def gap(self, vertices: np.ndarray) -> float:
        """Distance between the inner rims in the middle of the mouth, mm."""
        middle = len(self.upper) // 2
        return float(np.linalg.norm(vertices[self.upper[middle]] - vertices[self.lower[middle]]))

    def through(self, vertices: np.ndarray) -> float:
        """How far, at most along the rims, the lower one lies above the upper one, mm."""
        return float((vertices[self.lower, 1] - vertices[self.upper, 1]).max())

    def on_teeth(self, vertices: np.ndarray) -> float:
        """Least distance of the lower lip from the upper incisors, mm."""
        return float(cKDTree(vertices[self.incisors]).query(vertices[self.lower_lip])[0].min())

    def tongue_seen(self, vertices: np.ndarray) -> bool:
        """Whether a picture of the mouth from the front, 1 pixel to 0.5 mm, shows the tongue."""
        x, y, z = vertices.T
        middle = vertices[self.upper[len(self.upper) // 2]]
        flat = np.stack([60 + 2 * (x - middle[0]), 40 - 2 * (y - middle[1]), 1000 - z], 1)
        faces = self.model.faces.numpy()
        seen = rasterise_mesh(flat, faces, (80, 120))[0]
        return any(int(corner) in self.tongue for corner in faces[seen[seen >= 0], 0])


def centre_frames(performance: Performance, labels: set[str]) -> list[int]:
    """The frame nearest to the centre of each phone with one of the labels."""
    centres = [(p.start_s + p.end_s) / 2 for p in performance.transcription.phones if p.label in labels]
    return [min(int(c * FPS), len(performance) - 1) for c in centres]


def measure(people: int) -> dict[str, Any]:
    mouth = Mouth(builtin_head())
    members = cast(mouth.model, people, 20)
    texts = [*SENTENCES["en"], *(t for pack in EMOTIONAL["en"].values() for t in pack)]
    gaps: dict[str, list[float]] = defaultdict(list)
    teeth: dict[str, list[float]] = defaultdict(list)
    through: list[float] = []
    tongue: dict[str, list[bool]] = defaultdict(list)
    for number, (text, person) in enumerate((t, p) for t in texts for p in members):
        emotion, intensity = CONDITIONS[number % len(CONDITIONS)]
        played = perform(person, Line(text, emotion, intensity), np.random.default_rng((7, number)))
        lips, bites = centre_frames(played, {"P", "B", "M"}), centre_frames(played, {"F", "V"})
        tips = {label: centre_frames(played, {label}) for label in ("TH", "L")} if number % 5 == 0 else {}
        shown = mouth.posed(person, played.expression)
        gaps[emotion] += [mouth.gap(shown[i]) for i in lips]
        teeth[emotion] += [mouth.on_teeth(shown[i]) for i in bites]
        through += [mouth.through(frame) for frame in shown]
        for label, frames in tips.items():
            tongue[label] += [mouth.tongue_seen(shown[i]) for i in frames]
    closed = {e: float(np.mean(np.array(v) < CLOSED_MM)) for e, v in gaps.items()}
    bitten = {e: float(np.mean(np.array(v) < TEETH_MM)) for e, v in teeth.items()}
    every_gap, every_bite = (np.concatenate(list(v.values())) for v in (gaps, teeth))
    figures = {
        "p b m closed": min(closed.values()),
        "f v on teeth": min(bitten.values()),
        "frames without interpenetration": float(np.mean(np.array(through) <= THROUGH_MM)),
        "tongue seen in th": float(np.mean(tongue["TH"])),
    }
    return {
        "sentences": len(texts),
        "people": people,
        "bilabials": len(every_gap),
        "gap_mm": {"median": float(np.median(every_gap)), "99 %": float(np.percentile(every_gap, 99))},
        "p b m closed by emotion": closed,
        "labiodentals": len(every_bite),
        "teeth_mm": {"median": float(np.median(every_bite)), "95 %": float(np.percentile(every_bite, 95))},
        "f v on teeth by emotion": bitten,
        "deepest_interpenetration_mm": float(np.max(through)),
        "tongue seen in l": float(np.mean(tongue["L"])),
        "figures": figures,
        "targets": TARGETS,
        "reached": {name: bool(figures[name] >= least) for name, least in TARGETS.items()},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=8)
    result = measure(parser.parse_args().people)
    print(json.dumps(result, indent=1))
    return 0 if all(result["reached"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
