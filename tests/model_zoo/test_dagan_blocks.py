"""The blocks of the keypoint family and of depth from video: closed forms, other implementations, published sizes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from conformance_clips import conformance_clips
from talkie.errors import MissingField
from talkie.heads import builtin_head, project_landmarks
from talkie_zoo.blocks.augment import shaken, square
from talkie_zoo.blocks.cross_attention_2d import CrossAttention2d
from talkie_zoo.blocks.dense_motion import DenseMotion, Motion, local_motions
from talkie_zoo.blocks.depth_net import DepthNet, EgoMotionNet
from talkie_zoo.blocks.head_views import head_views
from talkie_zoo.blocks.hourglass import Hourglass
from talkie_zoo.blocks.keypoints import KeypointDetector, Keypoints, crowding, equivariance, inverse
from talkie_zoo.blocks.motion_transfer import hull_scale, relative
from talkie_zoo.blocks.patch_critic import PatchCritic, critic_loss, feature_matching, generator_loss
from talkie_zoo.blocks.perceptual import Perceptual
from talkie_zoo.blocks.plane import gaussians, grid, resized, shrunk, warp
from talkie_zoo.blocks.resnet import ResNetEncoder
from talkie_zoo.blocks.thin_plate import ThinPlate
from talkie_zoo.blocks.view_synthesis import (
    Camera,
    back_projected,
    depth_of,
    least_reprojection,
    photometric,
    projected,
    smoothness,
    synthesised,
)
from talkie_zoo.blocks.warp import WarpGenerator


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def some_points(count: int = 4, batch: int = 2) -> Keypoints:
    jacobian = torch.eye(2) + 0.2 * torch.randn(batch, count, 2, 2)
    return Keypoints(torch.rand(batch, count, 2) - 0.5, jacobian)


def parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


# --- the plane ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_shrinking_moves_no_place(factor):
    """A picture of its own coordinates stays one, away from the border."""
    ramp = grid(32, 32, torch.zeros(1)).permute(2, 0, 1)[None]
    edge = 8 // factor
    wanted = grid(32 // factor, 32 // factor, ramp).permute(2, 0, 1)
    got = shrunk(ramp, factor)[0]
    torch.testing.assert_close(got[:, edge:-edge, edge:-edge], wanted[:, edge:-edge, edge:-edge], atol=1e-5, rtol=0)


def test_warping_by_the_grid_changes_nothing_and_by_a_moved_grid_moves():
    picture = torch.rand(1, 3, 16, 16)
    places = grid(16, 16, picture)[None]
    torch.testing.assert_close(warp(picture, places), picture)
    right = places + torch.tensor([2 / 16, 0.0])  # one pixel: a place shows its neighbour to the right
    torch.testing.assert_close(warp(picture, right)[..., :-1], picture[..., 1:], atol=1e-5, rtol=0)
    torch.testing.assert_close(resized(picture, 16, 16), picture)


def test_a_gaussian_is_one_at_its_point_and_exp_minus_half_a_deviation_away():
    heat = gaussians(torch.tensor([[[1 / 20, 1 / 20]]]), 20, 20, variance=0.01)[0, 0]
    assert heat[10, 10] == pytest.approx(1.0, abs=1e-5)
    assert heat[10, 11] == pytest.approx(math.exp(-0.5), abs=1e-4)  # a pixel is 0.1, the deviation


# --- deformations and points ----------------------------------------------------------------------------------------


def test_the_jacobian_of_a_thin_plate_is_what_autograd_says():
    bent = ThinPlate.draw(1, torch.zeros(1, dtype=torch.float64), affine=0.1, bend=0.05)
    for place in torch.rand(5, 2, dtype=torch.float64) - 0.5:
        wanted = torch.autograd.functional.jacobian(lambda z: bent.coordinates(z.view(1, 1, 2)).view(2), place)
        torch.testing.assert_close(bent.jacobian(place.view(1, 1, 2))[0, 0], wanted)


def test_equivariance_is_zero_for_points_that_follow_and_the_distance_for_those_that_stay():
    bent = ThinPlate.draw(2, torch.zeros(1), affine=0.1, bend=0.01)
    seen = some_points()
    true = Keypoints(bent.coordinates(seen.place), bent.jacobian(seen.place) @ seen.jacobian)
    place, jacobian = equivariance(true, seen, bent)
    assert float(place) == pytest.approx(0, abs=1e-6)
    assert float(jacobian) == pytest.approx(0, abs=1e-4)
    moved = Keypoints(true.place + 0.25, true.jacobian)
    assert float(equivariance(moved, seen, bent)[0]) == pytest.approx(0.25, abs=1e-6)


def test_inverses_are_lapacks_and_a_degenerate_matrix_gives_finite_numbers():
    matrices = some_points().jacobian
    torch.testing.assert_close(inverse(matrices), torch.linalg.inv(matrices))
    assert torch.isfinite(inverse(torch.zeros(2, 2))).all()


def test_crowding_counts_how_much_nearer_than_a_fifth_pairs_are_and_pushes_them_apart():
    place = torch.tensor([[[0.0, 0.0], [0.15, 0.0], [0.0, 0.9]]], requires_grad=True)
    cost = crowding(place)
    assert float(cost.detach()) == pytest.approx(0.05 / 3, abs=1e-6)
    (slope,) = torch.autograd.grad(cost, place)
    assert float(slope[0, 1, 0]) < 0 < float(slope[0, 0, 0])
    assert float(slope[0, 2].abs().sum()) == 0


def test_a_detector_begins_with_identity_jacobians_and_finds_points_inside_the_picture():
    detector = KeypointDetector(4, 5, 8, 2, 32, shrink=2).eval()
    points = detector(torch.rand(2, 4, 64, 64))
    assert points.place.shape == (2, 5, 2)
    assert float(points.place.detach().abs().max()) < 1
    torch.testing.assert_close(points.jacobian, torch.eye(2).expand(2, 5, 2, 2))


def test_where_one_place_alone_is_hot_the_point_is_there():
    detector = KeypointDetector(1, 1, 4, 1, 8, shrink=1, temperature=1e-3).eval()
    with torch.no_grad():
        detector.heat.weight.zero_()
        detector.heat.weight[0, -1, 3, 3] = 1.0  # the hourglass's last channel is its input
    picture = torch.zeros(1, 1, 32, 32)
    picture[0, 0, 9, 20] = 1.0
    torch.testing.assert_close(detector(picture).place[0, 0], grid(32, 32, picture)[9, 20], atol=1e-4, rtol=0)


# --- motion ---------------------------------------------------------------------------------------------------------


def test_local_motions_are_the_first_order_formula_and_the_background_stands_still():
    places, source, driving = grid(8, 8, torch.zeros(1)), some_points(), some_points()
    found = local_motions(places, source, driving)
    torch.testing.assert_close(found[:, 0], places.expand(2, -1, -1, -1))
    b, k, z = 1, 2, places[3, 5]
    wanted = source.place[b, k] + source.jacobian[b, k] @ torch.linalg.inv(driving.jacobian[b, k]) @ (
        z - driving.place[b, k]
    )
    torch.testing.assert_close(found[b, k + 1, 3, 5], wanted)


def test_points_that_have_not_moved_give_the_still_flow():
    motion = DenseMotion(4, 8, 2, 32, shrink=2).eval()
    points = some_points()
    found = motion(torch.rand(2, 3, 32, 32), points, points)
    torch.testing.assert_close(found.flow, grid(16, 16, found.flow).expand(2, -1, -1, -1), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.masks.sum(1), torch.ones(2, 16, 16))
    assert found.occlusion.shape == (2, 1, 16, 16)


def test_a_generator_gives_pictures_of_the_sources_size_and_lets_features_be_changed():
    motion = DenseMotion(4, 8, 2, 32, shrink=4)(torch.rand(2, 3, 64, 64), some_points(), some_points())
    generator, seen = WarpGenerator(8, 2, 32, 1), []
    made = generator(torch.rand(2, 3, 64, 64), motion, lambda x: seen.append(x.shape) or x)
    assert made.shape == (2, 3, 64, 64)
    assert seen == [(2, generator.channels, 16, 16)]


def test_blended_pictures_show_the_warped_source_where_it_shows_what_is_asked():
    source, generator = torch.rand(1, 3, 32, 32), WarpGenerator(8, 1, 16, 1, blend=True).eval()
    still, seen = grid(16, 16, source)[None], torch.zeros(1, 1, 16, 16)
    seen[..., :8] = 1.0
    with torch.no_grad():
        made = generator(source, Motion(still, seen, seen))
    inside = (..., slice(1, -1), slice(1, 15))  # at the border a flow that is brought to another size stops short
    torch.testing.assert_close(made[inside], source[inside], atol=1e-5, rtol=1e-5)
    assert float((made - source)[..., 17:].abs().mean()) > 0.05


def test_relative_motion_of_a_driver_at_rest_is_the_source_and_scales_with_the_face():
    source, first = some_points(batch=1), some_points(batch=1)
    rest = relative(source, first, first, 2.0)
    torch.testing.assert_close(rest.place, source.place)
    torch.testing.assert_close(rest.jacobian, source.jacobian, atol=1e-4, rtol=1e-4)
    moved = relative(source, first, Keypoints(first.place + 0.1, first.jacobian), 2.0)
    torch.testing.assert_close(moved.place, source.place + 0.2)
    assert hull_scale(3 * first.place[0], first.place[0]) == pytest.approx(3, rel=1e-4)


def test_attention_begins_as_nothing_and_is_the_textbook_formula():
    block, x, guide = CrossAttention2d(16, 8), torch.rand(2, 16, 4, 4), torch.rand(2, 8, 4, 4)
    torch.testing.assert_close(block(x, guide), x)
    torch.nn.init.constant_(block.gamma, 0.5)
    q, k, v = (torch.relu(m(y)).flatten(2) for m, y in ((block.query, guide), (block.key, x), (block.value, x)))
    share = torch.softmax(q.transpose(1, 2) @ k, -1)
    wanted = x + 0.5 * (v @ share.transpose(1, 2)).reshape(x.shape)
    torch.testing.assert_close(block(x, guide), wanted, atol=1e-5, rtol=1e-4)


# --- depth from video -----------------------------------------------------------------------------------------------


def camera(batch: int = 1) -> Camera:
    return Camera(torch.tensor([[50.0, 60.0]]).expand(batch, -1), torch.tensor([[15.0, 17.0]]).expand(batch, -1))


def test_points_that_go_out_and_come_back_are_where_they_were():
    depth = 0.5 + torch.rand(1, 1, 32, 32)
    points = back_projected(depth, camera())
    torch.testing.assert_close(points[..., 2], depth[:, 0])
    torch.testing.assert_close(projected(points, camera(), 32, 32)[0], grid(32, 32, depth), atol=1e-5, rtol=0)


def test_a_wall_seen_from_beside_is_moved_by_focal_length_times_way_over_depth():
    neighbour = torch.rand(1, 3, 32, 32)
    way = torch.tensor([[3 * 2.0 / 50, 0.0, 0.0]])  # three pixels at depth 2
    made = synthesised(neighbour, torch.full((1, 1, 32, 32), 2.0), torch.eye(3)[None], way, camera())
    torch.testing.assert_close(made[..., :-3], neighbour[..., 3:], atol=1e-4, rtol=0)


def test_disparity_runs_from_the_farthest_to_the_nearest_depth():
    torch.testing.assert_close(depth_of(torch.tensor([0.0, 1.0])), torch.tensor([100.0, 0.1]), rtol=1e-5, atol=0)


def test_what_looks_the_same_unwarped_teaches_nothing():
    """Where frame and neighbour agree, the least error is that of the neighbour as it is, and no gradient passes."""
    frame = torch.rand(1, 3, 16, 16)
    made = torch.rand(1, 3, 16, 16, requires_grad=True)
    (slope,) = torch.autograd.grad(least_reprojection(frame, [made], photometric(frame, frame)), made)
    assert float(slope.abs().sum()) == 0
    other = torch.rand(1, 3, 16, 16)
    least = least_reprojection(frame, [other, frame], photometric(frame, other))
    assert float(least) == pytest.approx(0, abs=1e-4)
    assert float(photometric(frame, frame).abs().max()) == pytest.approx(0, abs=1e-5)


def test_smoothness_is_the_slope_over_the_mean_and_forgives_edges():
    ramp = torch.arange(1.0, 9.0).expand(1, 1, 4, 8)
    grey = torch.full((1, 3, 4, 8), 0.5)
    assert float(smoothness(ramp, grey)) == pytest.approx(1 / 4.5, rel=1e-5)
    edges = torch.arange(8.0).expand(1, 3, 4, 8)
    assert float(smoothness(ramp, edges)) == pytest.approx(math.exp(-1) / 4.5, rel=1e-5)


def test_depth_comes_at_four_sizes_and_motion_begins_small():
    found = DepthNet(18, 4, 4)(torch.rand(2, 3, 64, 64))
    assert [tuple(d.shape) for d in found] == [(2, 1, s, s) for s in (64, 32, 16, 8)]
    R, t, seen = EgoMotionNet(18, 4, 8)(torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64))
    torch.testing.assert_close(R @ R.transpose(1, 2), torch.eye(3).expand(2, -1, -1), atol=1e-5, rtol=0)
    assert float((R - torch.eye(3)).detach().abs().max()) < 0.1
    assert float(t.detach().abs().max()) < 0.1
    assert bool((seen.focal > 0).all())


def test_half_of_what_motion_is_told_from_begins_on_the_difference_of_the_pictures():
    network, picture = EgoMotionNet(18, 4, 8), torch.rand(1, 3, 32, 32)
    seen = network.encoder.stem(torch.cat([picture, picture], 1))
    assert float(seen[:, :2].detach().abs().max()) < 1e-5 < float(seen[:, 2:].detach().abs().max())


# --- critics and features -------------------------------------------------------------------------------------------


def test_least_squares_losses_are_zero_where_each_side_has_what_it_wants():
    ones, zeros = torch.ones(2, 1, 3, 3), torch.zeros(2, 1, 3, 3)
    assert float(critic_loss(ones, zeros)) == 0
    assert float(critic_loss(zeros, ones)) == 2
    assert float(generator_loss(ones)) == 0
    half = [torch.full((1, 2), 0.5), torch.zeros(1, 3)]
    assert float(feature_matching(half, [torch.zeros(1, 2), torch.ones(1, 3)])) == 1.5


def test_pictures_alike_are_no_distance_apart_and_more_blur_is_farther():
    network, picture = Perceptual(4, (1, 1, 1, 1), scales=2), torch.rand(1, 3, 64, 64)
    near, far = (resized(resized(picture, side, side), 64, 64) for side in (48, 16))
    assert float(network(picture, picture).detach()) == 0
    assert float(network(picture, near).detach()) < float(network(picture, far).detach())


@pytest.mark.parametrize(
    ("made", "published"),
    [
        (lambda: ResNetEncoder(18), 11_176_512),  # torchvision's, without the last layer
        (lambda: ResNetEncoder(50), 23_508_032),
        (lambda: Perceptual(), 12_944_960),  # VGG-19's convolutions up to conv5_1
        (lambda: Hourglass(3, 32, 5, 1024), 9 * (696_512 + 872_448) + 3 * (1984 + 992)),  # layer by layer
    ],
    ids=["resnet18", "resnet50", "vgg19", "hourglass"],
)
def test_networks_have_the_published_sizes(made, published):
    with torch.device("meta"):
        assert parameters(made()) == pytest.approx(published, rel=2e-3)


def test_a_critic_of_four_blocks_has_the_published_layers():
    with torch.device("meta"):
        critic = PatchCritic(3, 64, 4)
    convolutions = sum(16 * a * b for a, b in ((3, 64), (64, 128), (128, 256), (256, 512))) + 512
    assert parameters(critic) == pytest.approx(convolutions, rel=2e-3)


# --- pictures and truth ---------------------------------------------------------------------------------------------


def test_pictures_that_are_not_square_give_their_middle():
    wide = np.zeros((1, 32, 64, 3), np.uint8)
    wide[:, :, 16:48] = 200
    assert (square(wide, 16) == 200).all()


def test_without_jitter_a_picture_stays_or_is_mirrored():
    frames = np.random.default_rng(0).integers(0, 255, (2, 8, 8, 3), np.uint8)
    true = torch.from_numpy(frames).permute(0, 3, 1, 2) / 255
    for seed in range(4):
        got = shaken(frames, np.random.default_rng(seed), 0.0)
        assert any(torch.allclose(got, x, atol=1e-6) for x in (true, true.flip(-1)))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    data = conformance_clips(tmp_path_factory.mktemp("clips") / "shards")
    return next(iter(data.clips(("mp4", "head.npz"), "test")))


def test_flow_and_depth_of_head_views_are_those_of_the_landmarks(clip):
    """Landmarks take another way through the head model; within a pixel of one, on smooth skin, both agree."""
    size, track = 128, clip.fields["head.npz"]
    before, after = head_views(clip, [0, 20], size)
    way, seen = before.flow_to(after)
    scale = size / 64
    points = project_landmarks(builtin_head(), track)[[0, 20], :, :2] * scale
    column, row = (points[0, :, k].astype(int) for k in (0, 1))
    kept = seen[row, column]
    assert kept.sum() > 100
    off = np.linalg.norm(way[row, column] - (points[1] - points[0]), axis=1)[kept]
    assert np.linalg.norm(points[1] - points[0], axis=1)[kept].mean() > 10 * np.median(off)
    assert np.median(off) < 0.1


def test_a_clip_without_a_head_track_is_named(clip):
    bare = type(clip)(clip.record, {"mp4": clip.fields["mp4"]})
    with pytest.raises(MissingField, match=r"head\.npz"):
        head_views(bare, [0], 32)
