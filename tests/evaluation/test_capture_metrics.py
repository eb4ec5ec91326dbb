"""Capture and contact metrics against closed forms of spheres and scipy's rotations."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from talkie.errors import BadInput
from talkie.evaluation.metrics import capture, contact

DRAW = np.random.default_rng(0)


def sphere(points=1500, radius=0.1):
    """A closed mesh on a sphere about the origin, faces counter-clockwise from outside."""
    k = np.arange(points) + 0.5
    polar, turn = np.arccos(1 - 2 * k / points), np.pi * (1 + 5**0.5) * k
    vertices = radius * np.stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], 1)
    faces = ConvexHull(vertices).simplices
    corners = vertices[faces]
    inward = np.einsum(
        "fi,fi->f", np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), corners[:, 0]
    )
    faces[inward < 0] = faces[inward < 0][:, ::-1]
    return vertices, faces


def directions(count):
    rows = DRAW.normal(size=(count, 3))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_scan_points_are_as_far_from_a_sphere_as_their_radius_says():
    vertices, faces = sphere()
    radii = DRAW.uniform(0.09, 0.12, 300)
    found = capture.scan_to_mesh(radii[:, None] * directions(300), vertices, faces)
    # The facets of 1500 points lie up to 0.3 mm inside the sphere.
    assert found == pytest.approx(np.abs(radii - 0.1), abs=3e-4)


def test_a_point_above_a_triangle_is_nearer_to_it_than_to_its_corners():
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    assert capture.scan_to_mesh([[0.25, 0.25, 0.5]], corners, [[0, 1, 2]]) == pytest.approx([0.5])
    with pytest.raises(BadInput, match="row 3"):
        capture.scan_to_mesh([[0, 0, 0]], corners, [[0, 1, 3]])
    assert capture.summary(np.array([1.0, 2, 6])) == pytest.approx({"median": 2, "mean": 3, "std": (14 / 3) ** 0.5})


def test_vertex_error_forgives_a_shift_only_where_it_aligns():
    truth = DRAW.normal(size=(2, 20, 3))
    assert capture.vertex_error(truth, truth + 1) == pytest.approx([0, 0], abs=1e-12)
    assert capture.vertex_error(truth, truth + 1, align=False) == pytest.approx([3**0.5] * 2)


def test_rigid_errors_are_those_of_scipys_rotations():
    first, second = Rotation.random(4, rng=1), Rotation.random(4, rng=2)
    shifts = DRAW.normal(size=(2, 4, 3))
    a, b = (np.concatenate([r.as_matrix(), t[:, :, None]], 2) for r, t in ((first, shifts[0]), (second, shifts[1])))
    turns, ways = capture.rigid_errors(a, b)
    assert turns == pytest.approx(np.degrees((first.inv() * second).magnitude()))
    assert ways == pytest.approx(np.linalg.norm(shifts[0] - shifts[1], axis=1))
    skull = DRAW.normal(size=(4, 9, 3))
    moved = [np.stack([r.apply(p) for r, p in zip(rot, skull, strict=True)]) + t[:, None] for rot, t in
             ((first, shifts[0]), (second, shifts[1]))]  # fmt: skip
    assert capture.skull_error(skull, a, b) == pytest.approx(np.linalg.norm(moved[0] - moved[1], axis=2).mean(1))


def test_signed_distance_is_positive_inside_a_sphere():
    vertices, faces = sphere()
    radii = DRAW.uniform(0.02, 0.2, 200)
    radii = radii[np.abs(radii - 0.1) > 1e-3]
    found = contact.signed_distance(radii[:, None] * directions(len(radii)), vertices, faces)
    # Deep inside, the nearest triangle need not be among those of the nearest centroids.
    assert (np.sign(found) == np.sign(0.1 - radii)).all()
    near = np.abs(radii - 0.1) < 0.05
    assert found[near] == pytest.approx((0.1 - radii)[near], abs=5e-4)


def test_contact_figures_are_the_published_ones():
    apart, sunk, deep, leak = (
        np.full(4, -0.02),
        [-0.01, 0.004, 0.002, -0.01],
        [0.01, 0, -0.03, -0.03],
        [0.06, -1, -1, -1],
    )
    guess = np.array([apart, sunk, deep, leak])
    assert contact.collision_distance(guess) == pytest.approx([0, 0.006 / 4, 0.01 / 4, 0])
    assert contact.non_collision_ratio(guess) == 0.75
    truth = np.array([sunk, sunk, apart, apart])
    assert contact.touchness(truth, guess) == 0.5
    with pytest.raises(BadInput, match="never touches"):
        contact.touchness(np.full((4, 4), -0.02), guess)


@pytest.mark.parametrize("metric", [contact.collision_distance, contact.non_collision_ratio])
def test_distances_that_do_not_fit_are_refused(metric):
    for bad, words in ((np.zeros((0, 4)), "empty"), (np.full((2, 4), np.nan), "NaN"), (np.zeros(4), "shape")):
        with pytest.raises(BadInput, match=words):
            metric(bad)
    with pytest.raises(BadInput, match="shape"):
        contact.touchness(np.zeros((2, 4)), np.zeros((3, 4)))
