"""Eyes, lids and angles against closed forms; no picture is needed."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from talkie.clip import HeadTrack
from talkie.curation.draft import Draft
from talkie.curation.labels.picture import picture_annotators
from talkie.curation.labels.picture.eyeballs import eyeballs, lines_of_sight
from talkie.curation.labels.picture.head_pose import head_angles
from talkie.curation.labels.picture.lids import blinks, closure, openness
from talkie.heads import builtin_head
from talkie.heads.builtin import features

K = np.array([[[800.0, 0, 128], [0, 800.0, 128], [0, 0, 1]]])
CENTRE = np.array([[[0.03, -0.01, 1.0], [-0.03, -0.01, 1.0]]])
REACH = np.array([0.0105, 0.0105])


def pixels(points):
    seen = points @ K[0].T
    return seen[..., :2] / seen[..., 2:]


@pytest.mark.parametrize("degrees", [(0, 0), (20, 0), (-25, 10), (5, -20)])
def test_an_iris_on_its_ball_gives_back_the_line_of_sight(degrees):
    look = Rotation.from_euler("yx", degrees, degrees=True).apply([0.0, 0.0, -1.0])
    found = lines_of_sight(CENTRE, REACH, K, pixels(CENTRE + REACH[0] * look))
    np.testing.assert_allclose(found, np.broadcast_to(look, found.shape), atol=1e-6)


def test_an_iris_beside_its_ball_looks_along_the_rim():
    found = lines_of_sight(CENTRE, REACH, K, pixels(CENTRE + np.array([0.02, 0, 0])))
    ray = CENTRE + np.array([0.02, 0, 0])
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1)
    assert (np.abs((found * ray).sum(-1)) < 0.01).all()  # square to the ray
    assert (found[..., 0] > 0.99).all()


def test_eyeballs_of_the_built_in_head_are_spheres_of_its_radius():
    balls = eyeballs(builtin_head(), np.zeros(len(builtin_head().identity_names), np.float32))
    assert balls is not None
    np.testing.assert_allclose(balls.centre, features.EYE_CENTRE * [[1, 1, 1], [-1, 1, 1]], atol=3e-4)
    # The iris lies under the cornea, which stands out by a millimetre or so.
    np.testing.assert_allclose(balls.reach, features.EYE_RADIUS_M, atol=0.0015)


def landmarks_with_lids(heights):
    """(T, 478, 3) whose eyes are 10 wide and as high as given (T,)."""
    points = np.zeros((len(heights), 478, 3), np.float32)
    for (outer, inner), upper, lower in (((263, 362), (385, 386, 387), (380, 374, 373)),
                                         ((33, 133), (158, 159, 160), (153, 145, 144))):  # fmt: skip
        points[:, outer, 0], points[:, inner, 0] = 0, 10
        points[:, list(upper), 1] = np.array(heights)[:, None]
        points[:, list(lower), 1] = 0
    return points


def test_openness_is_height_over_width():
    np.testing.assert_allclose(openness(landmarks_with_lids([3.0, 1.5])), [[0.3, 0.3], [0.15, 0.15]])


def test_closure_runs_from_the_eyes_own_open_state_to_shut():
    course = np.full((100, 1), 0.3)
    course[50] = 0.22 * 0.3
    course[60] = 0.5 * (1 + 0.22) * 0.3
    found = closure(course)[:, 0]
    assert found[0] == pytest.approx(0)
    assert found[50] == pytest.approx(1)
    assert found[60] == pytest.approx(0.5)


def test_lids_that_follow_a_lowered_gaze_are_not_shut():
    course = np.full((200, 1), 0.3)
    course[100:] = 0.22
    assert closure(course)[150, 0] == pytest.approx(0, abs=1e-9)
    assert closure(course, local=False)[150, 0] > 0.2


def test_a_blink_lasts_from_its_first_movement_to_its_last_and_closed_eyes_are_none():
    shut = np.zeros(80)
    shut[10:16] = [0.3, 0.8, 1, 0.7, 0.3, 0.1]
    shut[30:32] = 0.4  # a flutter
    shut[40:70] = 1.0  # asleep
    assert np.flatnonzero(blinks(shut)).tolist() == [10, 11, 12, 13, 14]


def still_head(rotation, neck=(0, 0, 0)):
    model, three = builtin_head(), np.zeros((4, 3), np.float32)
    return HeadTrack(
        identity=np.zeros(len(model.identity_names), np.float32),
        expression=np.zeros((4, len(model.expression_names)), np.float32),
        jaw=three,
        neck=three + np.array(neck, np.float32),
        left_eye=three,
        right_eye=three,
        rotation=three + np.array(rotation, np.float32),
        translation=three,
        K=np.repeat(K, 4, 0),
        R=np.diag([1.0, -1, -1]),
        t=np.array([0, 0, 1.0]),
        residual=np.zeros(4, np.float32),
        model=model.name,
    )


def test_angles_are_named_by_what_the_head_does():
    """About y a turn takes the face to the person's left, about x downwards, about z its crown to the right."""
    for axis, name in enumerate(("pitch", "yaw", "roll")):
        turn = np.zeros(3)
        turn[axis] = np.radians(20)
        expected = {"yaw": [20, 0, 0], "pitch": [0, 20, 0], "roll": [0, 0, 20]}[name]
        np.testing.assert_allclose(head_angles(still_head(turn))[0], expected, atol=1e-4)
        np.testing.assert_allclose(head_angles(still_head((0, 0, 0), turn))[0], expected, atol=1e-4)


def draft(head=None, frames=4):
    landmarks, boxes = np.zeros((frames, 478, 3), np.float32), np.tile([0.0, 0.0, 64.0], (frames, 1))
    return Draft(0, 64, landmarks, boxes, np.ones(frames, bool), (64, 64), head=head)


@pytest.mark.parametrize("name", ["gaze", "head_pose", "action_units"])
def test_without_a_head_nothing_is_found_and_nothing_raised(name):
    kind = picture_annotators()[name]
    annotator = kind() if name == "head_pose" else kind(builtin_head())
    found = annotator.start().finish(draft())
    assert not found.fields
    assert not found.scores


@pytest.mark.parametrize("name", sorted(picture_annotators()))
def test_every_annotator_names_its_fields_tool_and_licence(name):
    from talkie.clip import FIELDS
    from talkie.licences import licence_of

    kind = picture_annotators()[name]
    assert kind.name == name
    assert set(kind.fields) <= set(FIELDS)
    assert kind.fields or kind.scores
    assert licence_of(kind.licence).name == kind.licence
