"""A hand before a face in footage: filmed, timed, and its truth as the picture shows it."""

import json

import numpy as np
import pytest

from talkie.heads.body import builtin_body
from talkie.shards import decode_field
from talkie.stage import load_shoot
from talkie.stage.damage import DAMAGE
from talkie.stage.footage import damage_of, film_footage
from talkie.stage.occluder import SECONDS, passing
from talkie.stage.sections import DAMAGES

SHOOT = load_shoot(
    "footage",
    **{"seed": 6, "cast.people": 5, "footage.damage": ("occluding_hand",), "footage.people": (1, 1),
       "footage.shots": (1, 1), "footage.width": 192, "footage.height": 128},
)  # fmt: skip


@pytest.fixture(scope="module")
def filmed():
    assert damage_of(SHOOT, 1) == "occluding_hand"
    files, frames = film_footage(SHOOT, 6, 1, "take")
    return json.loads(files["take.truth.json"]), decode_field("x.npz", files["take.truth.npz"]), frames


def test_every_damage_that_a_shoot_may_name_can_be_done():
    assert set(DAMAGES) == set(DAMAGE)


def test_the_truth_says_when_a_hand_hid_how_much_of_the_face(filmed):
    story, arrays, frames = filmed
    count = story["end_frame"] - story["start_frame"]
    assert story["damage"] == "occluding_hand"
    assert SECONDS[0] - 0.04 <= count / 25 <= SECONDS[1] + 0.04
    assert 0 < story["start_frame"] < story["end_frame"] <= frames
    share = np.array(story["face_hidden"])
    assert len(share) == count == len(arrays["shot0_hand_mask"])
    assert 0.15 < share.max() < 1.0
    assert share[[0, -1]].max() == 0


def test_the_mask_covers_landmarks_where_the_face_is_said_to_be_hidden(filmed):
    story, arrays, _ = filmed
    first, mask = int(arrays["shot0_hand_first"]), arrays["shot0_hand_mask"]
    landmarks = arrays["shot0_person0_landmarks"][first : first + len(mask), :, :2].astype(int)
    covered = [m[xy[:, 1].clip(0, 127), xy[:, 0].clip(0, 191)].mean() for m, xy in zip(mask, landmarks, strict=True)]
    assert np.corrcoef(covered, story["face_hidden"])[0, 1] > 0.9


def test_a_hand_passes_before_the_face_and_not_through_it():
    face = np.zeros((60, 3))
    for seed in range(8):
        way = passing(face, np.random.default_rng(seed))
        assert way.first >= 1
        assert way.first + len(way.vertices) < 60
        hand = way.vertices[:, builtin_body().regions[f"{way.side}_hand"]]
        assert hand[..., 2].min() > 0.02
        assert np.abs(hand.mean(1)[:, 0]).min() < 0.08
