"""Takes with a body: what the shards say about joints, keypoints and hands is what the mesh and the picture show."""

import numpy as np
import pytest
import torch

from talkie.errors import BadConfig, BadInput
from talkie.heads import builtin_head, project_landmarks
from talkie.heads.body import INDEX, builtin_body
from talkie.heads.body.gestures import stance
from talkie.heads.body.limb import Limb, hinge_places, turns
from talkie.heads.body.limits import beyond_limits
from talkie.shards import open_dataset
from talkie.stage import load_shoot, record
from talkie.stage.bodies import check_joins
from talkie.stage.film import stage_take
from talkie.stage.gesturing import Phrase, gestured_pose, phrases, played
from talkie.stage.sensors.pose import SEEN, depth_of
from talkie.stage.sensors.regions import CLASSES
from talkie.stage.shoot import parse_shoot

SHOOT = load_shoot("body", **{"seed": 3, "cast.people": 5, "rig.size": 192, "script.texts": ("The cat sat.",)})


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bodies")
    record(folder, 1, SHOOT, workers=1)
    return next(open_dataset(folder).clips(("head.npz", "landmarks.npy", "pose.npz", "hands.npz", "mask.mp4", "mp4")))


@pytest.fixture(scope="module")
def take():
    return stage_take(SHOOT, 4, 1)


def test_recorded_poses_and_shape_give_the_recorded_joints_and_their_pixels(clip):
    pose, head = clip.fields["pose.npz"], clip.fields["head.npz"]
    given = [torch.as_tensor(pose[name]) for name in ("pose", "translation")]
    bones = builtin_body().transforms(given[0], torch.as_tensor(pose["shape"])[None], given[1]).numpy()
    np.testing.assert_allclose(bones[..., :3, 3], pose["joints"], atol=1e-5)
    seen = pose["joints"] @ head.R.T + head.t
    pixels = seen[..., :2] / seen[..., 2:] * head.K[:, None, [0, 1], [0, 1]] + head.K[:, None, :2, 2]
    np.testing.assert_allclose(pixels, pose["joints_px"], atol=1e-2)


def test_the_head_on_the_body_is_the_one_that_was_performed(clip):
    again = project_landmarks(builtin_head(), clip.fields["head.npz"])
    np.testing.assert_allclose(clip.fields["landmarks.npy"], again, atol=0.01)
    nose = clip.fields["pose.npz"]["coco133"][:, 0, :2]
    np.testing.assert_allclose(nose, clip.fields["landmarks.npy"][:, 1, :2], atol=0.01)


def test_feet_stand_still_and_no_joint_turns_too_far(take):
    ankles = take.body.joints[:, [INDEX["left_ankle"], INDEX["right_ankle"]]]
    assert np.ptp(ankles, axis=0).max() < 1e-3
    soles = take.body.transforms[:, INDEX["left_ankle"], :3, 1]
    np.testing.assert_allclose(soles, np.broadcast_to([0, 1, 0], soles.shape), atol=1e-5)
    assert beyond_limits(take.body.pose) == ()
    pelvis = take.body.joints[:, 0]
    assert 0.002 < np.ptp(pelvis[:, 0]) < 0.12


def test_the_neck_goes_down_into_the_shirt(take):
    """Nothing of the head below the collar stands out of the body's own neck column."""
    low = builtin_head().template.numpy()[:, 1] < -0.15
    away = take.vertices[:, low] - take.body.joints[:, None, INDEX["neck"]]
    assert np.hypot(away[..., 0], away[..., 2]).max() < 0.09


def test_points_of_hands_that_are_seen_lie_on_hands_in_the_mask(clip):
    hands, mask = clip.fields["hands.npz"], np.asarray(clip.fields["mask.mp4"])
    assert hands["landmarks"].shape[1:] == (2, 21, 3)
    on, total = 0, 0
    for frame, side, k in zip(*np.nonzero(hands["flag"] == SEEN), strict=True):
        x, y = hands["landmarks"][frame, side, k, :2].astype(int)
        around = mask[frame, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
        on += k == 0 or (around == CLASSES.index("hand")).any()
        total += 1
    assert total > 50
    assert on / total > 0.95
    np.testing.assert_allclose(hands["world"][:, 0, 0], clip.fields["pose.npz"]["joints"][:, INDEX["left_wrist"]])


def test_wrists_are_where_the_whole_body_layout_has_them(clip):
    pose = clip.fields["pose.npz"]
    row = list(pose["coco133_name"]).index("left_wrist")
    np.testing.assert_allclose(pose["coco133"][:, row, :2], pose["joints_px"][:, INDEX["left_wrist"]], atol=1e-3)
    assert set(np.unique(pose["coco133"][..., 2])) <= {0.0, 1.0, 2.0}


def test_a_stroke_is_lowest_on_its_accent_and_no_hand_is_thrown(people, play):
    phrase = Phrase(0.8, 1.6, "right", "rest", (0.1, -0.28, -1.12), (-0.45, -1.45, 0.1), ((1.2, 1.0),))
    pose = played(stance(60), phrase)
    wrist = builtin_body().transforms(torch.as_tensor(pose)).numpy()[:, INDEX["right_wrist"], 1, 3]
    near = slice(22, 38)
    assert abs((22 + wrist[near].argmin() + 0.5) / 25 - 1.2) < 0.05
    spoken = play(0, "The boy put the big map on the bus.", "happy", 3)
    for seed in range(4):
        pose = gestured_pose(people[0], spoken, np.random.default_rng(seed), 1.5)
        hands = builtin_body().transforms(torch.as_tensor(pose)).numpy()[:, INDEX["right_wrist"], :3, 3]
        assert np.linalg.norm(np.diff(hands, axis=0), axis=1).max() * 25 < 4.0


def test_gestures_begin_before_their_accents_and_end_after_them():
    made = phrases(((1.0, 1.0), (1.7, 0.5), (5.0, 0.9)), 1.0, "right", np.random.default_rng(1))
    assert made
    for phrase in made:
        moments = [moment for moment, _ in phrase.strokes]
        assert phrase.start_s < min(moments) <= max(moments) < phrase.end_s


def test_a_two_bone_limb_reaches_what_it_can_and_keeps_its_lengths():
    limb = Limb(np.array([0.0, -0.4, 0.0]), np.array([0.0, -0.35, 0.02]), np.array([0.0, 0.0, -1.0]))
    rng = np.random.default_rng(0)
    root, end = rng.normal(size=(40, 3)), rng.normal(size=(40, 3))
    end = root + (end - root) / np.linalg.norm(end - root, axis=1, keepdims=True) * rng.uniform(0.1, 0.74, (40, 1))
    hinge, reached = hinge_places(limb, root, end, np.broadcast_to([0.1, 0.2, 1.0], root.shape))
    np.testing.assert_allclose(reached, end, atol=1e-9)
    first, second = turns(limb, root, hinge, reached)
    np.testing.assert_allclose(first @ limb.upper, hinge - root, atol=1e-9)
    np.testing.assert_allclose(second @ limb.lower, reached - hinge, atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(first), 1.0)


def test_depth_under_the_skin_goes_by_the_kind_of_point():
    assert depth_of("left_index3") < depth_of("left_elbow") < depth_of("left_hip")
    assert depth_of("left_eye") < depth_of("left_eye_smplhf")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"body": None, "sensors": ["pose"], "rig.framing": ("face",)}, "pose are labels of a body"),
        ({"rig.framing": ("knee",)}, "rig.framing"),
        ({"body.gestures": 9.0}, "body.gestures"),
        ({"footage": {}, "sensors": ()}, "footage films heads alone"),
    ],
)
def test_a_shoot_that_cannot_be_is_refused_in_one_line(changes, message):
    plain = load_shoot("body").model_dump(mode="json")
    for dotted, value in changes.items():
        at, *rest = dotted.split(".")
        if rest:
            plain[at] = {**plain[at], rest[0]: value}
        else:
            plain[at] = value
    with pytest.raises(BadConfig, match=message) as caught:
        parse_shoot(plain, "test")
    assert "\n" not in str(caught.value)


def test_a_head_without_a_neck_is_refused():
    class Bust:
        name = "stump"
        template = builtin_head().template[:, :] * torch.tensor([1.0, 0.4, 1.0])
        landmarks = staticmethod(lambda v: builtin_head().landmarks(builtin_head().template[None]))

    with pytest.raises(BadInput, match="too short a neck"):
        check_joins(Bust())
