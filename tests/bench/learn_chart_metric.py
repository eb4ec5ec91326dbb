"""Learns the metric of the default face embedding on stage people and writes it beside the embedder.

    python tests/bench/learn_chart_metric.py [OUT.json]

About four minutes on one core. What it is worth is measured by bench_people.py, on other people."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from people_scenes import portraits

from talkie.faces import embedding
from talkie.faces.mesh import FaceNets, place_of

CASTS = ((301, 30), (303, 40))
"""Seed and size of the casts; each person is filmed six times."""
_DIMENSIONS, _COMPONENTS, _SHRINK = 16, 100, 0.05


def learned(faces: Iterable[tuple[str, np.ndarray, np.ndarray]]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Mean and matrix of each part, from (person, frame, landmarks)."""
    names, rows = [], []
    for name, frame, landmarks in faces:
        names.append(name)
        rows.append(embedding.chart_parts(frame, landmarks))
    return [discriminants(np.stack(part), np.array(names)) for part in zip(*rows, strict=True)]


def discriminants(values: np.ndarray, names: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fisher's linear discriminants in the space of the largest principal components, the covariance within people
    shrunk towards a multiple of the unit matrix."""
    mean = values.mean(0)
    axes = np.linalg.svd(values - mean, full_matrices=False)[2][:_COMPONENTS].T
    low = (values - mean) @ axes
    people = sorted(set(names))
    centres = np.stack([low[names == name].mean(0) for name in people])
    within = sum((d := low[names == name] - centre).T @ d for name, centre in zip(people, centres, strict=True))
    within = within / (len(low) - len(people))
    size = low.shape[1]
    within = (1 - _SHRINK) * within + _SHRINK * np.trace(within) / size * np.eye(size)
    power, turn = np.linalg.eigh(within)
    whiten = turn / np.sqrt(power)
    between = np.linalg.eigh(whiten.T @ np.cov(centres.T) @ whiten)[1][:, ::-1][:, :_DIMENSIONS]
    matrix = axes @ whiten @ between
    return mean, matrix * np.sign(matrix[np.abs(matrix).argmax(0), np.arange(_DIMENSIONS)])


def faces() -> Iterable[tuple[str, np.ndarray, np.ndarray]]:
    with FaceNets() as nets:
        for seed, people in CASTS:
            for person, frame, truth in portraits(seed, people, 6):
                found = nets.landmarks(frame, place_of(truth))
                found = None if found is None else nets.landmarks(frame, place_of(found[0]))
                if found is not None:
                    yield person.name, frame, found[0]


if __name__ == "__main__":
    out = sys.argv[1] if len(sys.argv) > 1 else Path(embedding.__file__).with_name("chart_metric.json")
    embedding.write_metric(Path(out), learned(faces()))
