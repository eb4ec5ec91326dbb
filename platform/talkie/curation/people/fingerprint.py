"""Who a clip shows, as a vector: the mean of the embeddings of its best pictures. What is done with it, `identities`
decides."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import cv2
import numpy as np

from talkie.curation.draft import Annotator, Draft, Findings, Toolbox, View, Watcher
from talkie.faces.embedding import LEAST_SIZE_PX, ChartEmbedder, FaceEmbedder, load_embedder
from talkie.faces.mesh import LANDMARKS

PICTURES = 8
"""Embeddings of a clip: beyond these the mean no longer moves, and each costs some milliseconds."""
_EVERY = 5
"""Frames from one that is looked at to the next: neighbours say the same."""
_SHARPNESS_PX = 64


def face_fingerprint(embeddings: Sequence[np.ndarray], embedder: FaceEmbedder) -> dict[str, np.ndarray]:
    """The arrays that an identity takes in `fingerprint.npz`: face (D,) float32, the mean embedding at unit length;
    face_spread (), 1 - the mean's length before: 0 where all pictures agree; face_count (); face_tool (). Empty where
    none of the embeddings is finite."""
    told = [e for e in embeddings if np.isfinite(e).all()]
    if not told:
        return {}
    mean = np.mean(np.stack(told).astype(np.float64), axis=0)
    length = float(np.linalg.norm(mean))
    return {
        "face": (mean / max(length, 1e-12)).astype(np.float32),
        "face_spread": np.array(1 - length, np.float32),
        "face_count": np.array(len(told), np.int32),
        "face_tool": np.array(embedder.name),
    }


class FaceFingerprint(Annotator):
    """Adds the face to `fingerprint.npz`, beside what other annotators have written there."""

    name = "face_fingerprint"
    fields = ("fingerprint.npz",)
    scores: ClassVar[Mapping[str, str]] = {
        "face_spread": "1 - length of the mean of the clip's unit face embeddings; 0 where all agree"
    }

    @classmethod
    def made(cls, tools: Toolbox) -> Annotator:
        network = tools.models.get("arcface")
        return cls(load_embedder(None if network is None else network.path))

    def __init__(self, embedder: FaceEmbedder | None = None) -> None:
        self.embedder = ChartEmbedder() if embedder is None else embedder
        self.licence = self.embedder.licence

    @property
    def tool(self) -> str:
        return self.embedder.name

    def start(self) -> Watcher:
        return _Pictures(self.embedder)


class _Pictures(Watcher):
    """Keeps the best few crops of a clip, sharp and frontal first; they are embedded at its end."""

    def __init__(self, embedder: FaceEmbedder) -> None:
        self._embedder = embedder
        self._best: list[tuple[float, int, np.ndarray, np.ndarray]] = []

    def see(self, view: View) -> None:
        if not view.seen or view.index % _EVERY:
            return
        scale = float(view.box[2]) / view.crop.shape[0]
        if (view.bounds[1][0] - view.bounds[0][0]) * scale < LEAST_SIZE_PX:
            return
        worth = picture_worth(view.crop, view.landmarks)
        if len(self._best) < PICTURES:
            heapq.heappush(self._best, (worth, -view.index, view.crop.copy(), view.landmarks.copy()))
        elif (worth, -view.index) > self._best[0][:2]:
            heapq.heapreplace(self._best, (worth, -view.index, view.crop.copy(), view.landmarks.copy()))

    def finish(self, draft: Draft) -> Findings:
        # In the order of the film: a sum of floats depends on it.
        kept = sorted(self._best, key=lambda item: -item[1])
        mine = face_fingerprint([self._embedder.embed(crop, points) for _, _, crop, points in kept], self._embedder)
        if not mine:
            return Findings()
        before: Mapping[str, Any] = draft.found.get("fingerprint.npz", {})
        spread = {"face_spread": float(mine["face_spread"])}
        return Findings(fields={"fingerprint.npz": {**before, **mine}}, scores=spread)


def picture_worth(crop: np.ndarray, landmarks: np.ndarray) -> float:
    """How well a crop (S, S, 3) shows who somebody is: contrast of fine detail, less where the face is turned."""
    assert len(landmarks) == LANDMARKS
    x0, y0 = np.maximum(landmarks[:, :2].min(0).astype(int), 0)
    x1, y1 = landmarks[:, :2].max(0).astype(int) + 1
    part = crop[y0:y1, x0:x1, 1]
    if part.size == 0:
        return 0.0
    small = cv2.resize(part, (_SHARPNESS_PX, _SHARPNESS_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    detail = float(np.abs(cv2.Laplacian(small, cv2.CV_32F)).mean()) / max(float(small.std()), 1.0)
    across = landmarks[263] - landmarks[33]
    frontal = float(np.hypot(across[0], across[1]) / max(float(np.linalg.norm(across)), 1e-6))
    return detail * frontal**4
