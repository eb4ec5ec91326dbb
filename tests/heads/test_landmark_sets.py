"""iBUG's 68 and WFLW's 98 points on the built-in head: order, sides, places; and the embedding of the 478 points."""

import numpy as np
import pytest
import torch

from talkie.errors import BadInput
from talkie.heads import builtin_head, landmark_embedding, landmarks_68, landmarks_98
from talkie.heads.closest import closest_on_mesh

MIRROR = np.array([-1.0, 1.0, 1.0])
# The published left-right swaps of both sets (used by every flip augmentation).
SWAP_68 = np.array([
    *range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31, 45, 44, 43, 42, 47, 46, 39, 38, 37,
    36, 41, 40, 54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
])  # fmt: skip
SWAP_98 = np.array([
    *range(32, -1, -1), 46, 45, 44, 43, 42, 50, 49, 48, 47, 37, 36, 35, 34, 33, 41, 40, 39, 38, 51, 52, 53, 54, 59,
    58, 57, 56, 55, 72, 71, 70, 69, 68, 75, 74, 73, 64, 63, 62, 61, 60, 67, 66, 65, 82, 81, 80, 79, 78, 77, 76, 87,
    86, 85, 84, 83, 92, 91, 90, 89, 88, 95, 94, 93, 97, 96,
])  # fmt: skip


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    head = builtin_head()
    return head.landmarks(head.vertices())[0].double().numpy()


def test_both_sets_mirror_into_themselves_under_the_published_swaps(points: np.ndarray) -> None:
    for read, swap in ((landmarks_68, SWAP_68), (landmarks_98, SWAP_98)):
        got = read(points)
        assert len(got) == len(swap)
        np.testing.assert_allclose(got, got[swap] * MIRROR, atol=3e-4)


@pytest.mark.parametrize(("read", "count", "chin"), [(landmarks_68, 17, 8), (landmarks_98, 33, 16)])
def test_the_contour_runs_evenly_from_the_right_temple_over_the_chin_to_the_left(points, read, count, chin) -> None:  # type: ignore[no-untyped-def]
    contour = read(points)[:count]
    assert (np.diff(contour[:, 0]) > 0)[2:-2].all(), "from the person's right to the left"
    assert (np.diff(contour[: chin + 1, 1]) < 0).all()
    assert contour[:, 1].argmin() == chin
    steps = np.linalg.norm(np.diff(contour, axis=0), axis=1)
    assert steps.max() < 1.4 * steps.min()


def test_named_points_are_where_their_names_say(points: np.ndarray) -> None:
    p, w = landmarks_68(points), landmarks_98(points)
    assert p[30, 2] == p[:, 2].max(), "the nose's tip is the foremost point"
    assert p[27:31, 1].tolist() == sorted(p[27:31, 1], reverse=True)
    for start in (36, 42):
        eye = p[start : start + 6]
        assert eye[:, 0].argmin() == 0
        assert eye[:, 0].argmax() == 3
        assert (eye[[1, 2], 1] > eye[[5, 4], 1] + 0.003).all(), "upper lid over lower lid"
    mouth = p[48:60]
    assert mouth[:, 0].argmin() == 0
    assert mouth[:, 0].argmax() == 6
    assert (p[49:54, 1] > p[[59, 58, 57, 56, 55], 1]).all()
    assert w[33:38, 1].mean() > w[38:42, 1].mean()
    assert w[42:47, 1].mean() > w[47:51, 1].mean()
    for pupil, eye in ((96, slice(60, 68)), (97, slice(68, 76))):
        assert np.linalg.norm(w[pupil, :2] - w[eye, :2].mean(0)) < 0.002


def test_the_sets_agree_where_they_name_the_same_point(points: np.ndarray) -> None:
    p, w = landmarks_68(points), landmarks_98(points)
    np.testing.assert_allclose(p[48:68], w[76:96])
    np.testing.assert_allclose(p[[36, 39, 42, 45, 27, 30, 33]], w[[60, 64, 68, 72, 51, 54, 57]])


def test_sets_are_linear_batched_and_differentiable(points: np.ndarray) -> None:
    tensor = torch.tensor(points).expand(2, 3, 478, 3).clone().requires_grad_()
    got = landmarks_98(tensor)
    assert got.shape == (2, 3, 98, 3)
    np.testing.assert_allclose(got[1, 2].detach().numpy(), landmarks_98(points))
    np.testing.assert_allclose(landmarks_98(points[:, :2] * 7 + 1), landmarks_98(points)[:, :2] * 7 + 1)
    got.sum().backward()
    assert float(tensor.grad.sum()) == pytest.approx(2 * 3 * 98 * 3)
    with pytest.raises(BadInput, match=r"expected \(..., 478, D\)"):
        landmarks_68(points[:468])


def test_the_nearest_point_of_a_mesh_is_the_closed_form_on_one_triangle() -> None:
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    points = np.array([[0.25, 0.25, 2], [-1, -1, 0], [1, 1, 0], [0.5, -3, 0]])
    face, weights, distance = closest_on_mesh(points, vertices, np.array([[0, 1, 2]]))
    assert (face == 0).all()
    np.testing.assert_allclose(weights @ vertices, [[0.25, 0.25, 0], [0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0]])
    np.testing.assert_allclose(distance, [2, np.sqrt(2), np.sqrt(0.5), 3])


def _open(head) -> np.ndarray:  # type: ignore[no-untyped-def]
    weights = torch.zeros(1, 52)
    weights[0, head.expression_names.index("jawOpen")] = 0.5
    return head.vertices(expression=weights)[0].double().numpy()


def test_a_head_known_by_68_points_gets_back_the_478_it_had() -> None:
    """The built-in head, scaled, turned and without its landmarks: truth is its own embedding, carried along."""
    head = builtin_head()
    turn = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]]) * 1.1
    vertices = _open(head) @ turn.T + 0.1
    truth = head.landmarks(torch.tensor(vertices)[None])[0].numpy()
    faces, skin = head.faces.numpy(), head.part == 0
    got = landmark_embedding(vertices, faces, landmarks_68(truth), skin, head.part, ("skin",))
    places = (got.barycentric[..., None] * vertices[faces[got.triangles]]).sum(1)
    assert np.abs(places[:468] - truth[:468]).max() < 1e-4
    assert got.error_mm < 5


def test_the_stated_error_is_of_the_size_of_the_true_one_on_another_face() -> None:
    """A face with other proportions: the embedding found from 68 points against the true one."""
    head = builtin_head()
    generator = torch.Generator().manual_seed(5)
    identity = torch.randn(1, len(head.identity_names), generator=generator)
    weights = torch.zeros(1, 52)
    weights[0, head.expression_names.index("jawOpen")] = 0.5
    vertices = head.vertices(identity, weights)[0].double().numpy()
    truth = head.landmarks(torch.tensor(vertices)[None])[0].numpy()
    faces = head.faces.numpy()
    got = landmark_embedding(vertices, faces, landmarks_68(truth), head.part == 0, head.part, head.part_names)
    places = (got.barycentric[..., None] * vertices[faces[got.triangles]]).sum(1)
    missed = np.linalg.norm(places - truth, axis=1) * 1e3
    assert np.median(missed) < got.error_mm < 3
    assert missed[468:].max() < 2, "irises keep their true size on the eyeballs"


def test_too_few_points_are_refused() -> None:
    head = builtin_head()
    points = np.full((68, 3), np.nan)
    points[30:40] = 0.1
    with pytest.raises(BadInput, match="10 known landmark points; give at least 20"):
        landmark_embedding(_open(head), head.faces.numpy(), points, head.part == 0)
