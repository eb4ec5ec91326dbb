"""What cannot be fitted is refused before any work, with a typed error; what little there is, is enough."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_head import TinyHead

from talkie.errors import BadInput
from talkie.heads.fitting import View, fit_clip, fit_views, landmark_basis
from talkie.heads.fitting.pose import FLIP

torch.set_num_threads(1)
K = np.array([[900.0, 0, 128], [0, 900, 128], [0, 0, 1]])


@pytest.fixture(scope="module")
def head() -> TinyHead:
    return TinyHead()


@pytest.fixture(scope="module")
def basis(head):
    return landmark_basis(head)


@pytest.fixture(scope="module")
def points(basis) -> np.ndarray:
    """Six frames of the mean head, one metre away."""
    still = basis.rest[0].numpy() @ FLIP.numpy() + [0, 0, 1]
    return np.repeat((900 * still[:, :2] / still[:, 2:] + 128)[None], 6, 0)


@pytest.mark.parametrize("shape", [(5, 468, 3), (0, 478, 3), (478, 2), (5, 478, 1), (5, 478, 4)])
def test_landmarks_of_a_wrong_shape_are_refused(head, basis, shape):
    with pytest.raises(BadInput, match="shape"):
        fit_clip(head, np.zeros(shape), K, basis=basis)


def test_a_clip_without_a_face_is_refused(head, basis, points):
    with pytest.raises(BadInput, match="no visible frame"):
        fit_clip(head, points, K, visible=np.zeros(6, bool), basis=basis)
    with pytest.raises(BadInput, match="one point"):
        fit_clip(head, np.zeros((6, 478, 2)), K, basis=basis)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_landmarks_that_are_not_finite_are_refused_by_frame_and_allowed_where_hidden(head, basis, points, value):
    broken = points.copy()
    broken[3, 7, 0] = value
    with pytest.raises(BadInput, match="frame 3"):
        fit_clip(head, broken, K, basis=basis)
    fit = fit_clip(head, broken, K, visible=np.arange(6) != 3, basis=basis)
    assert np.isfinite(fit.track.expression).all()
    assert (fit.residuals[0, 3] == 0).all()


@pytest.mark.parametrize("visible", [np.ones(5, bool), np.ones((6, 1), bool)])
def test_visibility_of_another_length_is_refused(head, basis, points, visible):
    with pytest.raises(BadInput, match="visible of shape"):
        fit_clip(head, points, K, visible=visible, basis=basis)


@pytest.mark.parametrize(
    ("camera", "message"),
    [
        (np.diag([-900.0, 900, 1]), "focal length"),
        (np.diag([900.0, 0, 1]), "focal length"),
        (np.diag([np.nan, 900, 1]), "not finite"),
        (np.eye(4), "shapes"),
        (np.repeat(K[None], 5, 0), "shapes"),
    ],
)
def test_impossible_intrinsics_are_refused(head, basis, points, camera, message):
    with pytest.raises(BadInput, match=message):
        fit_clip(head, points, camera, basis=basis)


@pytest.mark.parametrize("distance", [0.0, -1.0, np.nan])
def test_an_impossible_distance_is_refused(head, basis, points, distance):
    with pytest.raises(BadInput, match="distance"):
        fit_clip(head, points, K, distance_m=distance, basis=basis)


def test_impossible_views_are_refused_by_number(head, basis, points):
    good = View(points, K, FLIP.numpy(), np.array([0.0, 0.0, 1.0]))
    with pytest.raises(BadInput, match="no view"):
        fit_views(head, [], basis=basis)
    with pytest.raises(BadInput, match=r"view 1.*4 frames"):
        fit_views(head, [good, View(points[:4], K, good.R, good.t)], basis=basis)
    with pytest.raises(BadInput, match=r"view 1.*no rotation"):
        fit_views(head, [good, View(points, K, 2 * good.R, good.t)], basis=basis)
    with pytest.raises(BadInput, match=r"view 1.*shapes"):
        fit_views(head, [good, View(points, K, good.R, np.zeros(2))], basis=basis)


def test_one_frame_is_a_clip(head, basis, points):
    fit = fit_clip(head, points[:1], K, basis=basis)
    assert fit.track.residual[0] < 0.5
    assert fit.frame_std.shape == (1, 25)
    assert np.isfinite(fit.frame_std).all()


def test_one_visible_frame_among_many_carries_the_others(head, basis, points):
    visible = np.arange(6) == 2
    fit = fit_clip(head, np.where(visible[:, None, None], points, np.nan), K, visible=visible, basis=basis)
    assert np.abs(fit.track.rotation - fit.track.rotation[2]).max() < 1e-3
    # A weight at its bound is held there by the wall, in seen and unseen frames alike.
    free = (fit.expression_std[[2, 5]] > 0.03).all(0)
    assert free.any()
    assert (fit.expression_std[5] > fit.expression_std[2])[free].all()
