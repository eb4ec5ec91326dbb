"""The flow sensor against the projection of the posed mesh, as it is stored."""

import numpy as np
import pytest

from talkie.shards import decode_field
from talkie.stage import load_shoot
from talkie.stage.film import _watched, film, landmarks_of, scene_of, stage_take
from talkie.stage.sensors.flow import FlowToNext

SHOOT = load_shoot("speech", **{"seed": 4, "cast.people": 5, "rig.size": 96, "sensors": ("flow", "depth")})


@pytest.fixture(scope="module")
def seen():
    take = stage_take(SHOOT, 4, 0)
    short = 12
    cut = take.__class__(
        **{**vars(take), "vertices": take.vertices[:short], "cameras": [_cut(c, short) for c in take.cameras]}
    )
    scene, eye = scene_of(SHOOT, cut), FlowToNext()
    frames = list(_watched(scene, cut, cut.cameras[0], (eye,)))
    return landmarks_of(take)[:short], decode_field("flow.npz", eye.finish()), frames


def _cut(camera, frames):
    return camera.__class__(
        camera.name, camera.K[:frames], camera.R[:frames], camera.t[:frames], camera.width, camera.height
    )


def test_flow_at_the_nose_is_how_its_landmark_moves(seen):
    landmarks, flow, _ = seen
    for k in range(len(flow["displacement"])):
        x, y = landmarks[k, 4, :2]
        got = flow["displacement"][k, int(y), int(x)].astype(float)
        np.testing.assert_allclose(got, landmarks[k + 1, 4, :2] - landmarks[k, 4, :2], atol=0.06)


def test_flow_is_valid_where_somebody_is_and_is_stored_in_steps(seen):
    _, flow, frames = seen
    assert flow["displacement"].dtype == np.float16
    assert len(flow["displacement"]) == len(frames) - 1
    np.testing.assert_array_equal(flow["valid"][0], frames[0].triangle >= 0)
    assert not flow["displacement"][~flow["valid"]].any()
    steps = flow["displacement"].astype(float) * 64
    assert np.abs(steps - np.round(steps)).max() == 0
    assert not (flow["occluded"] & ~flow["valid"]).any()
    assert flow["occluded"].mean() < 0.1


def test_the_flow_member_travels_with_the_clip():
    short = SHOOT.model_copy(update={"script": SHOOT.script.model_copy(update={"texts": ("Yes.",)})})
    take = stage_take(short, 4, 1)
    members, _ = film(short, take, take.performance.audio)
    flow = decode_field("flow.npz", members["flow.npz"])
    assert flow["displacement"].shape == (len(take) - 1, 96, 96, 2)
