"""FaceStab's parts against closed forms: rigid motions, the truth of drawn heads, what is said before training."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from talkie.errors import BadInput
from talkie.heads import builtin_head
from talkie.heads.rigid import rigid_motion
from talkie.heads.rotations import axis_angle_to_matrix
from talkie.systems import make_config
from talkie.systems.tasks.capture import CaptureRequest, skull_rows
from talkie_zoo.blocks.rigid import Rigid, rotation_of
from talkie_zoo.capture.facestab import FaceStab
from talkie_zoo.capture.facestab_heads import Extremes, drawn_motion, misregistered, posed, shell_of


@pytest.fixture(scope="module")
def head():
    return builtin_head()


@pytest.fixture(scope="module")
def system(head):
    torch.manual_seed(0)
    made = FaceStab(make_config(FaceStab, "micro", {}))
    made.restore({"head": head.name})
    return made.eval()


def _motion(count: int) -> Rigid:
    turn = torch.tensor(Rotation.random(count, random_state=0).as_matrix(), dtype=torch.float32)
    return Rigid(turn, torch.arange(3.0 * count).reshape(count, 3))


def test_motions_are_composed_and_undone():
    one, other = _motion(4), Rigid(*(part.flip(0) for part in _motion(4)))
    points = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(one.after(other).move(points), one.move(other.move(points)), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(one.undone().move(one.move(points)), points, atol=1e-4, rtol=1e-4)


def test_six_numbers_make_a_rotation_whose_first_columns_they_are():
    turn = _motion(4).R
    torch.testing.assert_close(rotation_of(torch.cat([turn[..., 0], turn[..., 1]], -1)), turn, atol=1e-6, rtol=1e-5)
    skewed = rotation_of(torch.randn(4, 6, generator=torch.Generator().manual_seed(1)))
    torch.testing.assert_close(torch.linalg.det(skewed), torch.ones(4))
    torch.testing.assert_close(skewed @ skewed.transpose(-1, -2), torch.eye(3).expand(4, 3, 3), atol=1e-6, rtol=1e-5)


def test_the_shell_holds_no_eyeball_tooth_or_neck(head):
    rows = shell_of(head, 0)
    for name in ("left_eyeball", "upper_teeth", "tongue", "shoulders", "mouth_bag"):
        assert not np.isin(head.regions[name], rows).any(), name
    assert len(shell_of(head, 300)) == 300


def test_an_expression_leaves_the_skull_where_it_was_and_a_neck_turns_it(head):
    motion = torch.zeros(2, len(head.expression_names) + 6)
    motion[0, :-6], motion[0, -6] = 0.5, 0.2
    motion[1, -3:] = torch.tensor([0.1, -0.2, 0.05])
    _, skull = posed(head, torch.zeros(2, len(head.identity_names)), motion)
    torch.testing.assert_close(skull.R[0], torch.eye(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(skull.t[0], torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(skull.R[1], axis_angle_to_matrix(motion[1, -3:]), atol=1e-4, rtol=0)


def test_drawn_motions_begin_with_a_neutral_face_and_misregistration_stays_within_its_bounds(head):
    torch.manual_seed(0)
    bounds = Extremes()
    motion = drawn_motion(torch.rand(7, len(head.expression_names) + 6), 50, bounds)
    assert not motion[0, :-3].any()
    assert motion[:, -3:].abs().max() <= bounds.neck
    meshes = torch.zeros(40, 100, 3)
    off = misregistered(meshes, bounds)
    assert 0 < float(off.std()) < bounds.noise + bounds.drift


def test_before_training_it_is_procrustes(system, head):
    torch.manual_seed(1)
    motion = drawn_motion(torch.rand(5, len(head.expression_names) + 6) * 0.3, 6, Extremes())
    meshes, _ = posed(head, torch.zeros(6, len(head.identity_names)), motion)
    shells = meshes[:, system.shell]
    source, target = shells[:3], shells[3:]
    wanted = Rigid(*rigid_motion(source, target)).move(source)
    with torch.no_grad():
        # Laid over the template, the target is turned twice in float32: a micrometre.
        torch.testing.assert_close(system.between(source, target).move(source), wanted, atol=1e-6, rtol=0)


def test_the_anchor_stays_and_all_others_are_laid_on_it(system, head):
    motion = torch.zeros(3, len(head.expression_names) + 6)
    motion[:, -3] = torch.tensor([0.0, 0.2, -0.2])
    meshes, _ = posed(head, torch.zeros(3, len(head.identity_names)), motion)
    answer = system.generate(CaptureRequest(meshes=meshes.numpy(), controls={"anchor": 1}))
    rows = skull_rows(head)
    np.testing.assert_allclose(answer.vertices[1], meshes[1], atol=2e-6)
    np.testing.assert_allclose(answer.vertices[0][rows], meshes[1, rows], atol=2e-3)
    turned = Rotation.from_rotvec(answer.rotation).apply(meshes[:, 0].numpy()) + answer.translation
    np.testing.assert_allclose(turned, answer.vertices[:, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (CaptureRequest(imu={"time_s": np.zeros(2)}), "stabilises meshes"),
        (CaptureRequest(meshes=np.zeros((2, 9, 3), np.float32)), "meshes of 9 vertices"),
        (CaptureRequest(meshes=np.zeros((2, 7929, 3), np.float32), controls={"anchor": 2}), "no frame 2 among 2"),
    ],
)
def test_what_it_cannot_stabilise_is_refused_with_the_cure(system, request_, words):
    with pytest.raises(BadInput, match=words):
        system.generate(request_)
