"""The body's mesh: closed, well oriented, symmetric, smoothly skinned, and joined to the head without a gap."""

import numpy as np
import pytest
import torch
from scipy.ndimage import label
from scipy.spatial import cKDTree

from talkie.errors import BadInput
from talkie.heads import builtin_head
from talkie.heads.body import builtin_body, garments
from talkie.heads.body.collar import head_shares, tuck
from talkie.heads.body.skeleton import INDEX, rest_joints
from talkie.render.raster import rasterise_mesh

MIRROR = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def body():  # type: ignore[no-untyped-def]
    return builtin_body()


@pytest.fixture(scope="module")
def head():  # type: ignore[no-untyped-def]
    return builtin_head()


def _volume(points: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (points[faces[:, k]] for k in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def _pose(**turns: tuple[float, float, float]) -> torch.Tensor:
    pose = torch.zeros(1, 55, 3)
    for name, turn in turns.items():
        pose[0, INDEX[name]] = torch.tensor(turn)
    return pose


# Litres a part may have, from tables of segment masses (Winter 2009, table 4.1; hands: 0.6 % of 70 kg) plus cloth.
VOLUMES = {"shirt": (25, 50), "trousers": (15, 40), "left_shoe": (0.8, 2.2), "left_hand": (0.25, 0.6)}


def test_every_part_is_a_closed_surface_of_plausible_volume(body) -> None:  # type: ignore[no-untyped-def]
    for name in body.part_names:
        faces, points = body.part_faces(name), body.template.numpy()[body.regions[name]].astype(np.float64)
        edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
        directed = {tuple(e) for e in edges.tolist()}
        # Each edge once in either direction: closed, manifold and consistently oriented.
        assert len(directed) == len(edges)
        assert all((b, a) in directed for a, b in directed)
        assert len(points) - len(edges) // 2 + len(faces) == 2, f"{name} is no sphere"
        low, high = VOLUMES[name.replace("right", "left")]
        assert low < 1000 * _volume(points, faces) < high, name


def test_it_is_of_a_size_that_a_laptop_can_film(body) -> None:  # type: ignore[no-untyped-def]
    assert 3000 <= body.vertex_count <= 8500
    corners = body.template[body.faces].double()
    doubled = torch.linalg.norm(torch.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], dim=1), dim=1)
    assert float(doubled.min()) > 1e-8


def test_left_and_right_are_mirror_images(body) -> None:  # type: ignore[no-untyped-def]
    for weights in (None, torch.full((1, len(body.shape_names)), 0.7)):
        points = body.shaped(weights)[0].numpy()
        distance, _ = cKDTree(points).query(points * MIRROR)
        assert distance.max() < 2e-5


def test_weights_are_shares(body) -> None:  # type: ignore[no-untyped-def]
    weights = body.weights.numpy()
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
    # No share jumps along an edge, which is at most 40 mm long where cloth blends over 100 mm.
    a, b = body.faces[:, 0], body.faces[:, 1]
    cloth = torch.from_numpy(body.part[a.numpy()] < 2)
    assert float((body.weights[a] - body.weights[b]).abs().amax(1)[cloth].max()) < 0.75


def test_pose_and_shape_zero_are_the_template(body) -> None:  # type: ignore[no-untyped-def]
    points = body.vertices(torch.zeros(1, 55, 3), torch.zeros(1, len(body.shape_names)))
    np.testing.assert_allclose(points[0].numpy(), body.template.numpy(), atol=1e-6)


def test_a_turned_wrist_moves_the_hand_rigidly_and_nothing_else(body) -> None:  # type: ignore[no-untyped-def]
    points = body.vertices(_pose(left_wrist=(0.3, -0.8, 0.4)))[0]
    still = body.part != body.part_names.index("left_hand")
    np.testing.assert_allclose(points[still].numpy(), body.template[still].numpy(), atol=1e-6)
    tip = np.flatnonzero(body.template[:, 0].numpy() > rest_joints()[INDEX["left_wrist"], 0] + 0.05)
    before = torch.pdist(body.template[tip[::20]])
    np.testing.assert_allclose(torch.pdist(points[tip[::20]]).numpy(), before.numpy(), atol=1e-5)


def test_one_finger_does_not_pull_its_neighbours(body) -> None:  # type: ignore[no-untyped-def]
    points = body.vertices(_pose(left_middle1=(0, 0, -1.2)))[0]
    moved = (points - body.template).norm(dim=1) > 1e-3
    weights = body.weights[:, [INDEX[f"left_{f}{k}"] for f in ("index", "ring", "pinky") for k in (2, 3)]].sum(1)
    assert bool(moved.any())
    assert not bool((moved & (weights > 0.5)).any())


def test_bent_arms_keep_their_volume(body) -> None:  # type: ignore[no-untyped-def]
    """Linear blending loses some volume at bent joints; the whole shirt may lose a twentieth."""
    faces, index = body.part_faces("shirt"), body.regions["shirt"]
    rest = _volume(body.template.double().numpy()[index], faces)
    down = _pose(
        left_shoulder=(0, 0, -1.2), right_shoulder=(0, 0, 1.2), left_elbow=(0, -1.6, 0), right_elbow=(0, 1.6, 0)
    )
    assert _volume(body.vertices(down)[0].double().numpy()[index], faces) > 0.95 * rest


def test_each_shape_axis_does_what_its_unit_says(body) -> None:  # type: ignore[no-untyped-def]
    def measures(name: str | None) -> dict[str, float]:
        weights = torch.zeros(1, len(body.shape_names))
        if name:
            weights[0, body.shape_names.index(name)] = 1
        joints, points = body.joints(weights)[0], body.shaped(weights)[0]
        at = {n: joints[k] for n, k in INDEX.items()}
        return {
            "height": 0.145 - float(points[:, 1].min()),
            "torso_length": float((at["spine3"] - at["pelvis"])[1]),
            "leg_length": float((at["left_hip"] - at["left_ankle"])[1]),
            "arm_length": float((at["left_wrist"] - at["left_shoulder"])[0]),
            "shoulder_width": float((at["left_shoulder"] - at["right_shoulder"])[0]),
            "hip_width": float((at["left_hip"] - at["right_hip"])[0]),
            "hand_size": float((at["left_middle3"] - at["left_wrist"]).norm()),
        }

    mean = measures(None)
    gains = {"height": 0.063, "torso_length": 0.020, "leg_length": 0.035, "arm_length": 0.028,
             "shoulder_width": 0.024, "hip_width": 0.024, "hand_size": 0.05 * mean["hand_size"]}  # fmt: skip
    for name, gain in gains.items():
        assert measures(name)[name] - mean[name] == pytest.approx(gain, rel=0.15), name
    assert mean["height"] == pytest.approx(1.72, abs=0.01)


def test_gradients_reach_pose_and_shape(body) -> None:  # type: ignore[no-untyped-def]
    generator = torch.Generator().manual_seed(1)
    pose = (torch.randn(1, 55, 3, generator=generator, dtype=torch.float64) * 0.2).requires_grad_()
    weights = torch.randn(1, len(body.shape_names), generator=generator, dtype=torch.float64).requires_grad_()
    pick = torch.randperm(body.vertex_count, generator=generator)[:3]
    assert torch.autograd.gradcheck(lambda p, w: body.vertices(p, w)[:, pick], (pose, weights), atol=1e-5)


def test_the_attached_head_turns_as_the_chain_of_joints_says(body, head) -> None:  # type: ignore[no-untyped-def]
    pose = _pose(spine2=(0.2, 0.1, 0), neck=(0.1, -0.3, 0.1), head=(0.2, 0.4, -0.1), jaw=(0.2, 0, 0))
    pose[0, INDEX["left_eye_smplhf"]] = torch.tensor([0.0, 0.3, 0.0])
    bones = body.transforms(pose)
    placed = body.attach(head, head.vertices(**body.head_pose(pose)), bones)[0]
    for name, region in (("head", "scalp"), ("left_eye_smplhf", "left_eyeball"), ("jaw", "lower_teeth")):
        bone, rest = bones[0, INDEX[name]], torch.tensor(rest_joints()[INDEX[name]], dtype=torch.float32)
        local = head.template[head.regions[region]] - rest
        wanted = local @ bone[:3, :3].T + bone[:3, 3]
        np.testing.assert_allclose(placed[head.regions[region]].numpy(), wanted.numpy(), atol=2e-6, err_msg=name)


def test_what_the_collar_hides_of_any_head_lies_inside_the_shirt(body, head) -> None:  # type: ignore[no-untyped-def]
    held, widest, _ = head_shares(head.template.numpy().astype(np.float64))
    inside = garments.shirt()
    generator = torch.Generator().manual_seed(0)
    identity = torch.randn(6, len(head.identity_names), generator=generator)
    neck = torch.tensor([[0.4, 0, 0], [-0.4, 0, 0], [0, 0.8, 0], [0, 0, 0.4], [-0.2, -0.6, 0], [0, 0, 0]])
    points = tuck(head.vertices(identity, neck=neck), held, widest).double().numpy()
    low = (head.template[:, 1] < -0.155).numpy()
    assert inside(points[:, low].reshape(-1, 3)).max() < 0


def _camera(angle: float, height: float, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    at = np.array([0.0, -0.13, 0.0])
    eye = at + np.array([np.sin(angle), height, np.cos(angle)]) * 0.9
    ahead = (at - eye) / np.linalg.norm(at - eye)
    right = np.cross(ahead, [0, 1, 0]) / np.linalg.norm(np.cross(ahead, [0, 1, 0]))
    R = np.stack([right, np.cross(ahead, right), ahead])
    return np.array([[1.6 * size, 0, size / 2], [0, 1.6 * size, size / 2], [0, 0, 1]]), R, -R @ eye


VIEWS = [(0.0, 0.0), (0.6, 0.2), (-1.2, 0.4), (1.57, -0.1), (3.14, 0.3), (2.4, 0.0), (0.0, 0.8)]


@pytest.mark.parametrize("turn", [(0, 0, 0), (0.35, 0, 0), (-0.35, 0, 0), (0.1, 0.8, 0.15), (0, 0, -0.35)])
def test_no_view_shows_background_or_an_inside_between_head_and_collar(body, head, turn) -> None:  # type: ignore[no-untyped-def]
    pose = _pose(head=turn, neck=tuple(0.4 * x for x in turn), left_shoulder=(0, 0, -1.2), right_shoulder=(0, 0, 1.2))
    bones, size = body.transforms(pose), 240
    identity = torch.randn(1, len(head.identity_names), generator=torch.Generator().manual_seed(7))
    on_top = body.attach(head, head.vertices(identity, **body.head_pose(pose)), bones)[0]
    points = torch.cat([body.vertices(pose)[0], on_top]).double().numpy()
    faces = np.concatenate([body.faces.numpy(), head.faces.numpy() + body.vertex_count])
    skin = np.concatenate([np.full(len(body.faces), True), head.part[head.faces[:, 0].numpy()] == 0])
    for angle, height in VIEWS:
        K, R, t = _camera(angle, height, size)
        camera = points @ R.T + t
        image = camera @ K.T
        triangle, _, _ = rasterise_mesh(np.column_stack([image[:, :2] / image[:, 2:], camera[:, 2]]), faces, size)
        collar = slice(size // 4, 3 * size // 4)
        seen = triangle[collar, collar]
        holes, _ = label(seen < 0)
        border = np.concatenate([holes[0], holes[-1], holes[:, 0], holes[:, -1]])
        assert not set(np.unique(holes)) - set(np.unique(border)) - {0}, (angle, height)
        shown = np.unique(seen[seen >= 0])
        a, b, c = (camera[faces[shown, k]] for k in range(3))
        away = (np.cross(b - a, c - a) * (a + b + c)).sum(1) > 0
        backs = shown[away & skin[shown]]
        pixels = np.isin(seen, backs).sum()
        # A pixel on a silhouette's edge may show the far side of the same edge.
        assert pixels <= 0.002 * seen.size, (angle, height, int(pixels))


def test_wrong_sizes_are_refused_by_name(body, head) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput, match="shoulder_width"):
        body.vertices(torch.zeros(1, 55, 3), torch.zeros(1, 2))
    with pytest.raises(BadInput, match="head vertices"):
        body.attach(head, torch.zeros(1, 5, 3), body.transforms(torch.zeros(1, 55, 3)))


def test_texture_coordinates_stay_on_the_board_and_no_triangle_is_torn(body) -> None:  # type: ignore[no-untyped-def]
    assert body.uv.shape == (len(body.faces), 3, 2)
    assert body.uv.min() >= 0
    assert body.uv.max() <= 1
    assert float(np.ptp(body.uv, axis=1).max()) < 0.25
