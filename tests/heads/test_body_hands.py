"""Hands and arms: finger angles, limits, reaching, and the keypoints that detectors name."""

import numpy as np
import pytest
import torch

from talkie.errors import BadInput
from talkie.heads import builtin_head
from talkie.heads.body import INDEX, builtin_body
from talkie.heads.body.gestures import stance
from talkie.heads.body.hands import LIMITS, SHAPES, finger_angles, fingers_of, hand_pose, shape_angles, within_limits
from talkie.heads.body.keypoints import FACE68, LAYOUTS, keypoints
from talkie.heads.body.limits import beyond_limits
from talkie.heads.body.reach import WRIST_SWING, contact_offset, reach
from talkie.heads.body.skeleton import FINGERS, MIRROR_INDEX


@pytest.fixture(scope="module")
def body():  # type: ignore[no-untyped-def]
    return builtin_body()


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    head = builtin_head()
    return head.landmarks(head.template[None])[0].numpy().astype(np.float64)


def _touching(body, side: str, contact: str, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[no-untyped-def]
    """Where the touching place is in the world and which way the back of the hand looks there."""
    bones = body.transforms(torch.tensor(pose)[None])[0].numpy()
    joint, offset = contact_offset(side, contact)
    bone = bones[INDEX[joint]]
    return bone[:3, :3] @ offset + bone[:3, 3], bone[:3, 1]


def _with_hand(side: str, name: str) -> np.ndarray:
    pose = stance()[0]
    pose[fingers_of(side)] = hand_pose(side, shape_angles(name))
    return pose


def test_finger_angles_are_read_back_from_the_pose() -> None:
    rng = np.random.default_rng(0)
    low, high = (np.stack([LIMITS[f][:, k] for f in FINGERS]) for k in (0, 1))
    angles = rng.uniform(low, high, (50, 5, 4))
    for side in ("left", "right"):
        np.testing.assert_allclose(finger_angles(side, hand_pose(side, angles)), angles, atol=1e-9)
    assert within_limits(angles)
    assert not within_limits(angles + 3)


def test_every_named_hand_shape_is_within_a_hands_limits() -> None:
    for name in SHAPES:
        assert within_limits(shape_angles(name)), name
    with pytest.raises(BadInput, match="fist"):
        shape_angles("claw")


def test_fingers_bend_towards_the_palm_and_spread_away_from_the_little_finger(body) -> None:  # type: ignore[no-untyped-def]
    for side, sign in (("left", 1), ("right", -1)):
        for f, finger in enumerate(FINGERS[:4]):
            tips = []
            for k in (0, 3):
                angles = np.zeros((5, 4))
                angles[f, k] = 0.3
                pose = torch.zeros(1, 55, 3)
                pose[0, fingers_of(side)] = torch.tensor(hand_pose(side, angles), dtype=torch.float32)
                rest = keypoints(body, f"{side}_hand21", body.transforms(torch.zeros(1, 55, 3)))[0]
                at = LAYOUTS[f"{side}_hand21"].index(f"{side}_{finger}4")
                tips.append((keypoints(body, f"{side}_hand21", body.transforms(pose))[0, at] - rest[at]).numpy())
            assert tips[0][1] < -0.01, "down is where the palm looks at rest"
            assert tips[1][2] > 0.01, "forward is the thumb's side at rest"
            assert sign * tips[0][0] < 0


def test_pinching_brings_thumb_and_index_together_and_a_fist_closes(body) -> None:  # type: ignore[no-untyped-def]
    def tips(name: str) -> dict[str, np.ndarray]:
        return {f: _touching(body, "left", f, _with_hand("left", name))[0] for f in FINGERS}

    pinch, opened, fist = tips("pinch"), tips("open"), tips("fist")
    assert np.linalg.norm(pinch["index"] - pinch["thumb"]) < 0.004
    assert np.linalg.norm(opened["index"] - opened["thumb"]) > 0.07
    wrist = body.transforms(torch.tensor(_with_hand("left", "fist"))[None])[0, INDEX["left_wrist"], :3, 3].numpy()
    for finger in FINGERS[:4]:
        assert np.linalg.norm(fist[finger] - wrist) < 0.7 * np.linalg.norm(opened[finger] - wrist)


POINTS = {"chin": 199, "left cheek": 425, "lips": 0, "nose": 1, "left brow": 334}


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(("contact", "hand"), [("index", "point"), ("palm", "flat"), ("middle", "rest")])
def test_a_hand_reaches_any_place_of_the_face_to_a_micron(body, face, side, contact, hand) -> None:  # type: ignore[no-untyped-def]
    for name, index in POINTS.items():
        target = face[index] * ([1, 1, 1] if side == "left" else [-1, 1, 1])
        normal = target - [0, 0, 0.02]
        pose = reach(body, side, target, normal, _with_hand(side, hand), contact)
        at, back = _touching(body, side, contact, pose)
        assert np.linalg.norm(at - target) < 1e-6, name
        # The palm's side looks onto the face, but for the lean that a wrist needs.
        assert back @ normal / np.linalg.norm(normal) > 0.6, name
        assert not beyond_limits(pose), name
        assert np.linalg.norm(pose[INDEX[f"{side}_elbow"]]) < 2.9
        other = "right" if side == "left" else "left"
        np.testing.assert_array_equal(pose[INDEX[f"{other}_shoulder"]], stance()[0, INDEX[f"{other}_shoulder"]])


def test_reaching_follows_a_leaning_and_shaped_body(body) -> None:  # type: ignore[no-untyped-def]
    pose = _with_hand("left", "point")
    pose[INDEX["spine2"]] = (0.2, 0.3, 0.0)
    shape = torch.full((1, len(body.shape_names)), 0.8)
    target = np.array([0.25, -0.10, 0.35])
    bent = reach(body, "left", target, np.array([0.0, 0.2, -1.0]), pose, "palm", shape, torch.tensor([[0.1, 0.0, 0.0]]))
    bones = body.transforms(torch.tensor(bent)[None], shape, torch.tensor([[0.1, 0.0, 0.0]]))[0].numpy()
    joint, offset = contact_offset("left", "palm")
    at = bones[INDEX[joint], :3, :3] @ offset + bones[INDEX[joint], :3, 3]
    assert np.linalg.norm(at - target) < 1e-3
    assert np.linalg.norm(bent[INDEX["left_wrist"]]) < WRIST_SWING + 1.2


def test_both_arms_reach_alike(body, face) -> None:  # type: ignore[no-untyped-def]
    target, normal = face[425], face[425] - [0, 0, 0.02]
    left = reach(body, "left", target, normal, _with_hand("left", "point"))
    right = reach(body, "right", target * [-1, 1, 1], normal * [-1, 1, 1], _with_hand("right", "point"))
    elbows = [
        body.transforms(torch.tensor(p)[None])[0, INDEX[f"{s}_elbow"], :3, 3].numpy()
        for p, s in ((left[list(MIRROR_INDEX)] * [1, -1, -1], "right"), (right, "right"))
    ]
    # The candidates are the same but for where the circles are begun to be walked.
    assert np.linalg.norm(elbows[0] - elbows[1]) < 0.06


def test_what_is_out_of_reach_is_refused_with_the_distance(body) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput, match=r"misses the target by \d+ mm"):
        reach(body, "left", np.array([2.0, 0.0, 0.0]), np.array([1.0, 0, 0]), stance()[0])
    with pytest.raises(BadInput, match="contact"):
        reach(body, "left", np.zeros(3), np.array([1.0, 0, 0]), stance()[0], "elbow")
    with pytest.raises(BadInput, match="side"):
        reach(body, "both", np.zeros(3), np.array([1.0, 0, 0]), stance()[0])


def test_layouts_have_the_published_numbers_of_points_and_places(body) -> None:  # type: ignore[no-untyped-def]
    head = builtin_head()
    pose = torch.tensor(stance(), dtype=torch.float32)
    bones = body.transforms(pose)
    landmarks = head.landmarks(body.attach(head, head.vertices(**body.head_pose(pose)), bones))
    for name, count in (("coco17", 17), ("openpose18", 18), ("openpose25", 25), ("coco133", 133),
                        ("mediapipe33", 33), ("left_hand21", 21), ("right_hand21", 21)):  # fmt: skip
        points = keypoints(body, name, bones, landmarks)
        assert points.shape == (1, count, 3)
        # COCO-WholeBody counts either wrist twice: as the arm's end and as the hand's root.
        assert len(set(LAYOUTS[name])) == count - 2 * (name == "coco133")
        assert torch.isfinite(points).all()
    assert len(FACE68) == 68 == len(set(FACE68))
    # COCO: index 5 is the left shoulder, OpenPose: index 2 the right one; left is +x.
    coco, openpose = (keypoints(body, n, bones, landmarks)[0].numpy() for n in ("coco17", "openpose18"))
    np.testing.assert_allclose(coco[5], bones[0, INDEX["left_shoulder"], :3, 3].numpy())
    np.testing.assert_allclose(openpose[2], bones[0, INDEX["right_shoulder"], :3, 3].numpy())
    np.testing.assert_allclose(openpose[1], (coco[5] + coco[6]) / 2, atol=1e-7)
    # 68 points: the jaw runs from the person's right to the left, its middle is the chin.
    jaw = keypoints(body, "coco133", bones, landmarks)[0, 23 : 23 + 17].numpy()
    # Its two topmost points lie above one another at the temples.
    assert (np.diff(jaw[1:-1, 0]) > 0).all()
    assert jaw[:, 1].argmin() == 8


def test_keypoints_follow_the_shape(body) -> None:  # type: ignore[no-untyped-def]
    shape = torch.zeros(1, len(body.shape_names))
    shape[0, body.shape_names.index("hand_size")] = 2.0
    pose = torch.zeros(1, 55, 3)
    small, large = (keypoints(body, "left_hand21", body.transforms(pose, w), weights=w)[0] for w in (shape * 0, shape))
    span = [float((p[12] - p[0]).norm()) for p in (small, large)]
    assert span[1] / span[0] == pytest.approx(1.10, abs=0.01)


def test_face_layouts_ask_for_landmarks(body) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput, match="landmarks"):
        keypoints(body, "coco17", body.transforms(torch.zeros(1, 55, 3)))
    with pytest.raises(BadInput, match="layout"):
        keypoints(body, "coco16", body.transforms(torch.zeros(1, 55, 3)))
