"""Identity embeddings of a clip's faces for CSIM: the embedders of `talkie.faces`, with their name in a report."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from talkie.errors import BadInput
from talkie.evaluation.networks.identity import NetworkIdentity
from talkie.evaluation.networks.onnx_file import OnnxNetwork
from talkie.faces.embedding import ArcFaceEmbedder, ChartEmbedder, FaceEmbedder


class FaceIdentity:
    """ArcFace from an ONNX file, or without one the platform's chart embedder, which is a stand-in named "chart".
    Errors as of ArcFaceEmbedder."""

    def __init__(self, model: Path | str | None = None) -> None:
        if model is None:
            self._embedder: FaceEmbedder = ChartEmbedder()
            digest = hashlib.sha256(self._embedder.name.encode()).hexdigest()
            self.identity = NetworkIdentity("arcface", self._embedder.name, digest, "chart")
        else:
            self._embedder = ArcFaceEmbedder(Path(model))
            self.identity = OnnxNetwork(model, "arcface").identity

    def embed(self, frames: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """(N, D) unit vectors of the N frames whose face can be told (large enough, not turned away), in order. frames:
        (T, H, W, 3) uint8 RGB; landmarks: (T, 478, 3) px. Raises BadInput where there is no such frame."""
        rows = np.stack([self._embedder.embed(f, p) for f, p in zip(frames, landmarks, strict=True)])
        told = rows[np.isfinite(rows).all(1)]
        if len(told) == 0:
            raise BadInput("no face that can be told", where="frames", cure="give larger faces turned to the camera")
        return told
