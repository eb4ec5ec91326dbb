"""The built-in head: its anatomy at rest, its joints, its regions and its derivatives."""

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from talkie.errors import BadInput
from talkie.heads import ARKIT_NAMES, HeadModel, builtin_head
from talkie.heads.builtin import chart
from talkie.heads.builtin.expression import JAW_OPEN_RAD

MIRROR = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def head():  # type: ignore[no-untyped-def]
    torch.set_num_threads(1)
    return builtin_head()


def _random_identity(head, seed: int = 3) -> torch.Tensor:  # type: ignore[no-untyped-def]
    return torch.randn(1, len(head.identity_names), generator=torch.Generator().manual_seed(seed))


def test_it_is_a_head_model_with_the_arkit_shapes_and_forty_axes(head) -> None:  # type: ignore[no-untyped-def]
    assert isinstance(head, HeadModel)
    assert head.expression_names == ARKIT_NAMES
    assert len(ARKIT_NAMES) == 52
    assert len(set(head.identity_names)) >= 40
    assert 4000 <= head.vertex_count <= 8000


def test_the_chart_inverts_itself() -> None:
    theta, s = np.meshgrid(np.linspace(-3, 3, 9), np.linspace(1.5, chart.NECK, 9))
    origin, direction = chart.ray(theta, s)
    back = chart.locate(origin + 0.1 * direction)
    for got, wanted in zip(back, (theta, s, np.full_like(s, 0.1)), strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-9)


def test_every_identity_is_symmetric(head) -> None:  # type: ignore[no-untyped-def]
    for identity in (None, _random_identity(head)):
        points = head.vertices(identity)[0].numpy()
        distance, _ = cKDTree(points).query(points * MIRROR)
        assert distance.max() < 5e-6


def test_the_mirrored_expression_is_the_mirrored_face(head) -> None:  # type: ignore[no-untyped-def]
    swap = {"Left": "Right", "Right": "Left"}
    for name in ("mouthSmileLeft", "eyeBlinkLeft", "mouthLeft", "jawLeft", "browDownLeft", "eyeLookInLeft"):
        side = "Left" if name.endswith("Left") else "Right"
        other = name[: -len(side)] + swap[side]
        weights = torch.zeros(2, 52)
        weights[0, ARKIT_NAMES.index(name)] = 1
        weights[1, ARKIT_NAMES.index(other)] = 1
        one, two = head.vertices(expression=weights).numpy()
        distance, _ = cKDTree(one).query(two * MIRROR)
        assert distance.max() < 1e-5, name


def test_the_skin_is_one_oriented_surface(head) -> None:  # type: ignore[no-untyped-def]
    """Each edge of skin, bag and lids is run through at most once a direction, and open only at the shoulders,
    at the bag's seams and at the lids' hidden ends."""
    faces = head.faces.numpy()
    faces = faces[(head.part[faces] <= 2).all(1)]
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    key = edges[:, 0] * head.vertex_count + edges[:, 1]
    assert len(np.unique(key)) == len(key)
    open_edge = ~np.isin(edges[:, 1] * head.vertex_count + edges[:, 0], key)
    skin_only = open_edge & (head.part[edges] == 0).all(1)
    assert (head.template[edges[skin_only]].numpy()[..., 1] < -0.2).all()


def test_no_two_skin_triangles_fold_over_in_the_face(head) -> None:  # type: ignore[no-untyped-def]
    points, faces = head.template.numpy(), head.faces.numpy()
    faces = faces[np.isin(faces, head.regions["face"]).all(1)]
    corner = points[faces]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    outward = corner.mean(1) - chart.CENTRE
    folded = (normal * outward).sum(1) < 0
    # Only the lips' rims, which roll inward, and the nostrils' walls may turn away from the axis.
    allowed = np.union1d(head.regions["lips"], head.regions["nostrils"])
    assert np.isin(faces[folded], allowed).all(1).all()


def test_proportions_are_those_of_an_adult(head) -> None:  # type: ignore[no-untyped-def]
    """Farkas (1994): face width 130-145 mm, mouth 48-56 mm, eyes 61-66 mm apart."""
    points = head.template.numpy()
    face, lips = points[head.regions["face"]], points[head.regions["lips"]]
    assert 0.125 < np.ptp(face[:, 0]) < 0.155
    assert 0.046 < np.ptp(lips[:, 0]) < 0.058
    eyes = [points[head.regions[f"{side}_eyeball"]].mean(0) for side in ("left", "right")]
    assert 0.060 < eyes[0][0] - eyes[1][0] < 0.067


def test_regions_are_where_their_names_say(head) -> None:  # type: ignore[no-untyped-def]
    points, regions = head.template.numpy(), head.regions
    wanted = {
        "lips", "mouth", "upper_face", "face", "eyes", "skin", "scalp", "neck", "left_eyeball", "right_eyeball",
        "teeth", "tongue",
    }  # fmt: skip
    assert wanted <= set(regions)
    assert set(regions["lips"]) <= set(regions["mouth"]) <= set(regions["skin"])
    assert set(regions["upper_face"]) <= set(regions["face"])
    assert not set(regions["face"]) & (set(regions["scalp"]) | set(regions["neck"]))
    assert points[regions["left_eyeball"], 0].min() > 0 > points[regions["right_eyeball"], 0].max()
    height = {name: points[regions[name], 1].mean() for name in ("scalp", "upper_face", "lips", "neck", "shoulders")}
    assert sorted(height, key=lambda name: -height[name]) == ["scalp", "upper_face", "lips", "neck", "shoulders"]


def test_the_jaw_joint_turns_the_lower_teeth_rigidly(head) -> None:  # type: ignore[no-untyped-def]
    identity, pose = _random_identity(head), torch.tensor([[0.2, 0.03, -0.01]])
    joint = head.joints(identity)[0, 0].numpy()
    teeth = head.regions["lower_teeth"]
    rest = head.vertices(identity)[0].numpy()[teeth]
    turned = head.vertices(identity, jaw=pose)[0].numpy()[teeth]
    wanted = Rotation.from_rotvec(pose[0].numpy()).apply(rest - joint) + joint
    np.testing.assert_allclose(turned, wanted, atol=2e-6)
    assert np.array_equal(
        head.vertices(identity, jaw=pose)[0, head.regions["upper_teeth"]],
        head.vertices(identity)[0, head.regions["upper_teeth"]],
    )


def test_eyes_turn_about_their_centres(head) -> None:  # type: ignore[no-untyped-def]
    identity = _random_identity(head)
    centre = head.joints(identity)[0, 2].numpy()
    ball = head.regions["left_eyeball"]
    pose = torch.tensor([[0.1, 0.3, 0.0]])
    moved = head.vertices(identity, left_eye=pose)[0].numpy()
    rest = head.vertices(identity)[0].numpy()
    reach = np.linalg.norm(rest[ball] - centre, axis=1)
    np.testing.assert_allclose(np.linalg.norm(moved[ball] - centre, axis=1), reach, atol=2e-6)
    assert np.ptp(reach) < 0.0012, "the centre is the middle of the ball, whose cornea stands out by half a millimetre"
    assert np.array_equal(moved[head.regions["right_eyeball"]], rest[head.regions["right_eyeball"]])


def test_jaw_open_is_the_jaw_bones_rotation(head) -> None:  # type: ignore[no-untyped-def]
    weights = torch.zeros(1, 52)
    weights[0, ARKIT_NAMES.index("jawOpen")] = 1
    by_shape = head.vertices(expression=weights)
    by_bone = head.vertices(jaw=torch.tensor([[JAW_OPEN_RAD, 0.0, 0.0]]))
    torch.testing.assert_close(by_shape, by_bone, atol=2e-6, rtol=0)


def test_the_neck_carries_the_head_and_not_the_shoulders(head) -> None:  # type: ignore[no-untyped-def]
    rest = head.vertices()[0]
    nodded = head.vertices(neck=torch.tensor([[0.3, 0.0, 0.0]]))[0]
    assert torch.equal(rest[head.regions["shoulders"]][-20:], nodded[head.regions["shoulders"]][-20:])
    assert (nodded - rest).norm(dim=1)[head.regions["face"]].min() > 0.01


def test_a_batch_equals_its_parts(head) -> None:  # type: ignore[no-untyped-def]
    generator = torch.Generator().manual_seed(0)
    identity = torch.randn(3, len(head.identity_names), generator=generator)
    expression, jaw = torch.rand(3, 52, generator=generator), 0.1 * torch.randn(3, 3, generator=generator)
    together = head.vertices(identity, expression, jaw)
    for i in range(3):
        alone = head.vertices(identity[i : i + 1], expression[i : i + 1], jaw[i : i + 1])
        torch.testing.assert_close(together[i], alone[0], atol=1e-6, rtol=0)


def test_gradients_match_finite_differences(head) -> None:  # type: ignore[no-untyped-def]
    generator = torch.Generator().manual_seed(1)
    widths = (len(head.identity_names), 52, 3, 3, 3, 3)
    inputs = [0.1 * torch.randn(1, w, generator=generator, dtype=torch.float64) for w in widths]
    inputs[4].zero_()

    def total(*parameters: torch.Tensor) -> torch.Tensor:
        return (head.landmarks(head.vertices(*parameters)) * weights).sum()

    weights = torch.randn(1, 478, 3, generator=generator, dtype=torch.float64)
    leaves = [x.clone().requires_grad_() for x in inputs]
    total(*leaves).backward()
    for k, leaf in enumerate(leaves):
        way = torch.randn(leaf.shape, generator=generator, dtype=torch.float64)
        plus, minus = (list(inputs) for _ in range(2))
        plus[k], minus[k] = inputs[k] + 1e-5 * way, inputs[k] - 1e-5 * way
        numeric = (total(*plus) - total(*minus)) / 2e-5
        assert float((leaf.grad * way).sum()) == pytest.approx(float(numeric), rel=1e-5, abs=1e-7)


def test_wrong_widths_are_refused_with_the_expected_shape(head) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput, match=r"expected \(batch, 52\)"):
        head.vertices(expression=torch.zeros(1, 51))


def test_one_standard_deviation_moves_the_face_by_millimetres(head) -> None:  # type: ignore[no-untyped-def]
    moved = head.identity_basis[:, head.regions["face"]].norm(dim=2).max(1).values
    assert (moved < 0.0075).all()
    quiet = {"ear_size", "ear_flare", "occiput", "cranium_height", "cranium_width", "neck_width"}
    for name, distance in zip(head.identity_names, moved, strict=True):
        assert name in quiet or distance > 3e-4, name
