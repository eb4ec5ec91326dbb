"""Hand-face contact: distances against closed forms, and skin that gives way without being passed through."""

import numpy as np
import pytest
from scipy.spatial import Delaunay

from talkie.errors import BadInput
from talkie.heads import builtin_head
from talkie.heads.body.contact import CONTACT_M, FALLOFF_M, find_contact, press, tissue_depth
from talkie.heads.body.distance import signed_distance
from talkie.heads.body.nets import mesh

RADIUS = 0.02


def _sphere(centre: tuple[float, float, float], step: float = 0.0015) -> tuple[np.ndarray, np.ndarray]:
    """A fine sphere whose facets lie within 0.02 mm of it."""
    box = np.full(3, RADIUS + 2 * step)
    points, faces = mesh(lambda p: np.linalg.norm(p, axis=1) - RADIUS, -box, box, step)
    return points + np.array(centre), faces


def _plane(step: float = 0.003) -> tuple[np.ndarray, np.ndarray]:
    """A square of 15 cm that looks up along y."""
    flat = np.arange(-0.075, 0.0751, step)
    x, z = (a.ravel() for a in np.meshgrid(flat, flat))
    shaken = np.column_stack([x, z]) + 1e-6 * np.sin(np.arange(len(x))[:, None] * [12.9, 78.2])
    faces = Delaunay(shaken).simplices
    points = np.column_stack([x, 0 * x, z])
    up = np.cross(points[faces[:, 1]] - points[faces[:, 0]], points[faces[:, 2]] - points[faces[:, 0]])[:, 1]
    return points, np.where((up < 0)[:, None], faces[:, ::-1], faces)


def test_signed_distance_to_a_box_is_the_closed_form() -> None:
    corners = np.array([(x, y, z) for x in (-1, 1) for y in (-2, 2) for z in (-3, 3)], float)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])
    points = np.random.default_rng(0).uniform(-5, 5, (400, 3))
    got, place, _ = signed_distance(points, corners, faces)
    excess = np.abs(points) - [1, 2, 3]
    wanted = np.linalg.norm(np.maximum(excess, 0), axis=1) + np.minimum(excess.max(1), 0)
    np.testing.assert_allclose(got, wanted, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(points - place, axis=1), np.abs(wanted), atol=1e-12)


def test_a_sphere_poking_a_plane_touches_the_disc_of_the_closed_form() -> None:
    plane, faces = _plane()
    depth = 0.005
    ball, ball_faces = _sphere((0, RADIUS - depth, 0))
    contact = find_contact(plane, faces, ball, ball_faces)
    flat = np.hypot(plane[:, 0], plane[:, 2])
    exact = np.hypot(flat, RADIUS - depth) - RADIUS
    np.testing.assert_allclose(contact.distance, exact, atol=3e-5)
    clear = np.abs(exact - CONTACT_M) > 1e-4
    assert (contact.mask == (exact < CONTACT_M))[clear].all()
    np.testing.assert_allclose(contact.depth, np.maximum(-exact, 0), atol=3e-5)
    # The hand's own label: everything of the ball below 2 mm above the plane, within the touched disc.
    below = ball[:, 1] < CONTACT_M - 1e-4
    assert contact.hand_mask[below & (np.hypot(ball[:, 0], ball[:, 2]) < 0.010)].all()
    assert not contact.hand_mask[ball[:, 1] > CONTACT_M + 1e-4].any()


def test_soft_skin_takes_the_whole_ball_smoothly_and_nothing_moves_far_away() -> None:
    plane, faces = _plane()
    ball, ball_faces = _sphere((0, RADIUS - 0.006, 0))
    result = press(plane, faces, np.full(len(plane), 0.02), ball, ball_faces)
    np.testing.assert_array_equal(result.hand_shift, 0)
    assert result.contact.depth.max() < 0.0005
    np.testing.assert_allclose(result.vertices, plane + result.displacement)
    moved = np.linalg.norm(result.displacement, axis=1)
    assert moved.max() == pytest.approx(0.006, abs=4e-4)
    flat = np.hypot(plane[:, 0], plane[:, 2])
    pressed = np.sqrt(RADIUS**2 - (RADIUS - 0.006) ** 2)
    assert (moved[flat > pressed + FALLOFF_M + 0.004] == 0).all()
    # It sinks in under the ball and rises around it, by less than it sinks.
    assert 0.0001 < result.displacement[:, 1].max() < 0.0025
    volume_in, volume_out = (np.clip(s * result.displacement[:, 1], 0, None).sum() for s in (-1, 1))
    assert 0.1 < volume_out / volume_in < 0.6
    # Smooth: no step between neighbours steeper than the ball's own flank there.
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    assert np.linalg.norm(result.displacement[edges[:, 0]] - result.displacement[edges[:, 1]], axis=1).max() < 0.0035


def test_bone_stops_the_hand_where_the_tissue_ends() -> None:
    plane, faces = _plane()
    ball, ball_faces = _sphere((0, RADIUS - 0.006, 0))
    result = press(plane, faces, np.full(len(plane), 0.002), ball, ball_faces)
    np.testing.assert_allclose(result.hand_shift, [0, 0.004, 0], atol=3e-4)
    assert np.linalg.norm(result.displacement, axis=1).max() < 0.0025
    assert result.contact.depth.max() < 0.0005


def test_a_hand_that_touches_nothing_changes_nothing() -> None:
    plane, faces = _plane()
    ball, ball_faces = _sphere((0, RADIUS + 0.01, 0))
    result = press(plane, faces, np.full(len(plane), 0.01), ball, ball_faces)
    assert not result.displacement.any()
    assert not result.contact.mask.any()
    assert not result.contact.hand_mask.any()


def _poke(index: int, depth: float):  # type: ignore[no-untyped-def]
    head = builtin_head()
    points = head.template.double().numpy()
    faces = head.faces.numpy()[head.part[head.faces[:, 0].numpy()] == 0]
    at = head.landmarks(head.template[None])[0, index].double().numpy()
    near = signed_distance(at[None] + [0, 0, 0.001], points, faces)[2][0]
    ball, ball_faces = _sphere(tuple(at + near * (RADIUS - depth)), 0.0025)
    return head, press(points, faces, tissue_depth(points), ball, ball_faces)


CHEEK, FOREHEAD, CHIN = 425, 151, 199


def test_the_same_push_moves_the_forehead_less_than_half_as_far_as_the_cheek() -> None:
    moved = {}
    for name, index in (("cheek", CHEEK), ("forehead", FOREHEAD), ("chin", CHIN)):
        head, result = _poke(index, 0.007)
        assert result.contact.depth.max() < 0.0005, name
        moved[name] = float(np.linalg.norm(result.displacement, axis=1).max())
        far = (
            np.linalg.norm(head.template.numpy() - head.landmarks(head.template[None])[0, index].numpy(), axis=1) > 0.06
        )
        assert not result.displacement[far].any(), name
        # Eyes, teeth and tongue are no skin.
        assert not result.displacement[head.part > 2].any(), name
    assert moved["cheek"] == pytest.approx(0.007, abs=0.001)
    assert moved["forehead"] < 0.5 * moved["cheek"]
    assert moved["chin"] < moved["cheek"]


def test_a_hand_that_would_have_to_go_far_is_refused() -> None:
    plane, faces = _plane(0.006)
    ball, ball_faces = _sphere((0, 0, 0), 0.0025)
    with pytest.raises(BadInput, match="too deep"):
        press(plane, faces, np.full(len(plane), 0.002), ball * 5, ball_faces)
