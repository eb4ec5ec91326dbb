"""Films of the bench's page: small, playable, as long as the shortest of what they show."""

import cv2
import numpy as np

from talkie.evaluation.side_by_side import MOST_BYTES, PANEL_PX, small_film, still_of
from talkie.media import decode_mp4
from talkie.systems import TASKS
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
    film = task.film(clip, task.truth_of(clip).first(4))
    still = task.film(clip, task.baseline([clip]).generate(task.request_of(clip)).first(4))
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
