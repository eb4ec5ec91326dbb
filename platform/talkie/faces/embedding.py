"""Identity embeddings: a vector by which two pictures of one person are told from two of different people.

Whose clips belong together is decided in curation, with the thresholds that stand here."""

from __future__ import annotations

import base64
import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from talkie.errors import BadInput, MissingExtra
from talkie.faces.chart import MESH, canonical, chart
from talkie.faces.mesh import LEFT_PUPIL, RIGHT_PUPIL

LEAST_SIZE_PX = 40.0
"""Width of a face below which its chart holds no identity: eyes of six pixels."""
MOST_TURNED_RAD = 0.7
"""Beyond 40 degrees half of the face is guessed by the mesh."""
_EVERY = 3
"""Every third landmark stands for its neighbours: 156 of them."""
_DARK = 0.02
_METRIC = "chart_metric.json"
ARCFACE_POINTS = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""Where the eyes, the nose's tip and the mouth's corners lie in ArcFace's picture of 112 pixels, the picture's left
first (Deng et al., "ArcFace", CVPR 2019, and every set of weights published for it)."""
ARCFACE_SIDE, ARCFACE_DIMENSION = 112, 512
_NOSE_TIP, _MOUTH = 1, (61, 291)


class FaceEmbedder(Protocol):
    """name: "tool version"; licence: of the model. same: mean cosine between the embeddings of two clips from which on
    they may be taken for one person, chosen for precision: whoever lies below is not told apart, but not told to be the
    same either."""

    name: str
    dimension: int
    licence: str
    same: float

    def embed(self, frame: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """Of a face with landmarks (478, 3) px in a frame (H, W, 3) uint8 RGB: (D,) float32 of unit length; all NaN
        where it cannot be told (too small, turned away)."""


class ChartEmbedder:
    """The default: shape, light and colour of the face at its landmarks, in a metric learned on the stage's people. It
    needs no download and is weaker than any network.

    Three parts of 16 numbers, each of unit length: the landmarks in the face's own frame; the logarithm of the light
    without what a smooth lamp makes of it; the colours without their mean, in which skin as a whole, and any tint of
    the lamp, fall out. The metric (linear discriminants with shrinkage, Fisher 1936) was learned by
    tests/bench/learn_chart_metric.py on 70 people under seven kinds of light with eight emotions and turned heads.

    Pairs of single pictures of 20 people whom the metric has not seen, under other lights, emotions and poses: area
    under the ROC curve 0.984, equal error rate 0.07; of five real clips 0.998 and 0.02, where each was filmed in one
    room, so that its light helps. Of other people's clips in raw footage 0.985, and 0.68 of the pairs reach `same`
    without one false among a thousand.
    So `same` is set for the means of clips, and high: no two of the people measured reach it, and what does not
    stays apart. In a corpus of thousands of people some will, and the choice of a network is worth its licence."""

    name = "talkie chart 1"
    dimension = 48
    licence = "Apache-2.0"
    same = 0.8

    def embed(self, frame: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        if not tellable(landmarks):
            return np.full(self.dimension, np.nan, np.float32)
        parts = [
            (part - mean) @ matrix
            for part, (mean, matrix) in zip(chart_parts(frame, landmarks), _metric(), strict=True)
        ]
        return np.asarray(np.concatenate([_unit(part) for part in parts]) / np.sqrt(len(parts)), np.float32)


class ArcFaceEmbedder:
    """A network of the ArcFace family from an ONNX file of the user's own, such as `w600k_r50.onnx` of insightface's
    packs, whose weights are for non-commercial research only.

    The picture is brought to 112 x 112 by the similarity transform of five points (Umeyama 1991), RGB, (v - 127.5) /
    127.5; the answer is (1, 512). Raises MissingExtra without onnxruntime, BadInput for a file that is no such network.
    """

    dimension = ARCFACE_DIMENSION
    licence = "non-commercial"
    same = 0.4
    """Cosines of one person's pictures lie above 0.3 to 0.4 for published weights; this is a clip's mean."""

    def __init__(self, path: Path) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingExtra("onnxruntime is not installed", cure="pip install 'talkie[insightface]'") from error
        if not path.is_file():
            raise BadInput("no such file", where=str(path), cure="give an ArcFace network in ONNX form")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises a dozen types of its own for a file that it cannot read
            raise BadInput(f"no ONNX network: {str(error).splitlines()[0]:.120}", where=str(path)) from error
        given, told = self._session.get_inputs()[0], self._session.get_outputs()[0]
        wanted, answered = [3, ARCFACE_SIDE, ARCFACE_SIDE], [ARCFACE_DIMENSION]
        if list(given.shape[1:]) != wanted or list(told.shape[1:]) != answered:
            raise BadInput(
                f"a network from {given.shape} to {told.shape}",
                where=str(path),
                cure="ArcFace takes (1, 3, 112, 112) and gives (1, 512)",
            )
        self._input = given.name
        self.name = f"arcface {path.stem}"

    def embed(self, frame: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        if not tellable(landmarks):
            return np.full(self.dimension, np.nan, np.float32)
        face = arcface_crop(frame, landmarks).astype(np.float32)
        answer = self._session.run(None, {self._input: ((face - 127.5) / 127.5).transpose(2, 0, 1)[None]})[0][0]
        return np.asarray(_unit(answer), np.float32)


def load_embedder(model: Path | None = None) -> FaceEmbedder:
    """ArcFace where a file is given, else the default."""
    return ChartEmbedder() if model is None else ArcFaceEmbedder(model)


def tellable(landmarks: np.ndarray) -> bool:
    """Whether a face is large enough and turned to the camera enough to say who it is."""
    across = (landmarks[263] - landmarks[33]).astype(np.float64)
    turned = abs(float(np.arctan2(across[2], np.hypot(across[0], across[1]))))
    return bool(np.ptp(landmarks[:MESH, 0]) >= LEAST_SIZE_PX and turned <= MOST_TURNED_RAD)


def chart_parts(frame: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the default embedding is made of, before its metric: shape (468,), light (156,), colour (468,)."""
    shape = canonical(landmarks, slice(0, MESH, _EVERY)).astype(np.float64)
    light = np.log(chart(frame, landmarks)[::_EVERY].astype(np.float64) + _DARK)
    mean = light.mean(1)
    x, y, z = shape.T
    smooth = np.stack([np.ones_like(x), x, y, z, x * x, x * y, y * y], axis=1)
    texture = mean - _fit(smooth, mean)
    colour = light - mean[:, None]
    colour = colour - _fit(smooth[:, :4], colour)
    return shape.ravel(), texture / max(float(texture.std()), 0.1), colour.ravel()


def arcface_crop(frame: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The face upright in ArcFace's frame: (112, 112, 3) uint8."""
    points = landmarks[[RIGHT_PUPIL, LEFT_PUPIL, _NOSE_TIP, *_MOUTH], :2].astype(np.float64)
    matrix = similarity(points, ARCFACE_POINTS)
    # cv2 counts pixel centres at whole numbers, we at halves.
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    return cv2.warpAffine(frame, matrix, (ARCFACE_SIDE, ARCFACE_SIDE), flags=cv2.INTER_LINEAR)


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The rotation, scale and shift (2, 3) that bring points (N, 2) nearest to others, least squares (Umeyama 1991)."""
    a, b = source - source.mean(0), target - target.mean(0)
    # In the plane a similarity is a complex factor: the projection of b on a.
    z, w = a @ (1, 1j), b @ (1, 1j)
    factor = np.vdot(z, w) / max(np.vdot(z, z).real, 1e-12)
    linear = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return np.column_stack([linear, target.mean(0) - linear @ source.mean(0)])


def write_metric(path: Path, parts: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Means (d,) and matrices (d, 16) of the three parts, with eight bits for each number."""
    path.write_text(json.dumps([[_packed(mean[:, None]), _packed(matrix)] for mean, matrix in parts]) + "\n")


@cache
def _metric() -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    stored = json.loads((resources.files("talkie.faces") / _METRIC).read_text())
    return tuple((_unpacked(mean)[:, 0], _unpacked(matrix)) for mean, matrix in stored)


def _packed(matrix: np.ndarray) -> dict[str, Any]:
    scale = np.abs(matrix).max(0) / 127
    values = np.round(matrix / scale).astype(np.int8)
    return {"rows": len(matrix), "scale": [float(f"{s:.6g}") for s in scale], "int8": base64.b64encode(values).decode()}


def _unpacked(stored: dict[str, Any]) -> np.ndarray:
    values = np.frombuffer(base64.b64decode(stored["int8"]), np.int8).reshape(stored["rows"], -1)
    return values * np.array(stored["scale"])


def _fit(smooth: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The least-squares approximation of values by the columns of `smooth`; a trace of ridge keeps it solvable."""
    normal = smooth.T @ smooth + 1e-6 * np.eye(smooth.shape[1])
    return np.asarray(smooth @ np.linalg.solve(normal, smooth.T @ values))


def _unit(vector: np.ndarray) -> np.ndarray:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12))
