"""Labels of the filmed picture against the stage's truth: one short take, as curation meets it."""

import numpy as np
import pytest
from picture_bed import annotate, degrees_between, iou_by_class, short_take

from talkie.curation.labels.picture import picture_annotators
from talkie.curation.labels.picture.head_pose import head_angles
from talkie.heads import AU_NAMES, builtin_head
from talkie.media import decode_plane

EVERY = picture_annotators()


@pytest.fixture(scope="module")
def take():
    return short_take()


@pytest.fixture(scope="module")
def gaze(take):
    return annotate(EVERY["gaze"](builtin_head()), take)[0].fields["gaze.npz"]


def test_gaze_has_the_stages_arrays_and_says_how_sure_it_is(take, gaze):
    truth = take.truth["gaze.npz"]
    assert set(gaze) == {"centre", "direction", "direction_camera", "closure", "blink", "confidence"}
    assert all(gaze[name].shape == truth[name].shape for name in set(gaze) - {"confidence"})
    assert gaze["confidence"].shape == (len(take.frames),)
    assert 0 <= gaze["confidence"].min() <= gaze["confidence"].max() <= 1
    np.testing.assert_allclose(np.linalg.norm(gaze["direction_camera"], axis=-1), 1, atol=1e-5)


def test_eyes_are_found_to_look_where_they_look(take, gaze):
    """Within 6 degrees in the middle: what appearance-based estimators reach across data sets is 4 to 10."""
    open_eyes = take.truth["gaze.npz"]["closure"] < 0.2
    away = degrees_between(gaze["direction_camera"], take.truth["gaze.npz"]["direction_camera"])[open_eyes]
    assert np.median(away) < 6


def test_a_blink_is_seen_where_it_is(take, gaze):
    truth = take.truth["gaze.npz"]
    assert truth["closure"].max() > 0.9  # the take has one
    assert np.corrcoef(truth["closure"], gaze["closure"])[0, 1] > 0.9
    assert (gaze["blink"] & truth["blink"]).sum() > 0.6 * truth["blink"].sum()
    assert not gaze["blink"][~truth["blink"]].mean() > 0.05


def test_the_heads_angles_are_found_within_four_degrees(take):
    found, truth = head_angles(take.draft.head), head_angles(take.truth["head.npz"])
    assert (np.abs(found - truth).mean(0) < 4).all()
    scores = annotate(EVERY["head_pose"](), take)[0].scores
    assert scores["yaw_median"] == pytest.approx(np.median(truth[:, 0]), abs=4)


def test_action_units_have_the_stages_names_and_follow_what_shows_well(take):
    found = annotate(EVERY["action_units"](builtin_head()), take)[0].fields["action_units.npz"]
    truth = take.truth["action_units.npz"]
    assert tuple(found["name"]) == tuple(truth["name"]) == AU_NAMES
    assert found["intensity"].shape == found["confidence"].shape == truth["intensity"].shape
    blink = AU_NAMES.index("AU45L")
    assert np.corrcoef(found["intensity"][:, blink], truth["intensity"][:, blink])[0, 1] > 0.7


def test_the_matte_covers_the_person_and_nothing_else(take):
    found = annotate(EVERY["matte"](), take)[0]
    planes = decode_plane(found.fields["matte.mp4"])
    assert planes.shape == take.truth["matte.mp4"].shape
    ours, theirs = planes > 127, take.truth["matte.mp4"] > 127
    assert (ours & theirs).sum() / (ours | theirs).sum() > 0.95
    assert 0 <= found.scores["matte_doubt"] < 0.2


def test_regions_lie_where_the_renderer_drew_them(take):
    found = annotate(EVERY["regions"](builtin_head()), take)[0]
    planes = decode_plane(found.fields["mask.mp4"])
    assert planes.shape == take.truth["mask.mp4"].shape
    iou = iou_by_class(planes, take.truth["mask.mp4"])
    assert iou["background"] > 0.95
    assert iou["skin"] > 0.75
    assert iou["lips"] > 0.5
    assert 0 <= found.scores["mask_doubt"] <= 1
