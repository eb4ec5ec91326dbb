"""Frames become scenes: one shot, one window of the owner's records, no transition, no longer than a clip may be."""

from __future__ import annotations

import numpy as np
import pytest

from talkie.curation.record import Box, SourceRecord
from talkie.curation.scenes import Coverage, scenes
from talkie.curation.shots import ShotFrame
from talkie.curation.windows import Window, record_of, windows

WHOLE = [Window(0, None, (0,))]


def stream(shots: list[int], transitions: tuple[int, ...] = ()):
    frame = np.zeros((2, 2, 3), np.uint8)
    return (ShotFrame(shot, i in transitions, i, i / 25, frame) for i, shot in enumerate(shots))


def indices(shots, found=WHOLE, most=1000, transitions=()):
    coverage = Coverage()
    return [[i for i, _ in scene] for _, scene in scenes(stream(shots, transitions), found, most, coverage)], coverage


def test_each_shot_is_a_scene():
    found, coverage = indices([0] * 3 + [1] * 2 + [2])
    assert found == [[0, 1, 2], [3, 4], [5]]
    assert (coverage.frames, coverage.shots) == (6, 3)


def test_a_transition_belongs_to_no_scene_and_is_accounted_for():
    found, coverage = indices([0, 0, 0, 1, 1, 1], transitions=(2, 3))
    assert found == [[0, 1], [4, 5]]
    assert coverage.transitions == [2, 3]
    assert coverage.frames == 6


def test_a_long_shot_is_cut_from_its_own_beginning():
    found, _ = indices([0] * 3 + [1] * 7, most=3)
    assert found == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]


def test_what_no_window_holds_is_in_no_scene_and_reading_stops_after_the_last():
    frames = stream([0] * 20)
    coverage = Coverage()
    spans = [Window(2, 4, (0,)), Window(4, 6, (0, 1)), Window(9, 11, (1,))]
    found = [(window, [i for i, _ in scene]) for window, scene in scenes(frames, spans, 100, coverage)]
    assert [span for _, span in found] == [[2, 3], [4, 5], [9, 10]]
    assert [window for window, _ in found] == spans
    assert coverage.frames == 6
    assert next(frames).index == 12


def test_windows_lie_between_all_edges_of_the_spans():
    records = [
        SourceRecord(uri="a", start_s=1.0, end_s=3.0),
        SourceRecord(uri="a", start_s=2.0, end_s=4.0),
        SourceRecord(uri="a", start_s=6.0),
    ]
    assert windows(records) == [
        Window(25, 50, (0,)),
        Window(50, 75, (0, 1)),
        Window(75, 100, (1,)),
        Window(150, None, (2,)),
    ]
    assert windows([SourceRecord(uri="a")]) == [Window(0, None, (0,))]


@pytest.mark.parametrize(("x", "number"), [(20.0, 1), (80.0, 2), (55.0, 0), (95.0, 2)])
def test_a_person_is_the_one_whose_box_is_around_the_face(x, number):
    records = [
        SourceRecord(uri="a"),
        SourceRecord(uri="a", box=Box(left=0, top=0, right=0.5, bottom=1)),
        SourceRecord(uri="a", box=Box(left=1200, top=0, right=2000, bottom=1000, width=2000, height=1000)),
    ]
    faces = np.full((5, 478, 3), (x, 40.0, 0.0))
    assert record_of(records, Window(0, None, (0, 1, 2)), faces, (100, 100)) == number


def test_a_person_outside_of_all_boxes_is_nobodys():
    records = [SourceRecord(uri="a", box=Box(left=0, top=0, right=0.5, bottom=1))]
    assert record_of(records, Window(0, None, (0,)), np.full((5, 478, 3), 80.0), (100, 100)) is None
