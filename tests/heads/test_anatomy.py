"""Anatomy of the built-in head: nostrils, ears, lids, volumes, folding joints, named axes, animal-like variants."""

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from talkie.errors import BadInput
from talkie.heads import ARKIT_NAMES, HeadModel, builtin_head
from talkie.heads.builtin import chart, features, surface
from talkie.heads.builtin.assembly import NECK_JOINT
from talkie.heads.builtin.correctives import corrective_basis
from talkie.heads.builtin.identity_units import AXES_DOC, describe
from talkie.heads.builtin.variants import ANIMALS, animal

MIRROR = np.array([-1.0, 1.0, 1.0])
CLOSED = ("left_eyeball", "right_eyeball", "tongue", "left_ear", "right_ear")


@pytest.fixture(scope="module")
def head():  # type: ignore[no-untyped-def]
    torch.set_num_threads(1)
    return builtin_head()


@pytest.fixture(scope="module")
def posed(head) -> np.ndarray:  # type: ignore[no-untyped-def]
    """The neutral face and each of the 52 shapes in full (53, V, 3)."""
    return head.vertices(expression=torch.cat([torch.zeros(1, 52), torch.eye(52)])).numpy().astype(float)


def signed_volume(head, points: np.ndarray, name: str) -> float:  # type: ignore[no-untyped-def]
    """Volume in cubic metres within a part's outward faces, by the divergence theorem about its middle."""
    own = head.part == head.part_names.index(name)
    corner = points[head.faces.numpy()[own[head.faces.numpy()].all(1)]] - points[own].mean(0)
    return float((corner[:, 0] * np.cross(corner[:, 1], corner[:, 2])).sum() / 6)


def test_eyeballs_have_the_volume_of_a_ball(head) -> None:  # type: ignore[no-untyped-def]
    ball = 4 / 3 * np.pi * features.EYE_RADIUS_M**3
    for side in ("left", "right"):
        # A sphere of 15 rings and 24 sectors lies a few percent inside the round one.
        assert signed_volume(head, head.template.numpy(), f"{side}_eyeball") == pytest.approx(ball, rel=0.04)


@pytest.mark.parametrize("name", CLOSED)
def test_no_expression_turns_a_closed_part_inside_out(head, posed: np.ndarray, name: str) -> None:  # type: ignore[no-untyped-def]
    rest = signed_volume(head, posed[0], name)
    assert rest > 0
    for points in posed:
        assert signed_volume(head, points, name) > 0.8 * rest


def test_mouth_stays_a_cavity_under_every_expression(head, posed: np.ndarray) -> None:  # type: ignore[no-untyped-def]
    for points in posed:
        assert signed_volume(head, points, "mouth_bag") < 0


@pytest.mark.parametrize("side", [1, -1])
def test_nostrils_are_pockets_that_open_downward(head, side: int) -> None:  # type: ignore[no-untyped-def]
    level = head.mesh.skin.nostril_level
    points = head.mesh.skin.positions * [side, 1, 1]
    own = np.isfinite(level) & (points[:, 0] > 0)
    end, rim = points[own & (level == 0)].mean(0), points[own & (level == 1)]
    assert end[1] > rim[:, 1].mean() + 0.005, "at least 5 mm deep"
    assert end[1] > rim[:, 1].max()
    assert rim[:, 0].min() > 0.002, "a septum of more than 4 mm stands between the two"
    area = rim - rim.mean(0)
    normal = np.cross(area, np.roll(area, -1, axis=0)).sum(0)
    assert normal[1] < -abs(normal[0]), "the opening looks down"


def test_the_nostrils_walls_stay_inside_the_nose(head) -> None:  # type: ignore[no-untyped-def]
    """Every point of a pocket has skin before it: its distance along the chart's ray is less than the surface's."""
    level = head.mesh.skin.nostril_level
    inside = head.mesh.skin.positions[level < 0.6]
    theta, s, reach = chart.locate(inside)
    assert (reach < surface.radius(theta, s) - 0.001).all()


def test_the_levels_of_a_nostril_can_be_read_from_the_chart(head) -> None:  # type: ignore[no-untyped-def]
    for level in (0.3, 1.0, 1.4):
        theta, s = features.nostril_ring_deg(level, np.linspace(0, 6, 13))
        np.testing.assert_allclose(features.nostril_level(-np.radians(theta), np.radians(s)), level, atol=1e-9)


def test_ears_stand_off_the_head_and_are_as_high_as_an_adults(head) -> None:  # type: ignore[no-untyped-def]
    """Farkas (1994): ear 58 to 68 mm high; its rim 15 to 25 mm off the skull."""
    ear = head.template.numpy()[head.regions["left_ear"]]
    assert 0.055 < np.ptp(ear[:, 1]) < 0.070
    skull = head.template.numpy()[head.regions["skin"]]
    near = skull[(np.abs(skull[:, 1] - 0.01) < 0.03) & (skull[:, 2] < 0.0) & (skull[:, 2] > -0.03)]
    assert 0.010 < ear[:, 0].max() - near[:, 0].max() < 0.025


@pytest.mark.parametrize("name", ["eyeBlink", "eyeSquint", "eyeWide", "eyeLookDown", "eyeLookUp"])
def test_lids_keep_their_thickness_at_every_closure(head, name: str) -> None:  # type: ignore[no-untyped-def]
    """From rim to hidden edge; and over the ball, whose cornea stands out by half a millimetre, at least 0.85 mm."""
    rim = head.mesh.skin.lid_rims[0]
    edge = np.intersect1d(head.mesh.part_vertices("lid_edges"), np.flatnonzero(head.mesh.positions[:, 0] > 0))
    lids = np.flatnonzero(np.isfinite(head.mesh.skin.lid_offset) & (head.mesh.skin.positions[:, 0] > 0))
    closure = torch.zeros(11, 52)
    closure[:, ARKIT_NAMES.index(f"{name}Left")] = torch.linspace(0, 1, 11)
    moved = head.vertices(expression=closure).numpy()
    thickness = np.linalg.norm(moved[:, rim] - moved[:, edge], axis=-1)
    assert (thickness > 0.9 * thickness[0]).all()
    assert (thickness < 1.5 * thickness[0]).all()
    clear = np.linalg.norm(moved[:, lids] - features.EYE_CENTRE, axis=-1) - features.EYE_RADIUS_M
    assert clear.min() > 0.00085
    assert (np.linalg.norm(moved[:, edge] - features.EYE_CENTRE, axis=-1) < features.EYE_RADIUS_M).all()


def test_a_corrected_turn_is_the_turn_by_the_points_share() -> None:
    """Skinning alone misses p turned by share * angle to second order, with the corrective to third."""
    points = np.array([[0.03, -0.10, 0.05], [0.0, -0.09, -0.06], [-0.05, -0.12, 0.0]])
    share = np.array([0.3, 0.5, 0.8])
    basis = corrective_basis(points, NECK_JOINT, share)
    for axis in np.eye(3):
        errors = []
        for angle in (0.2, 0.4):
            turned = Rotation.from_rotvec(axis * angle).as_matrix() - np.eye(3)
            ideal = np.stack(
                [
                    Rotation.from_rotvec(axis * angle * w).apply(p - NECK_JOINT) + NECK_JOINT
                    for p, w in zip(points, share, strict=True)
                ]
            )
            fuller = points + np.tensordot(turned.ravel(), basis, 1)
            both = [p + share[:, None] * ((p - NECK_JOINT) @ turned.T) for p in (points, fuller)]
            errors.append([np.abs(p - ideal).max() for p in both])
        (plain, corrected), (plain_twice, corrected_twice) = errors
        assert corrected < 0.25 * plain
        assert corrected_twice < 0.35 * plain_twice
        assert plain_twice / plain == pytest.approx(4, rel=0.1)
        assert corrected_twice / corrected > 6, "third order: eight times at twice the angle"


def test_a_turned_neck_keeps_more_of_its_girth_than_skinning_leaves(head) -> None:  # type: ignore[no-untyped-def]
    """Turned by 57 degrees; girth: mean distance from the axis, where the neck's share is between 0.3 and 0.7."""
    half = np.flatnonzero(np.abs(head.neck_share.numpy() - 0.5) < 0.2)
    pose = torch.tensor([[0.0, 1.0, 0.0]])
    joint = head.joints(torch.zeros(1, len(head.identity_names)))[0, 1].numpy()

    def girth(points: np.ndarray) -> float:
        return float(np.hypot(*(points[half] - joint)[:, [0, 2]].T).mean())

    rest = head.template.numpy()
    matrix = Rotation.from_rotvec(pose[0].numpy()).as_matrix()
    plain = rest + head.neck_share.numpy()[:, None] * ((rest - joint) @ (matrix - np.eye(3)).T)
    loss = 1 - girth(plain) / girth(rest)
    assert loss > 0.05
    assert abs(1 - girth(head.vertices(neck=pose)[0].numpy()) / girth(rest)) < 0.35 * loss


def test_jaw_correctives_are_small_at_the_landmarks(head) -> None:  # type: ignore[no-untyped-def]
    """The fit assumes plain skinning: less than a millimetre at the jaw of a loud vowel."""
    pose = torch.tensor([[0.25, 0.0, 0.0]])
    matrix = torch.tensor(Rotation.from_rotvec(pose[0].numpy()).as_matrix() - np.eye(3)).float()
    shift = torch.tensordot(matrix.flatten(), head.jaw_basis, 1)[None]
    assert head.landmarks(shift).norm(dim=-1).max() < 1e-3


def test_every_axis_says_what_its_unit_does_and_does_it(head) -> None:  # type: ignore[no-untyped-def]
    assert tuple(AXES_DOC) == head.identity_names
    units = head.identity_units()
    for k, name in enumerate(head.identity_names):
        doc = AXES_DOC[name]
        index = head.mesh.part_vertices(doc.part)
        spots = [cKDTree(head.mesh.positions[index]).query(p) for p in (doc.at, doc.from_) if p is not None]
        assert max(distance for distance, _ in spots) < 0.008, f"{name} is measured where it says"
        weights = torch.zeros(2, len(head.identity_names), dtype=torch.float64)
        weights[0, k], weights[1, k] = 0.5, -0.5
        plus, minus = head.vertices(weights).numpy()
        moved = (plus - minus)[index[[k for _, k in spots]]] @ np.array(doc.along)
        measured = 1e3 * (moved[0] - (moved[1] if len(moved) > 1 else 0.0))
        assert units[name] == pytest.approx(measured, abs=1e-3)
        assert 0.5 < units[name] < 8, f"{name}: a standard deviation is millimetres"
        assert f"{units[name]:.1f} mm" in describe(name, units[name])


def test_unknown_axis_and_animal_are_refused_by_name(head) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput, match="identity_names"):
        describe("tail", 1.0)
    with pytest.raises(BadInput, match="cat"):
        animal("fish")
    with pytest.raises(BadInput, match="share"):
        animal("cat", 1.5)
    with pytest.raises(BadInput, match="muzzle"):
        head.varied({"tail": 1.0})


def test_variants_stay_out_of_the_human_prior(head) -> None:  # type: ignore[no-untyped-def]
    assert not set(head.variant_names) & set(head.identity_names)
    assert torch.equal(head.varied({}).template, head.template)
    assert torch.equal(head.varied({}).identity_basis, head.identity_basis)


@pytest.mark.parametrize("kind", sorted(ANIMALS))
def test_animals_are_heads_whose_lips_close_and_eyes_turn(head, kind: str) -> None:  # type: ignore[no-untyped-def]
    beast = head.varied(animal(kind))
    assert isinstance(beast, HeadModel)
    assert beast.name != head.name
    points = beast.template.numpy()
    assert (points - head.template.numpy()).max() > 0.01, "it shows"
    distance, _ = cKDTree(points).query(points * MIRROR)
    assert distance.max() < 5e-6
    upper, lower = head.mesh.skin.lip_rims
    assert np.abs(points[upper] - points[lower]).max() < 1e-6
    for k, side in ((2, "left"), (3, "right")):
        ball = points[head.regions[f"{side}_eyeball"]]
        centre = beast.joints(torch.zeros(1, len(head.identity_names)))[0, k].numpy()
        assert np.ptp(np.linalg.norm(ball - centre, axis=1)) < 0.0012


def test_half_an_animal_is_half_way(head) -> None:  # type: ignore[no-untyped-def]
    half, whole = (head.varied(animal("dog", share)).template for share in (0.5, 1.0))
    torch.testing.assert_close(half, 0.5 * (head.template + whole), atol=1e-6, rtol=0)
