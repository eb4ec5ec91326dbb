"""The body's joints: SMPL-X's list, its symmetry, and forward kinematics against matrices composed by scipy."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from talkie.errors import BadInput
from talkie.heads import builtin_head
from talkie.heads.body import skeleton
from talkie.heads.body.kinematics import global_transforms, skinning_transforms
from talkie.heads.body.skeleton import INDEX, JOINT_NAMES, MIRROR_INDEX, PARENTS, rest_joints

# As published with SMPL-X: joint_names.py of vchoutas/smplx (first 55) and the kintree_table of its model files.
PUBLISHED = [
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle",
    "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder",
    "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "jaw", "left_eye_smplhf",
    "right_eye_smplhf", "left_index1", "left_index2", "left_index3", "left_middle1", "left_middle2", "left_middle3",
    "left_pinky1", "left_pinky2", "left_pinky3", "left_ring1", "left_ring2", "left_ring3", "left_thumb1",
    "left_thumb2", "left_thumb3", "right_index1", "right_index2", "right_index3", "right_middle1", "right_middle2",
    "right_middle3", "right_pinky1", "right_pinky2", "right_pinky3", "right_ring1", "right_ring2", "right_ring3",
    "right_thumb1", "right_thumb2", "right_thumb3",
]  # fmt: skip
KINTREE = [
    -1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 15, 15, 15, 20, 25, 26, 20, 28, 29,
    20, 31, 32, 20, 34, 35, 20, 37, 38, 21, 40, 41, 21, 43, 44, 21, 46, 47, 21, 49, 50, 21, 52, 53,
]  # fmt: skip


def _random_pose(batch: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(batch, 55, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 0.4


def test_names_order_and_parents_are_smplx() -> None:
    assert list(JOINT_NAMES) == PUBLISHED
    assert list(PARENTS) == KINTREE


def test_the_body_meets_the_head_at_its_own_joints() -> None:
    head = builtin_head()
    jaw, neck, left_eye, right_eye = head.joints(torch.zeros(1, len(head.identity_names)))[0].numpy()
    for name, at in (("jaw", jaw), ("head", neck), ("left_eye_smplhf", left_eye), ("right_eye_smplhf", right_eye)):
        np.testing.assert_allclose(rest_joints()[INDEX[name]], at, atol=1e-7, err_msg=name)


def test_rest_joints_are_symmetric_and_of_an_adult() -> None:
    joints = rest_joints()
    np.testing.assert_allclose(joints[list(MIRROR_INDEX)] * [-1, 1, 1], joints, atol=1e-12)
    length = {n: np.linalg.norm(joints[INDEX[n]] - joints[PARENTS[INDEX[n]]]) for n in JOINT_NAMES}
    # Segment lengths of adults between the 5th percentile woman and the 95th percentile man (Winter 2009, table 4.1).
    for name, low, high in (("left_elbow", 0.24, 0.34), ("left_wrist", 0.21, 0.29), ("left_knee", 0.36, 0.48)):
        assert low < length[name] < high, name
    assert 0.30 < joints[INDEX["left_shoulder"], 0] * 2 < 0.42


def test_one_turned_elbow_swings_the_forearm_on_a_circle() -> None:
    joints = torch.tensor(rest_joints())[None]
    pose = torch.zeros(1, 55, 3, dtype=torch.float64)
    angle = 0.7
    pose[0, INDEX["left_elbow"], 2] = angle
    bones = global_transforms(pose, joints)[0].numpy()
    offset = rest_joints()[INDEX["left_wrist"]] - rest_joints()[INDEX["left_elbow"]]
    c, s = np.cos(angle), np.sin(angle)
    wanted = rest_joints()[INDEX["left_elbow"]] + [
        c * offset[0] - s * offset[1], s * offset[0] + c * offset[1], offset[2],
    ]  # fmt: skip
    np.testing.assert_allclose(bones[INDEX["left_wrist"], :3, 3], wanted, atol=1e-12)
    np.testing.assert_allclose(bones[INDEX["right_wrist"], :3, 3], rest_joints()[INDEX["right_wrist"]], atol=1e-12)


def test_transforms_are_the_product_of_the_matrices_along_the_chain() -> None:
    pose, joints = _random_pose(2), rest_joints()
    translation = torch.tensor([[0.1, -0.2, 0.3], [1.0, 0.0, 0.0]], dtype=torch.float64)
    got = global_transforms(pose, torch.tensor(joints)[None], translation).numpy()
    for b in range(2):
        for k in range(55):
            wanted, at = np.eye(4), k
            while at >= 0:
                local = np.eye(4)
                local[:3, :3] = Rotation.from_rotvec(pose[b, at].numpy()).as_matrix()
                local[:3, 3] = joints[at] - (joints[PARENTS[at]] if PARENTS[at] >= 0 else -translation[b].numpy())
                wanted, at = local @ wanted, PARENTS[at]
            np.testing.assert_allclose(got[b, k], wanted, atol=1e-12)


def test_skinning_transforms_leave_rest_points_alone_at_pose_zero() -> None:
    joints = torch.tensor(rest_joints())[None]
    bones = skinning_transforms(global_transforms(torch.zeros(1, 55, 3, dtype=torch.float64), joints), joints)
    np.testing.assert_allclose(bones[0].numpy(), np.broadcast_to(np.eye(4)[:3], (55, 3, 4)), atol=1e-12)


def test_a_mirrored_pose_gives_mirrored_joints() -> None:
    joints = torch.tensor(rest_joints())[None]
    pose = _random_pose(1, seed=4)
    mirrored = pose[:, list(MIRROR_INDEX)] * torch.tensor([1.0, -1.0, -1.0])
    one = global_transforms(pose, joints)[0, :, :3, 3].numpy()
    two = global_transforms(mirrored, joints)[0, :, :3, 3].numpy()
    np.testing.assert_allclose(two[list(MIRROR_INDEX)] * [-1, 1, 1], one, atol=1e-12)


def test_gradients_of_the_chain_agree_with_finite_differences() -> None:
    joints = torch.tensor(rest_joints())[None]
    pose = _random_pose(1, seed=2).requires_grad_()
    tip = INDEX["right_index3"]
    assert torch.autograd.gradcheck(lambda p: global_transforms(p, joints)[:, tip, :3, 3], (pose,), atol=1e-6)


def test_a_pose_of_another_size_is_refused() -> None:
    with pytest.raises(BadInput, match="55"):
        global_transforms(torch.zeros(1, 52, 3), torch.tensor(rest_joints())[None])


def test_descendants_of_a_wrist_are_its_fifteen_finger_joints() -> None:
    below = skeleton.descendants("left_wrist")
    assert len(below) == 16
    assert all(JOINT_NAMES[k].startswith("left_") for k in below)
