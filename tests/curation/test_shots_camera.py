"""A camera that moves makes no transition, and transitions between moving pictures are found all the same."""

from __future__ import annotations

import numpy as np
import pytest
from editing import TRANSITIONS, blended
from shots_camera import SIZE, before, camera, room, texture

from talkie.curation.shots import ShotFrame, shots

FRAMES = 90

WAYS = {
    "slow pan": lambda k: (0.4 * k, 0.15 * k, 1.0),
    "pan": lambda k: (1.2 * k - 50, 0.0, 1.0),
    "fast pan": lambda k: (3.5 * (k - 45), 0.0, 1.0),
    "pan there and back": lambda k: (40 * np.sin(k / 30), 30 * np.sin(k / 40), 1.0),
    "zoom in": lambda k: (0.0, 0.0, 1 + 0.008 * k),
    "zoom out": lambda k: (0.0, 0.0, 1.7 - 0.008 * k),
    "travelling": lambda k: (0.5 * k, 8 * np.sin(k / 15), 1 + 0.003 * k),
    "hand": lambda k: (6 * np.sin(k / 7) + np.sin(k / 2.3), 4 * np.cos(k / 5) + np.sin(k / 1.7), 1.0),
}


MISTAKEN = ("pan", "fast pan")
"""Straight edges that pass behind somebody who stays, by more than a two-hundredth of the width a frame: each pixel
turns once, as in a wipe. These still are taken for one."""


def found(frames: np.ndarray) -> list[ShotFrame]:
    return list(shots((k, k / 25, frame) for k, frame in enumerate(frames)))


@pytest.mark.parametrize("person", [False, True], ids=["nobody", "person"])
@pytest.mark.parametrize("picture", [texture, room])
@pytest.mark.parametrize("way", WAYS)
def test_a_camera_that_moves_makes_no_transition(way, picture, person, request):
    if picture is room and person and way in MISTAKEN:
        request.applymarker(pytest.mark.xfail(strict=True, reason="a known limit, see MISTAKEN"))
    film = camera(picture(np.random.default_rng(1)), FRAMES, WAYS[way])
    out = found(before(film) if person else film)
    assert out[-1].shot == 0
    assert not any(frame.transition for frame in out)


@pytest.mark.parametrize("picture", [texture, room])
@pytest.mark.parametrize("speed", [2, 5, 12])
def test_a_large_thing_that_crosses_the_picture_is_no_transition(picture, speed):
    """Half as wide as the picture, as high as it, with a pattern of its own."""
    film = camera(picture(np.random.default_rng(3)), SIZE[0] * 3 // 2 // speed + 40, lambda k: (0.1 * k, 0.0, 1.0))
    thing = texture(np.random.default_rng(9))[: SIZE[1], : SIZE[0] // 2]
    for k, frame in enumerate(film):
        left = speed * (k - 20) - thing.shape[1]
        inside = max(left, 0), min(left + thing.shape[1], SIZE[0])
        if inside[0] < inside[1]:
            frame[:, inside[0] : inside[1]] = thing[:, inside[0] - left : inside[1] - left]
    out = found(film)
    assert out[-1].shot == 0
    assert not any(frame.transition for frame in out)


@pytest.mark.parametrize("length", [8, 14, 24])
@pytest.mark.parametrize("kind", TRANSITIONS)
def test_transitions_between_moving_pictures_are_found(kind, length):
    """One take is a pan, the other a slow zoom; people before both."""
    a = before(camera(texture(np.random.default_rng(1)), FRAMES, WAYS["slow pan"]), seed=1)
    b = before(camera(room(np.random.default_rng(2)), FRAMES, WAYS["zoom in"]), seed=2)
    film = blended(kind, a, b, length)
    out = found(film.frames)
    flagged = np.array([frame.transition for frame in out])
    (first, end) = film.gradual[0]
    slack = 2 + round(0.15 * length)
    assert flagged[first + slack : end - slack].all()
    assert not flagged[: first - slack].any()
    assert not flagged[end + slack :].any()
    assert (out[0].shot, out[-1].shot) == (0, 1)
