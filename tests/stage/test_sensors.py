"""Sensors against closed forms: bodies at rest, turning and falling; points on surfaces; eyes that point."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from talkie.clip import FPS
from talkie.heads import builtin_head
from talkie.stage.rig import around, frontal
from talkie.stage.sensors.gaze import record_gaze
from talkie.stage.sensors.imu import POINTS, RATE_HZ, SILENT, ImuNoise, attach, record_imu
from talkie.stage.sensors.scan import ScanNoise, record_scan

FRAMES = 26


@pytest.fixture(scope="module")
def model():
    return builtin_head()


@pytest.fixture(scope="module")
def rest(model):
    return model.template.numpy().astype(float)


def test_a_sensor_at_rest_feels_gravity_upwards_and_no_turn(model, rest):
    imu = record_imu(model, np.repeat(rest[None], FRAMES, 0), np.random.default_rng(0), SILENT)
    assert imu["acceleration"].shape == (len(imu["time_s"]), len(POINTS), 3)
    world = np.stack([Rotation.from_quat(q[:, [1, 2, 3, 0]]).apply(a) for q, a in
                      zip(imu["orientation_true"], imu["acceleration"], strict=True)])  # fmt: skip
    np.testing.assert_allclose(world, np.broadcast_to([0, 9.81, 0], world.shape), atol=5e-3)
    assert np.abs(imu["angular_rate"]).max() < 1e-3


def test_a_turning_head_shows_its_rate_and_the_centripetal_pull(model, rest):
    rate = 1.5
    turns = Rotation.from_rotvec(np.arange(FRAMES)[:, None] / FPS * rate * np.array([0, 1.0, 0]))
    vertices = np.stack([t.apply(rest) for t in turns])
    imu = record_imu(model, vertices, np.random.default_rng(0), SILENT)
    middle = slice(15, -15)
    np.testing.assert_allclose(np.linalg.norm(imu["angular_rate"][middle], axis=-1), rate, rtol=2e-3)
    radius = np.linalg.norm(imu["position_true"][middle][..., [0, 2]], axis=-1)
    flat = np.sqrt(np.maximum((imu["acceleration"][middle].astype(float) ** 2).sum(-1) - 9.81**2, 0))
    np.testing.assert_allclose(flat, rate**2 * radius, rtol=0.08, atol=0.03)


def test_a_falling_head_is_weightless(model, rest):
    times = np.arange(FRAMES) / FPS
    vertices = rest[None] + (-0.5 * 9.81 * times**2)[:, None, None] * np.array([0, 1.0, 0])
    imu = record_imu(model, vertices, np.random.default_rng(0), SILENT)
    assert np.abs(imu["acceleration"]).max() < 0.02


def test_noise_has_the_density_of_the_data_sheet_and_the_rate_is_kept(model, rest):
    vertices = np.repeat(rest[None], 250, 0)
    noise = ImuNoise(accelerometer_walk=0, gyroscope_walk=0, dropout=0)
    imu = record_imu(model, vertices, np.random.default_rng(3), noise)
    std = (imu["acceleration"] - imu["acceleration"].mean(0)).std()
    assert std == pytest.approx(noise.accelerometer * np.sqrt(RATE_HZ / 2), rel=0.1)
    np.testing.assert_allclose(np.diff(imu["time_s"]), 1 / RATE_HZ)


def test_lost_samples_are_marked_and_glue_wanders_by_what_it_says(model):
    triangles = np.stack([attach(model, np.random.default_rng(s), 0.004)[0] for s in range(6)])
    assert (triangles != triangles[0]).any()
    rest = model.template.numpy()[model.faces.numpy()[triangles]].mean(2)
    assert 0.001 < np.linalg.norm(rest - rest.mean(0), axis=-1).mean() < 0.01


def test_scan_points_lie_on_the_surface_but_for_their_noise_and_holes_are_empty(model, rest):
    centres = np.stack([around(1.0, yaw, 0.0) for yaw in (-0.7, 0.0, 0.7)])
    scan = record_scan(model, rest[None], centres, np.random.default_rng(0), ScanNoise(outliers=0.0, noise_m=2e-4))
    corners = rest[model.faces.numpy()[scan["triangle"][0]]]
    on_surface = (corners * scan["barycentric"][0][..., None]).sum(1)
    away = np.linalg.norm(scan["points"][0] - on_surface, axis=1)
    assert away.mean() == pytest.approx(2e-4 * np.sqrt(2 / np.pi), rel=0.1)
    from_hole = np.linalg.norm(on_surface[:, None] - scan["hole_centre"][0], axis=-1)
    # Holes drop whole triangles whose middle lies inside: half a long edge may stand over the rim.
    assert (from_hole > scan["hole_radius"] - 0.006).all()


def test_scan_points_see_only_what_faces_a_scanner(model, rest):
    scan = record_scan(model, rest[None], around(1.0, 0.0, 0.0)[None], np.random.default_rng(0), ScanNoise(outliers=0))
    assert (scan["points"][0][:, 2] > -0.06).all()


def test_eyes_point_where_they_were_turned(model):
    turn = torch.tensor([[0.0, 0.2, 0.0], [0.15, 0.0, 0.0]])
    vertices = model.vertices(left_eye=turn, right_eye=turn).numpy().astype(float)
    gaze = record_gaze(model, vertices, frontal((128, 128), 1.0, 300.0, 2))
    rest = record_gaze(model, model.template[None].numpy().astype(float), frontal((128, 128), 1.0, 300.0, 1))
    wanted = np.stack([Rotation.from_rotvec(t).apply(rest["direction"][0]) for t in turn.numpy()])
    np.testing.assert_allclose(gaze["direction"], wanted, atol=2e-3)
    # The cornea stands out of the sphere, and pulls its fitted centre along by less than a tenth of a millimetre.
    np.testing.assert_allclose(gaze["centre"][0], rest["centre"][0], atol=1e-4)
    np.testing.assert_allclose(gaze["direction_camera"][0, :, 2], -gaze["direction"][0, :, 2], atol=1e-6)
