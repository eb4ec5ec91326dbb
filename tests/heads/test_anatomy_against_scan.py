"""The built-in head against the scanned one, and the measures used for it against closed forms."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from talkie.errors import BadInput
from talkie.heads import builtin_head
from talkie.heads.builtin.against_scan import Scan, load_scan, nearest
from talkie.heads.builtin.scan_measures import (
    cosine,
    expression_agreement,
    fit_identity,
    identity_fits,
    mean_distances,
    rms_mm,
)


@pytest.fixture(scope="module")
def scan(scanned_head: Path) -> Scan:
    return load_scan(scanned_head)


def test_nearest_points_of_a_plane_are_its_feet() -> None:
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    points = np.array([[0.7, 0.2, 0.5], [0.1, 0.8, -0.3], [2.0, 0.5, 0.0], [2.0, 2.0, 1.0]])
    found = nearest(points, corners, faces)
    feet = np.clip(points, 0, 1) * [1, 1, 0]
    np.testing.assert_allclose(found.at(corners, faces), feet, atol=1e-12)
    np.testing.assert_allclose(found.distance, np.linalg.norm(points - feet, axis=1), atol=1e-12)


def test_identity_fit_finds_known_weights_in_a_turned_face() -> None:
    rng = np.random.default_rng(1)
    mean, basis, weights = 0.1 * rng.normal(size=(200, 3)), 0.002 * rng.normal(size=(5, 200, 3)), rng.normal(size=5)
    face = mean + np.tensordot(weights, basis, 1)
    turned = face @ Rotation.from_rotvec([0.02, 0.05, -0.03]).as_matrix().T + 0.01
    found, turn, shift = fit_identity(mean, basis, turned, ridge=1e-14)
    np.testing.assert_allclose(found, weights, atol=1e-4)
    assert rms_mm(np.linalg.norm(turned @ turn.T + shift - face, axis=1)) < 1e-3


def test_cosine_sees_direction_and_not_size() -> None:
    field = np.random.default_rng(2).normal(size=(30, 3))
    assert cosine(field, 3 * field) == pytest.approx(1)
    assert cosine(field, -field) == pytest.approx(-1)
    assert cosine(field, 0 * field) == 0


def test_an_absent_scan_is_named(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput, match="TALKIE_HEADS"):
        load_scan(tmp_path / "ict_facekit.npz")


def test_the_mean_face_is_the_scanned_mean_within_three_millimetres(scan: Scan) -> None:
    distances = mean_distances(builtin_head(), scan)
    assert max(distances["built_in_to_scan"], distances["scan_to_built_in"]) < 3


def test_expressions_move_as_the_scans_do(scan: Scan) -> None:
    agreement = expression_agreement(builtin_head(), scan)
    sided = ("mouthSmile", "eyeBlink", "mouthUpperUp", "mouthLowerDown")
    judged = ["jawOpen", "mouthPucker", "mouthFunnel", "mouthClose", "browInnerUp", "cheekPuff"]
    judged += [f"{name}{side}" for name in sided for side in ("Left", "Right")]
    for name in judged:
        assert agreement[name][0] >= 0.7, name


def test_named_axes_span_scanned_identities(scan: Scan) -> None:
    fits = identity_fits(builtin_head(), scan, faces=6)
    assert fits["correspondence"] < 2.5
    assert fits["weights_rms"] < 1, "within the prior"
