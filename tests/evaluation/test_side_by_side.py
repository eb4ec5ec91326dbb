"""Films of the bench's page: small, playable, as long as the shortest of what they show."""

from dataclasses import replace

import cv2
import numpy as np

from talkie.clip import Clip
from talkie.evaluation.side_by_side import MOST_BYTES, PANEL_PX, small_film, still_of
from talkie.media import decode_mp4, encode_mp4
from talkie.systems import TASKS
from talkie.systems.tasks.recognition import RecognitionResult
from tone_clips import tone_clip


def test_a_film_of_noise_stays_small():
    noise = np.random.default_rng(0).integers(0, 256, (30, 96, 96, 3)).astype(np.uint8)
    assert len(small_film([noise, noise, noise])) <= MOST_BYTES


def test_films_lie_beside_each_other_in_their_order():
    colours = [np.full((frames, 64, 64, 3), level, np.uint8) for frames, level in ((9, 0), (7, 128), (8, 255))]
    shown = decode_mp4(small_film(colours, np.zeros(7 * 640, np.float32)))
    assert shown.shape == (7, PANEL_PX, 3 * PANEL_PX, 3)
    middles = shown[:, PANEL_PX // 2, PANEL_PX // 2 :: PANEL_PX].mean((0, 2))
    np.testing.assert_allclose(middles, [0, 128, 255], atol=6)


def test_a_motion_is_filmed_as_a_head_that_opens_its_mouth():
    clip = tone_clip(3, frames=12).decode(("flac", "head.npz"))
    task = TASKS["speech_to_motion"]
    answers = (task.truth_of(clip), task.baseline([clip]).generate(task.request_of(clip)))
    film, still = task.film(clip, [answer.first(4) for answer in answers])
    assert film.shape == still.shape == (4, 192, 192, 3)
    assert film.std() > 20
    assert (still[0] == still[3]).all()
    assert (film[0] != film[3]).any()


def test_a_still_shows_frames_of_a_film_below_each_other_in_their_order():
    film = np.stack([np.full((64, 64, 3), level, np.uint8) for level in range(0, 240, 10)])
    still = cv2.imdecode(np.frombuffer(still_of(small_film([film, film])), np.uint8), cv2.IMREAD_COLOR)
    assert still.shape == (4 * PANEL_PX, 2 * PANEL_PX, 3)
    levels = still[PANEL_PX // 2 :: PANEL_PX].mean((1, 2))
    np.testing.assert_allclose(levels, [50, 90, 140, 180], atol=8)


def test_labels_stand_below_the_frames_they_were_given_to():
    clip = tone_clip(3, frames=4).decode(("flac", "head.npz"))
    pictures = np.full((4, 64, 64, 3), 200, np.uint8)
    clip = Clip(clip.record, {**clip.fields, "mp4": encode_mp4(pictures)})
    task = TASKS["recognition"]
    sure, other = (
        RecognitionResult({"attack": scores}) for scores in ({"print": 0.9, "no": 0.1}, {"print": 0.2, "no": 0.8})
    )
    one, again, two = task.film(clip, [sure, sure, other])
    assert one.shape == (4, 192, 192, 3)
    assert np.abs(one[:, 40:100, 60:130].astype(int) - 200).max() < 12
    assert (one == again).all()
    assert (one[0, 150:] != two[0, 150:]).any()
    assert (one[0, :140] == two[0, :140]).all()
    knowing = RecognitionResult({"age": {"old": 1.0}, **sure.scores})
    assert (task.film(clip, [knowing, sure])[0] == one).all()  # what nobody was asked is not shown


def test_a_skull_that_is_held_still_stays_blue_and_one_that_is_not_does_not():
    clip = tone_clip(3, frames=6).decode(("flac", "head.npz"))
    task = TASKS["capture"]
    truth = replace(task.truth_of(clip), expression=None)
    shaken = replace(truth, translation=truth.translation + np.linspace(0, 0.003, 6)[:, None] * [1, 0, 0])
    still, moved = task.film(clip, [truth, shaken])
    forehead = (slice(None), slice(45, 60), slice(85, 107))
    assert (still[forehead][..., 2] > still[forehead][..., 0]).mean() > 0.95
    red = moved[forehead][-1]
    assert (red[..., 0] > red[..., 2]).mean() > 0.95
    assert task.film(clip, [replace(truth, rotation=None)]) is None
