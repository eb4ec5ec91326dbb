"""A linear head: skinning against FLAME's published equations, derivatives, its file and what it refuses."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from small_arrays import EXPRESSIONS, IDENTITIES, VERTICES, small_arrays

from talkie.errors import BadInput
from talkie.heads import HeadModel, LinearHead, save_head
from talkie.heads.head_file import read_head

POSES = ("neck", "jaw", "left_eye", "right_eye")


def _parameters(batch: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    widths = {"identity": IDENTITIES, "expression": EXPRESSIONS} | dict.fromkeys(POSES, 3)
    return {key: 0.4 * torch.randn(batch, width, generator=generator, dtype=dtype) for key, width in widths.items()}


def _by_transforms(arrays, parameters, row: int) -> np.ndarray:  # type: ignore[no-untyped-def]
    """FLAME, equation 1: homogeneous transforms multiplied down the chain, blended for every vertex."""
    values = {key: value[row].double().numpy() for key, value in parameters.items()}
    shaped = arrays.template + np.tensordot(values["identity"], arrays.identity, 1)
    shaped = shaped + np.tensordot(values["expression"], arrays.expression, 1)
    joints = arrays.joints + np.tensordot(values["identity"], arrays.joint_identity, 1)
    joints = joints + np.tensordot(values["expression"], arrays.joint_expression, 1)
    turns = [Rotation.from_rotvec(values[name]).as_matrix() for name in arrays.joint_names]
    feature = np.concatenate([(t - np.eye(3)).ravel() for t in turns])
    shaped = shaped + np.tensordot(feature, arrays.pose_correctives, 1)
    world = []
    for k, turn in enumerate(turns):
        local = np.eye(4)
        local[:3, :3], local[:3, 3] = turn, joints[k] - turn @ joints[k]
        parent = arrays.joint_parents[k]
        world.append(world[parent] @ local if parent >= 0 else local)
    blended = np.einsum("vj,jab->vab", arrays.weights, np.array(world))
    blended += (1 - arrays.weights.sum(1))[:, None, None] * np.eye(4)
    return np.einsum("vab,vb->va", blended, np.c_[shaped, np.ones(len(shaped))])[:, :3]


def test_vertices_follow_the_published_skinning() -> None:
    arrays, parameters = small_arrays(), _parameters(3)
    got = LinearHead(arrays).vertices(**parameters)
    assert isinstance(LinearHead(arrays), HeadModel)
    for row in range(3):
        np.testing.assert_allclose(got[row].numpy(), _by_transforms(arrays, parameters, row), atol=1e-6)


def test_gradients_match_finite_differences() -> None:
    head, parameters = LinearHead(small_arrays()), _parameters(1, dtype=torch.float64)
    leaves = [p.requires_grad_() for p in parameters.values()]
    keys = list(parameters)
    assert torch.autograd.gradcheck(
        lambda *p: head.landmarks(head.vertices(**dict(zip(keys, p, strict=True))))[:, ::40], leaves, atol=1e-7
    )


def test_a_batch_of_one_broadcasts_and_nothing_given_is_the_template() -> None:
    head, parameters = LinearHead(small_arrays()), _parameters(3)
    one = {key: value[:1] for key, value in parameters.items() if key == "identity"}
    mixed = head.vertices(**(parameters | one))
    alone = head.vertices(**{key: value[2:] for key, value in (parameters | one).items() if key != "identity"}, **one)
    torch.testing.assert_close(mixed[2:], alone)
    assert torch.equal(head.vertices()[0], head.template)
    assert head.vertices(jaw=parameters["jaw"]).shape == (3, VERTICES, 3)


def test_a_saved_head_comes_back_whole(tmp_path) -> None:  # type: ignore[no-untyped-def]
    head, parameters = LinearHead(small_arrays()), _parameters(2)
    save_head(head, tmp_path / "head.npz")
    back = read_head(tmp_path / "head.npz")
    for item in dataclasses.fields(head.arrays):
        ours, theirs = getattr(head.arrays, item.name), getattr(back.arrays, item.name)
        if item.name == "regions":
            assert {k: list(v) for k, v in ours.items()} == {k: list(v) for k, v in theirs.items()}
        else:
            np.testing.assert_array_equal(ours, theirs)
    torch.testing.assert_close(head.vertices(**parameters), back.vertices(**parameters), rtol=0, atol=0)
    assert [p.name for p in tmp_path.iterdir()] == ["head.npz"]


def test_a_head_without_joints_refuses_a_turn_and_takes_a_zero_pose() -> None:
    bare = {"joint_names": (), "joint_parents": np.zeros(0, int), "joints": np.zeros((0, 3))}
    empty = {"joint_identity": np.zeros((0, 0, 3)), "joint_expression": np.zeros((0, 0, 3))}
    arrays = small_arrays(**bare, **empty, weights=np.zeros((0, 0)), pose_correctives=np.zeros((0, 0, 3)))
    head = LinearHead(arrays)
    assert torch.equal(head.vertices(jaw=torch.zeros(1, 3))[0], head.template)
    with pytest.raises(BadInput, match="small has no jaw joint; leave the pose of the jaw out"):
        head.vertices(jaw=torch.ones(1, 3))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"template": np.zeros((VERTICES - 1, 3))}, "array identity has shape"),
        ({"uv": np.zeros((3, 3, 2))}, "array uv has shape"),
        ({"identity": np.full((IDENTITIES, VERTICES, 3), np.nan)}, "array identity holds values that are not finite"),
        ({"faces": np.full((20, 3), VERTICES)}, "array faces points outside 0..29"),
        ({"joint_parents": np.array([-1, 2, 0, 0])}, "joint jaw has parent 2"),
        ({"joint_names": ("neck", "jaw", "left_eye", "tail")}, "unknown joints .*tail"),
        ({"regions": {"face": np.array([99])}}, "region face points outside"),
    ],
)
def test_arrays_that_do_not_fit_are_named(changes, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput, match=message) as error:
        LinearHead(small_arrays(**changes), "bad.npz")
    assert str(error.value).startswith("bad.npz: ")
    assert error.value.cure


def test_a_missing_array_is_named_with_the_cure(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "head.npz"
    save_head(LinearHead(small_arrays()), path)
    content = dict(np.load(path))
    for key in ("expression", "landmark_triangles", "weights"):
        np.savez(path, **{k: v for k, v in content.items() if k != key})
        with pytest.raises(BadInput, match=key) as error:
            read_head(path)
        assert str(path) in str(error.value)
        assert error.value.cure


def test_what_is_no_npz_of_plain_arrays_is_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "head.npz"
    with pytest.raises(BadInput, match="no such file"):
        read_head(path)
    path.write_bytes(b"not a zip")
    with pytest.raises(BadInput, match="npz of plain arrays"):
        read_head(path)
    np.savez(path, template=np.array([object()]))
    with pytest.raises(BadInput, match="npz of plain arrays"):
        read_head(path)


def test_wrong_widths_are_refused_with_the_expected_shape() -> None:
    with pytest.raises(BadInput, match=r"expected \(batch, 5\)"):
        LinearHead(small_arrays()).vertices(expression=torch.zeros(1, 4))
