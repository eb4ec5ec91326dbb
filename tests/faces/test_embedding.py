"""An embedding of a face is a unit vector that follows the face and not its place, or says that it cannot tell."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice

import cv2
import numpy as np
import pytest

from talkie.errors import BadInput, MissingExtra
from talkie.faces import FaceTracker
from talkie.faces.chart import canonical, chart
from talkie.faces.embedding import (
    ARCFACE_POINTS,
    ArcFaceEmbedder,
    ChartEmbedder,
    arcface_crop,
    load_embedder,
    similarity,
    tellable,
)
from talkie.licences import licence_of
from talkie.media import read_video

NAMES = ("weekly_address_a.mp4", "silent_256.mp4", "interview_vfr.mp4")


def face_points(size: float = 100.0) -> np.ndarray:
    """A flat face (478, 3): a grid with eyes, nose, mouth and chin where MediaPipe numbers them."""
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.uniform(-0.5, 0.5, (478, 2)), np.zeros((478, 1))], axis=1)
    places = {
        33: (-0.3, -0.2),
        133: (-0.1, -0.2),
        362: (0.1, -0.2),
        263: (0.3, -0.2),
        468: (-0.2, -0.2),
        473: (0.2, -0.2),
    }
    places |= {1: (0, 0.05), 61: (-0.15, 0.3), 291: (0.15, 0.3), 168: (0, -0.2), 152: (0, 0.5)}
    for row, place in places.items():
        points[row, :2] = place
    return (points * size + (size, size, 0)).astype(np.float32)


@pytest.fixture(scope="module")
def pictures(clips):
    """(frame, landmarks) of some pictures of three real people."""
    out = []
    for name in NAMES:
        with FaceTracker() as tracker:
            frames = [frame for _, _, frame in islice(read_video(clips / name), 0, 60, 20)]
            out.append([(frame, found) for frame in frames if (found := tracker.track(frame)) is not None])
    return out


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A tiny ONNX file of ArcFace's true input and output: the mean colour of 512 patches' columns, linear."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    def write(side: int = 112, dimension: int = 512):
        pool = helper.make_node("AveragePool", ["input.1"], ["pooled"], kernel_shape=[14, 14], strides=[14, 14])
        flat = helper.make_node("Flatten", ["pooled"], ["flat"])
        inner = 3 * (side // 14) ** 2
        weights = np.random.default_rng(0).normal(size=(inner, dimension)).astype(np.float32)
        product = helper.make_node("MatMul", ["flat", "weights"], ["683"])
        graph = helper.make_graph(
            [pool, flat, product],
            "arcface",
            [helper.make_tensor_value_info("input.1", TensorProto.FLOAT, [1, 3, side, side])],
            [helper.make_tensor_value_info("683", TensorProto.FLOAT, [1, dimension])],
            [numpy_helper.from_array(weights, "weights")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9)
        path = tmp_path_factory.mktemp("arcface") / f"tiny_{side}_{dimension}.onnx"
        onnx.save(model, path)
        return path, weights

    return write


@pytest.mark.clips
def test_one_person_is_more_like_themselves_than_like_anybody_else(pictures):
    embedder = ChartEmbedder()
    vectors = [np.stack([embedder.embed(frame, points) for frame, points in person]) for person in pictures]
    for k, own in enumerate(vectors):
        np.testing.assert_allclose(np.linalg.norm(own, axis=1), 1, atol=1e-5)
        assert own.dtype == np.float32
        others = np.concatenate([v for j, v in enumerate(vectors) if j != k])
        assert (own @ own.T).min() > (own @ others.T).max()
        assert (own @ others.T).max() < embedder.same


@pytest.mark.clips
def test_place_and_scale_do_not_change_an_embedding(pictures):
    frame, points = pictures[0][0]
    moved = cv2.resize(
        np.pad(frame, ((40, 0), (70, 0), (0, 0)), mode="edge"), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA
    )
    there = (points + np.array([70, 40, 0], np.float32)) / 2
    embedder = ChartEmbedder()
    assert embedder.embed(frame, points) @ embedder.embed(moved, there) > 0.97


@pytest.mark.clips
def test_a_tint_and_a_dimmer_of_the_lamp_do_not_change_an_embedding_much(pictures):
    frame, points = pictures[1][0]
    linear = (frame / 255.0) ** 2.2 * (0.55, 0.5, 0.42)
    dim = np.round(255 * linear ** (1 / 2.2)).astype(np.uint8)
    embedder = ChartEmbedder()
    assert embedder.embed(frame, points) @ embedder.embed(dim, points) > embedder.same


@pytest.mark.parametrize("embedder", [ChartEmbedder()])
def test_a_face_that_is_small_or_turned_away_cannot_be_told(embedder):
    frame = np.full((220, 220, 3), 128, np.uint8)
    far, turned = face_points(30.0), face_points()
    turned[:, 2] = turned[:, 0] * 1.2
    assert tellable(face_points())
    for points in (far, turned):
        assert not tellable(points)
        assert np.isnan(embedder.embed(frame, points)).all()


def test_canonical_shape_does_not_depend_on_pose_place_or_scale():
    from scipy.spatial.transform import Rotation

    points = face_points()
    points[:, 2] = np.random.default_rng(1).normal(size=478) * 10
    turn = Rotation.from_euler("xyz", (0.2, -0.5, 0.3)).as_matrix()
    moved = 1.7 * points @ turn.T + (30, -20, 5)
    np.testing.assert_allclose(canonical(moved), canonical(points), atol=1e-4)
    found = canonical(points, [33, 133, 362, 263])
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-5)
    assert np.linalg.norm(found[:2].mean(0) - found[2:].mean(0)) == pytest.approx(1, abs=1e-5)


def test_the_chart_reads_linear_light_at_the_landmarks():
    """A picture whose light is a plane over it: what the chart must hold at each landmark is known."""
    x, y = np.meshgrid(np.arange(200) + 0.5, np.arange(200) + 0.5)
    frame = np.stack([40 + 0.8 * x, 60 + 0.5 * y, np.full_like(x, 90)], axis=2).round().astype(np.uint8)
    points = face_points()
    expected = (np.stack([40 + 0.8 * points[:468, 0], 60 + 0.5 * points[:468, 1], np.full(468, 90)], 1) / 255) ** 2.2
    np.testing.assert_allclose(chart(frame, points), expected, atol=0.01)


def test_a_similarity_is_recovered_exactly():
    rng = np.random.default_rng(2)
    matrix = np.column_stack([1.3 * np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]]), (5, -7)])
    points = rng.normal(size=(5, 2))
    np.testing.assert_allclose(similarity(points, points @ matrix[:, :2].T + matrix[:, 2]), matrix, atol=1e-12)


def test_arcface_sees_eyes_nose_and_mouth_where_it_was_trained_to(network):
    """The five points of a face that is ArcFace's own template, twice as large and elsewhere."""
    points = face_points(200.0)
    rows = [468, 473, 1, 61, 291]
    points[rows, :2] = 2 * ARCFACE_POINTS + 31
    frame = np.zeros((400, 400, 3), np.uint8)
    for x, y in points[rows, :2]:
        cv2.circle(frame, (round(float(x) - 0.5), round(float(y) - 0.5)), 5, (255, 255, 255), -1)
    crop = arcface_crop(frame, points)
    assert crop.shape == (112, 112, 3)
    assert all(crop[int(y), int(x)].min() > 200 for x, y in ARCFACE_POINTS)
    assert (crop[..., 0] > 128).sum() < 5 * 40


def test_arcface_runs_a_network_of_its_true_shapes(network):
    path, weights = network()
    embedder = load_embedder(path)
    assert embedder.dimension == 512
    assert licence_of(embedder.licence).commercial is False
    frame = np.random.default_rng(3).integers(0, 255, (240, 240, 3), np.uint8)
    points = face_points()
    found = embedder.embed(frame, points)
    face = (arcface_crop(frame, points).astype(np.float64) - 127.5) / 127.5
    expected = face.transpose(2, 0, 1).reshape(3, 8, 14, 8, 14).mean((2, 4)).ravel() @ weights
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), atol=1e-5)


def test_files_that_are_no_arcface_are_refused_by_name(network, tmp_path):
    with pytest.raises(BadInput, match="no such file"):
        ArcFaceEmbedder(tmp_path / "absent.onnx")
    (tmp_path / "junk.onnx").write_bytes(b"junk")
    with pytest.raises(BadInput, match="no ONNX network"):
        ArcFaceEmbedder(tmp_path / "junk.onnx")
    with pytest.raises(BadInput, match=r"\(1, 3, 112, 112\)"):
        ArcFaceEmbedder(network(side=56)[0])
    with pytest.raises(BadInput, match="512"):
        ArcFaceEmbedder(network(dimension=128)[0])


def test_without_onnxruntime_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtra, match=r"talkie\[insightface\]"):
        ArcFaceEmbedder(tmp_path / "x.onnx")


def test_the_default_needs_no_optional_package():
    blocked = "import sys; sys.modules['onnxruntime'] = None"
    code = f"{blocked}; from talkie.faces.embedding import load_embedder; load_embedder()"
    subprocess.run([sys.executable, "-c", code], check=True)
