"""Talking heads on real footage have no boundaries: a head that turns is no dissolve."""

from __future__ import annotations

import pytest

from talkie.curation.shots import ShotSettings, shots
from talkie.media import read_video

ONE_SHOT = (
    "weekly_address_a.mp4",
    "weekly_address_b.mp4",
    "silent_256.mp4",
    "interview_30fps.mp4",
    "interview_vfr.mp4",
)


@pytest.mark.clips
@pytest.mark.parametrize("name", ONE_SHOT)
def test_a_talking_head_is_one_shot_without_transitions(clips, name):
    found = [(frame.shot, frame.transition) for frame in shots(read_video(clips / name), ShotSettings())]
    assert {shot for shot, _ in found} == {found[0][0]}
    assert not any(transition for _, transition in found)
