"""Converting between heads: to itself, to the same head in other coordinates and bases, to the scan."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import lsq_linear
from scipy.spatial.transform import Rotation

from talkie.clip import HeadTrack
from talkie.errors import BadInput
from talkie.heads import ARKIT_NAMES, LinearHead, builtin_head, convert_track, load_ict, pose_vertices, weights_by_name
from talkie.heads.arrays import HeadArrays
from talkie.heads.convert import bounded_least_squares
from talkie.heads.correspondence import correspond, has_joint

FRAMES = 6
TURN = Rotation.from_euler("xyz", [5, -8, 3], degrees=True).as_matrix()
SHIFT = np.array([0.02, -0.05, 0.01])
STRONGER = 1.25
"""By how much weight 1 of the other head moves more."""


def _track(head, seed: int = 0, jaw: bool = True) -> HeadTrack:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(seed)
    expression = np.zeros((FRAMES, len(head.expression_names)), np.float32)
    free = [k for k, n in enumerate(ARKIT_NAMES) if not n.startswith(("jaw", "mouthClose", "tongue", "eyeLook"))]
    for row in expression[1:]:
        row[rng.choice(free, 5, replace=False)] = rng.uniform(0.1, 0.8, 5)

    def poses(size: float) -> np.ndarray:
        return rng.normal(0, size, (FRAMES, 3)).astype(np.float32)

    opening = np.zeros((FRAMES, 3), np.float32)
    opening[1:, 0] = rng.uniform(0, 0.25, FRAMES - 1) * jaw
    K = np.tile(np.array([[1500, 0, 256], [0, 1500, 256], [0, 0, 1]], np.float32), (FRAMES, 1, 1))
    return HeadTrack(
        identity=np.clip(rng.normal(size=len(head.identity_names)), -1.5, 1.5).astype(np.float32),
        expression=expression, jaw=opening, neck=poses(0.1), left_eye=poses(0.1), right_eye=poses(0.1),
        rotation=poses(0.2), translation=poses(0.05), K=K, R=np.diag([1, -1, -1]).astype(np.float32),
        t=np.array([0, 0, 1.5], np.float32), residual=np.full(FRAMES, 0.3, np.float32), model=head.name,
    )  # fmt: skip


def _other() -> LinearHead:
    """The built-in head as a stranger: turned, shifted, its identity axes mixed, its shapes stronger and reversed."""
    own = builtin_head()
    mix = np.linalg.qr(np.random.default_rng(7).normal(size=(len(own.identity_names),) * 2))[0]
    turned = own.identity_basis.double().numpy() @ TURN.T
    jaw, neck = own.jaw_share.double().numpy(), own.neck_share.double().numpy()
    weights = np.stack([neck * (1 - jaw), neck * jaw, 0 * jaw, 0 * jaw], axis=1)
    eyes = [own.regions[f"{side}_eyeball"] for side in ("left", "right")]
    for k, index in enumerate(eyes):
        weights[index] = np.eye(4)[2 + k]
    still = torch.zeros(1, len(own.identity_names))
    at = own.joints(still)[0, [1, 0, 2, 3]].double().numpy()
    follow = np.stack([own.joints(row[None])[0, [1, 0, 2, 3]].double().numpy() - at for row in torch.eye(len(mix))])
    arrays = HeadArrays(
        name="stranger",
        template=own.template.double().numpy() @ TURN.T + SHIFT,
        faces=own.faces.numpy(),
        identity=np.tensordot(mix, turned, 1),
        expression=own.expression_basis.flip(0).double().numpy() @ TURN.T * STRONGER,
        identity_names=tuple(f"axis{k}" for k in range(len(mix))),
        expression_names=ARKIT_NAMES[::-1],
        part=own.part,
        part_names=own.part_names,
        uv=own.uv,
        landmark_triangles=own.landmark_triangles.numpy(),
        landmark_barycentric=own.landmark_barycentric.numpy(),
        regions=own.regions,
        joint_names=("neck", "jaw", "left_eye", "right_eye"),
        joint_parents=np.array([-1, 0, 0, 0]),
        joints=at @ TURN.T + SHIFT,
        joint_identity=np.tensordot(mix, follow @ TURN.T, 1),
        joint_expression=np.zeros((len(ARKIT_NAMES), 4, 3)),
        weights=weights,
    )
    return LinearHead(arrays)


def test_a_head_converted_to_itself_is_itself() -> None:
    head = builtin_head()
    track = _track(head)
    got = convert_track(track, head, head)
    assert got.error_mm < 0.02
    np.testing.assert_allclose(got.track.expression, track.expression, atol=0.02)
    # Where identity can move the whole face, a trace of it may be exchanged with the place: a fifth of a millimetre.
    np.testing.assert_allclose(got.track.translation, track.translation, atol=3e-4)
    assert np.array_equal(got.track.jaw, track.jaw)
    np.testing.assert_allclose(got.track.residual, track.residual, atol=1e-2)


def test_the_same_head_in_other_coordinates_gets_the_same_face_in_the_world() -> None:
    """Truth: the same surface, half an identity basis away; jaw and neck turn about axes that are themselves turned,
    so that poses are left at rest here except the head's own."""
    head, other = builtin_head(), _other()
    track = _track(head, jaw=False)
    track.neck[:] = 0
    got = convert_track(track, head, other)
    assert got.track.model == "stranger"
    assert got.error_mm < 0.1
    np.testing.assert_allclose(got.track.expression, track.expression[:, ::-1] / STRONGER, atol=0.03)
    face = head.regions["face"]
    ours, theirs = pose_vertices(head, track)[:, face], pose_vertices(other, got.track)[:, face]
    assert np.sqrt(((ours - theirs) ** 2).sum(-1).mean()) < 1e-4
    turn = Rotation.from_rotvec(got.track.rotation).as_matrix() @ TURN
    np.testing.assert_allclose(turn, Rotation.from_rotvec(track.rotation).as_matrix(), atol=2e-3)


def test_the_stated_error_is_the_distance_of_the_faces_in_the_world() -> None:
    """With the neck and the jaw turned too, about the stranger's tilted axes: an error that must not be hidden."""
    head, other = builtin_head(), _other()
    track = _track(head)
    got = convert_track(track, head, other)
    pairs = correspond(head, other)
    ours = pairs.on_source(torch.tensor(pose_vertices(head, track)))
    theirs = pairs.on_target(torch.tensor(pose_vertices(other, got.track)))
    missed = (ours - theirs).square().sum(-1)
    assert got.error_mm == pytest.approx(float(missed.mean().sqrt()) * 1e3, rel=1e-3)
    np.testing.assert_allclose(got.frame_mm, missed.mean(-1).sqrt() * 1e3, rtol=1e-3)
    assert got.error_mm < 2
    assert (got.track.residual >= track.residual).all()


def test_points_of_one_model_correspond_exactly() -> None:
    head = builtin_head()
    pairs = correspond(head, head)
    rest = head.vertices()
    torch.testing.assert_close(pairs.on_source(rest), pairs.on_target(rest), atol=1e-6, rtol=0)
    assert pairs.distance_mm < 1e-3
    assert has_joint(head, "jaw")


def test_weights_follow_their_names_and_strangers_are_refused() -> None:
    weights = np.array([[0.1, 0.2, 0.3]])
    np.testing.assert_array_equal(weights_by_name(weights, ("a", "b", "c"), ("c", "x", "a")), [[0.3, 0, 0.1]])
    with pytest.raises(BadInput, match="no expression of one head has the name"):
        weights_by_name(weights, ("a", "b", "c"), ("x",))
    with pytest.raises(BadInput, match=r"expected \(T, 2\)"):
        weights_by_name(weights, ("a", "b"), ("a",))
    head = builtin_head()
    foreign = replace(_track(head), model="tiny")
    with pytest.raises(BadInput, match="made with head model 'tiny'"):
        convert_track(foreign, head, head)


def test_bounded_least_squares_agrees_with_scipy() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(30, 8))
    targets = rng.normal(size=(4, 30)) + rows @ np.full(8, 0.7)
    low, high = np.zeros(8), np.ones(8)
    got = bounded_least_squares(rows.T @ rows, targets @ rows, np.zeros((4, 8)), low, high, sweeps=500)
    for row, target in zip(got, targets, strict=True):
        np.testing.assert_allclose(row, lsq_linear(rows, target, (low, high)).x, atol=1e-4)


def test_the_built_in_head_becomes_the_scan_within_millimetres_and_back(scanned_head: Path) -> None:
    head, scan = builtin_head(), load_ict(scanned_head)
    track = _track(head)
    there = convert_track(track, head, scan)
    assert there.error_mm < 4
    assert there.error_mm < there.shape_mm + 1, "expressions cost less than a millimetre beyond the neutral face"
    lips = head.landmarks(torch.tensor(pose_vertices(head, track)))[:, [13, 14]]
    theirs = scan.landmarks(torch.tensor(pose_vertices(scan, there.track)))[:, [13, 14]]
    gap, other = ((p[:, 0] - p[:, 1]).norm(dim=-1).numpy() for p in (lips, theirs))
    assert np.corrcoef(gap, other)[0, 1] > 0.9
    back = convert_track(_track(scan, 1), scan, head)
    assert back.error_mm < 3
