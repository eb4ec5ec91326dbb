"""Hands on faces: presses of the depth that skin allows, steady in time, with labels that fit mesh and picture."""

import numpy as np
import pytest

from talkie.clip import FPS
from talkie.errors import BadConfig
from talkie.heads import builtin_head, pose_vertices
from talkie.heads.body import INDEX, builtin_body
from talkie.heads.body.contact import CONTACT_M
from talkie.heads.body.distance import signed_distance
from talkie.heads.body.limits import beyond_limits
from talkie.shards import decode_field
from talkie.stage import load_shoot
from talkie.stage.film import film, stage_take
from talkie.stage.shoot import parse_shoot
from talkie.stage.touching import PLACES, plan_touch

SHOOT = load_shoot("hands", **{"seed": 2, "cast.people": 5, "rig.size": 128, "script.events": ("speech",)})


def _take(place: str):
    return stage_take(SHOOT.model_copy(update={"hands": SHOOT.hands.model_copy(update={"touches": (place,)})}), 8, 1)


@pytest.fixture(scope="module")
def cheek():
    return _take("cheek")


@pytest.fixture(scope="module")
def filmed(cheek):
    members, _ = film(SHOOT, cheek, cheek.performance.audio)
    return {name: decode_field(name, members[name]) for name in ("contact.npz", "head.npz", "hands.npz", "pose.npz")}


def test_a_finger_presses_three_to_eight_millimetres_into_a_cheek(cheek):
    deep = np.linalg.norm(cheek.touch.displacement, axis=2).max(1) * 1000
    held = slice(int(cheek.touch.touch.on_s * FPS) + 1, int(cheek.touch.touch.off_s * FPS) - 1)
    assert 3.0 <= np.median(deep[held]) <= 8.5
    assert deep[held].min() > 2.0


def test_the_skin_moves_steadily(cheek):
    """No vertex is displaced by more than 2.5 mm from one frame to the next: at 25 frames a second a finger that lands
    within 0.6 s moves no faster than that while it is in touch."""
    step = np.linalg.norm(np.diff(cheek.touch.displacement, axis=0), axis=2)
    assert step.max() < 0.0025
    jerk = np.linalg.norm(np.diff(cheek.touch.displacement, 2, axis=0), axis=2)
    assert jerk.max() < 0.0025


def test_no_skin_is_left_inside_the_hand(cheek):
    body = builtin_body()
    hand, faces = f"{cheek.touch.touch.side}_hand", body.part_faces(f"{cheek.touch.touch.side}_hand")
    skin = builtin_head().part == 0
    for frame in np.flatnonzero(cheek.touch.head.any(1))[::6]:
        surface = cheek.body.vertices[frame][body.regions[hand]]
        near = skin & (np.linalg.norm(cheek.vertices[frame] - surface.mean(0), axis=1) < 0.15)
        distance, _, _ = signed_distance(cheek.vertices[frame][near], surface, faces)
        assert distance.min() > -0.0006
        np.testing.assert_array_equal(distance < CONTACT_M, cheek.touch.head[frame][near])


def test_a_third_of_the_take_is_without_contact_and_the_hand_comes_and_goes(cheek):
    touching = cheek.touch.head.any(1)
    assert 0.08 < touching.mean() < 0.7
    assert not touching[:4].any()
    assert not touching[-3:].any()
    wrist = cheek.body.joints[:, INDEX[f"{cheek.touch.touch.side}_wrist"]]
    assert np.linalg.norm(wrist[0] - wrist[touching].mean(0)) > 0.25
    assert np.linalg.norm(np.diff(wrist, axis=0), axis=1).max() * FPS < 4.0
    assert beyond_limits(cheek.body.pose) == ()


def test_recorded_displacement_turns_the_recorded_head_into_the_filmed_one(cheek, filmed):
    contact = filmed["contact.npz"]
    plain = pose_vertices(builtin_head(), filmed["head.npz"])
    turn = cheek.body.transforms[:, INDEX["head"], :3, :3]
    again = plain + np.einsum("tij,tvj->tvi", turn, contact["displacement"].astype(float))
    face = builtin_head().regions["face"]
    np.testing.assert_allclose(again[:, face], cheek.vertices[:, face], atol=2e-5)
    assert contact["displacement"].dtype == np.float16
    assert contact["hand_contact"].shape[1] == len(builtin_body().regions["left_hand"])
    still = ~contact["head_contact"].any(1)
    assert np.abs(contact["displacement"][still]).max() < 5e-4


def test_the_touching_hand_is_present_in_the_picture_while_it_touches(filmed, cheek):
    side = ("left", "right").index(cheek.touch.touch.side)
    touching = cheek.touch.head.any(1)
    assert filmed["hands.npz"]["present"][touching, side].mean() > 0.95


def test_no_skin_yields_more_than_its_tissue_and_what_its_neighbours_carry_along(cheek):
    deep = np.linalg.norm(cheek.touch.displacement, axis=2).max(0)
    assert (deep - cheek.touch.tissue).max() < 0.0025
    assert np.ptp(cheek.touch.tissue) > 0.008


@pytest.mark.parametrize("name", PLACES)
def test_plans_fit_into_their_take_and_into_the_skin(name):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        length = rng.uniform(2.4, 8.0)
        touch = plan_touch(name, (3.0, 8.0), length, rng)
        assert 0 < touch.start_s < touch.on_s < touch.off_s < touch.end_s <= length + 1e-9
        assert PLACES[name].press_mm[0] <= 1000 * touch.press_m <= PLACES[name].press_mm[1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hands": None}, "contact is a label of hands"),
        ({"body": None, "sensors": (), "rig.framing": ("face",)}, "hands hang on a body"),
        ({"hands.touches": ("knee",)}, "hands.touches"),
        ({"hands.press_mm": (3, 40)}, "press_mm"),
    ],
)
def test_hands_that_cannot_be_are_refused_in_one_line(changes, message):
    tree = load_shoot("hands").model_dump(mode="json")
    for dotted, value in changes.items():
        first, _, rest = dotted.partition(".")
        tree[first] = {**tree[first], rest: value} if rest else value
    with pytest.raises(BadConfig, match=message) as caught:
        parse_shoot(tree, "test")
    assert "\n" not in str(caught.value)
