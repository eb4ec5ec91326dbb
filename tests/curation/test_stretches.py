"""How footage is cut where the face is lost, jumps or goes on for too long."""

from __future__ import annotations

import numpy as np
import pytest

from talkie.curation import stretches
from talkie.curation.config import CurateConfig
from talkie.curation.stretches import Coverage, cut, face_frames
from talkie.faces import Recipe, face_box, smooth_boxes


def face_at(x: float, y: float = 60.0, size: float = 40.0) -> np.ndarray:
    points = np.random.default_rng(0).uniform(0, 1, (478, 3)).astype(np.float32) * size
    points[0], points[1] = (0, 0, 0), (size, size, 0)
    return points + np.array([x, y, 0], np.float32)


@pytest.fixture
def walk(monkeypatch):
    """face_frames over a scripted tracker: one entry a frame, landmarks or None."""

    def run(script: list[np.ndarray | None], config: CurateConfig):
        class Scripted:
            def __init__(self, *_):
                self.answers = iter(script)

            def __enter__(self):
                return self

            def __exit__(self, *_):
                return None

            def track(self, frame):
                return next(self.answers)

        monkeypatch.setattr(stretches, "FaceTracker", Scripted)
        frames = ((i, i / 25, np.full((120, 160, 3), i, np.uint8)) for i in range(len(script)))
        coverage = Coverage()
        return face_frames(frames, config, coverage), coverage

    return run


CONFIG = CurateConfig(max_gap_frames=3, crop=Recipe(size=64, smooth_s=0.1))


def test_a_short_gap_is_bridged_by_interpolation_and_marked(walk):
    stream, coverage = walk([face_at(0), None, None, None, face_at(8)], CONFIG)
    items = list(stream)
    assert [item.stretch for item in items] == [1] * 5
    assert [item.seen for item in items] == [True, False, False, False, True]
    np.testing.assert_allclose(items[2].landmarks, face_at(4), atol=1e-4)
    assert coverage.lost == []
    assert coverage.frames == 5


def test_a_longer_gap_ends_the_stretch_and_is_accounted_for(walk):
    stream, coverage = walk([None, face_at(0), None, None, None, None, face_at(0), None], CONFIG)
    assert [(item.stretch, item.index) for item in stream] == [(1, 1), (2, 6)]
    assert coverage.lost == [0, 2, 3, 4, 5, 7]


def test_a_jump_or_a_change_of_size_is_a_cut(walk):
    stream, _ = walk([face_at(0), face_at(4), face_at(90), face_at(90, size=80)], CONFIG)
    assert [item.stretch for item in stream] == [1, 1, 2, 3]


def test_no_clip_is_longer_than_the_limit(walk):
    config = CurateConfig(min_clip_s=0.2, max_clip_s=0.4, crop=Recipe(size=64))
    stream, coverage = walk([face_at(i / 10) for i in range(25)], config)
    numbers = [item.stretch for item in stream]
    assert [numbers.count(n) for n in (1, 2, 3)] == [10, 10, 5]
    assert coverage.lost == []


def test_the_stream_of_crops_has_the_boxes_of_the_whole_stretch(walk):
    script = [face_at(3 * np.sin(i / 3), 60 + i / 2) for i in range(40)]
    stream, _ = walk(script, CONFIG)
    ((stretch, crops),) = [(s, list(c)) for s, c in cut(stream, CONFIG)]
    raw = np.stack([face_box(points, CONFIG.crop) for points in script])
    np.testing.assert_allclose(np.stack(stretch.boxes), smooth_boxes(raw, CONFIG.crop, 25), atol=1e-3)
    assert stretch.indices == list(range(40))
    # Every crop comes from its own frame, whose grey is its number.
    assert [int(crop[32, 32, 0]) for crop in crops] == list(range(40))
