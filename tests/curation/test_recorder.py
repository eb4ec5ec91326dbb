"""How a person of a scene is filmed: gaps bridged, jumps and losses end a take, every crop comes from its own frame."""

from __future__ import annotations

import numpy as np

from talkie.curation.config import CurateConfig
from talkie.curation.draft import Watcher
from talkie.curation.judgement.recipes import parse_recipe
from talkie.curation.recorder import Recorder
from talkie.faces import face_box, smooth_boxes, to_crop
from talkie.media import decode_mp4

RECIPE = {"name": "small", "clip": {"least_s": 0.2, "most_s": 10}, "crop": {"size": 64, "smooth_s": 0.1}}
CONFIG = CurateConfig(max_gap_frames=3, recipe=parse_recipe(RECIPE, "test"))


class Witness(Watcher):
    def __init__(self):
        self.views = []

    def see(self, view):
        self.views.append(view)


def face_at(x: float, y: float = 60.0, size: float = 40.0) -> np.ndarray:
    points = np.random.default_rng(0).uniform(0, 1, (478, 3)).astype(np.float32) * size
    points[0], points[1] = (0, 0, 0), (size, size, 0)
    return points + np.array([x, y, 0], np.float32)


def filmed(script: list[np.ndarray | None]) -> list:
    """The takes of a script: one entry a frame, landmarks or None; the grey of a frame is its number."""
    recorder = Recorder(0, CONFIG, lambda: [Witness()])
    for index, face in enumerate(script):
        recorder.see(index, np.full((120, 160, 3), index, np.uint8), face)
    recorder.close()
    return recorder.takes


def test_a_short_gap_is_bridged_by_interpolation_and_marked():
    (take,) = filmed([face_at(0), None, None, None, face_at(8)])
    assert take.indices == [0, 1, 2, 3, 4]
    assert take.seen == [True, False, False, False, True]
    np.testing.assert_allclose(take.landmarks[2], face_at(4), atol=1e-4)


def test_a_longer_gap_ends_the_take_and_belongs_to_none():
    first, second = filmed([None, face_at(0), None, None, None, None, face_at(0), None])
    assert (first.indices, second.indices) == ([1], [6])


def test_a_jump_or_a_change_of_size_ends_the_take():
    takes = filmed([face_at(0), face_at(4), face_at(90), face_at(90, size=80)])
    assert [take.indices for take in takes] == [[0, 1], [2], [3]]


def test_what_is_too_short_for_a_clip_is_never_encoded():
    (take,) = filmed([face_at(0)] * (CONFIG.min_frames - 1))
    assert take.mp4 == b""
    (take,) = filmed([face_at(0)] * CONFIG.min_frames)
    assert len(decode_mp4(take.mp4)) == CONFIG.min_frames


def test_boxes_and_crops_are_those_of_the_whole_take():
    script = [face_at(3 * np.sin(i / 3), 60 + i / 2) for i in range(40)]
    (take,) = filmed(script)
    raw = np.stack([face_box(points, CONFIG.crop) for points in script])
    np.testing.assert_allclose(np.stack(take.boxes), smooth_boxes(raw, CONFIG.crop, 25), atol=1e-3)
    assert take.indices == list(range(40))
    # Every crop comes from its own frame, whose grey is its number; lossy encoding may shift it by one.
    greys = decode_mp4(take.mp4)[:, 32, 32, 0].astype(int)
    assert np.abs(greys - np.arange(40)).max() <= 1


def test_watchers_see_every_frame_once_with_crop_landmarks_and_box_that_agree():
    script = [face_at(0), None, *[face_at(i) for i in range(2, 12)]]
    (take,) = filmed(script)
    views = take.watchers[0].views
    assert [view.index for view in views] == take.indices
    assert [view.seen for view in views] == take.seen
    for view, box, points in zip(views, take.boxes, take.landmarks, strict=True):
        np.testing.assert_array_equal(view.box, box)
        np.testing.assert_array_equal(view.landmarks, to_crop(points, box, 64))
        assert view.frame[0, 0, 0] == view.crop[32, 32, 0] == view.index
