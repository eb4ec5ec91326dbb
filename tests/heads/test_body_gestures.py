"""Gestures: smooth, within the joints' limits, the same for the same seed, and meaning what their names say."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from talkie.errors import BadInput
from talkie.heads import builtin_head
from talkie.heads.body import INDEX, builtin_body
from talkie.heads.body.gestures import FPS, GESTURES, MAX_SPEED, SHORTEST, TOUCHES, beats, gesture, ground, touch
from talkie.heads.body.limits import beyond_limits
from talkie.heads.body.reach import contact_offset

FRAMES = 100


def _loudness() -> np.ndarray:
    """Five syllable-like accents at known frames on a floor of noise."""
    time = np.arange(FRAMES)
    return 0.02 * np.sin(time) + sum(np.exp(-0.5 * ((time - at) / 2.0) ** 2) for at in (28, 41, 55, 66))


def _make(name: str, seed: int = 1, frames: int = FRAMES) -> np.ndarray:
    return gesture(name, frames, np.random.default_rng(seed), _loudness()[:frames])


@pytest.mark.parametrize("name", GESTURES)
def test_a_gesture_is_smooth_within_limits_and_deterministic(name) -> None:  # type: ignore[no-untyped-def]
    for seed in range(3):
        pose = _make(name, seed)
        assert pose.shape == (FRAMES, 55, 3)
        assert not beyond_limits(pose)
        turns = Rotation.from_rotvec(pose.reshape(-1, 3)).as_matrix().reshape(FRAMES, 55, 3, 3)
        steps = np.swapaxes(turns[:-1], -1, -2) @ turns[1:]
        speed = Rotation.from_matrix(steps.reshape(-1, 3, 3)).as_rotvec().reshape(FRAMES - 1, 55, 3) * FPS
        assert np.linalg.norm(speed, axis=-1).max() < MAX_SPEED
        # No jerk: speed itself changes by less than a third of its bound from frame to frame.
        assert np.linalg.norm(np.diff(speed, axis=0), axis=-1).max() < MAX_SPEED / 3
    np.testing.assert_array_equal(_make(name, 1), _make(name, 1))
    assert np.abs(_make(name, 1) - _make(name, 2)).max() > 1e-4


def test_strokes_end_on_the_voices_accents() -> None:
    np.testing.assert_array_equal(beats(_loudness()), [28, 41, 55, 66])
    body = builtin_body()
    bones = body.transforms(torch.tensor(_make("beat"))).numpy()
    height = bones[:, INDEX["right_wrist"], 1, 3]
    for at in (28, 41, 55, 66):
        lowest = at - 4 + int(height[at - 4 : at + 5].argmin())
        assert abs(lowest - at) <= 1, "within 40 ms"
        assert height[at - 6 : at + 1].max() - height[lowest] > 0.02


@pytest.mark.parametrize("name", TOUCHES)
def test_a_touch_holds_its_place_on_the_face(name) -> None:  # type: ignore[no-untyped-def]
    body, head = builtin_body(), builtin_head()
    left, right, contact, _ = TOUCHES[name]
    for side, index in (("left", left), ("right", right)):
        pose = torch.tensor(touch(name, FRAMES, np.random.default_rng(0), side))
        bones = body.transforms(pose)
        face = head.landmarks(body.attach(head, head.vertices(**body.head_pose(pose.float())), bones.float()))
        joint, offset = contact_offset(side, contact)
        bone = bones[:, INDEX[joint]].numpy()
        at = bone[:, :3, :3] @ offset + bone[:, :3, 3]
        gap = np.linalg.norm(at - face[:, index].numpy(), axis=1)
        assert gap[30:70].max() < 0.001
        assert gap[[0, -1]].min() > 0.3


def test_a_waving_hand_is_above_the_shoulder_and_swings() -> None:
    bones = builtin_body().transforms(torch.tensor(_make("wave"))).numpy()
    hand, shoulder = bones[35:65, INDEX["right_middle1"], :3, 3], bones[35:65, INDEX["right_shoulder"], :3, 3]
    assert (hand[:, 1] > shoulder[:, 1] + 0.1).all()
    assert np.ptp(hand[:, 0]) > 0.08


def test_standing_feet_neither_sink_nor_slide() -> None:
    body = builtin_body()
    for name in ("walk_in_place", "side_step", "idle"):
        pose = _make(name)
        moved = ground(body, pose)
        points = body.vertices(torch.tensor(pose[::5]), translation=torch.tensor(moved[::5])).numpy()
        floor = float(body.template[:, 1].min())
        assert np.abs(points[:, :, 1].min(1) - floor).max() < 0.02, name
        bones = body.transforms(torch.tensor(pose), translation=torch.tensor(moved)).numpy()
        ankles = bones[:, [INDEX["left_ankle"], INDEX["right_ankle"]]][..., :3, 3]
        lower = ankles[..., 1].argmin(1)
        same = lower[1:] == lower[:-1]
        slid = np.linalg.norm(np.diff(ankles[..., ::2], axis=0), axis=-1)[np.arange(FRAMES - 1), lower[1:]]
        assert slid[same].max() < 0.012, name


def test_wrong_requests_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(BadInput, match="wave"):
        gesture("salute", FRAMES, rng)
    with pytest.raises(BadInput, match=str(SHORTEST)):
        gesture("idle", 10, rng)
    with pytest.raises(BadInput, match="loudness"):
        gesture("beat", FRAMES, rng)
