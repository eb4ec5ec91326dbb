"""DaGAN: published sizes, what depth reaches, the two stages, relative motion, and its claims on made-up answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from conformance_clips import conformance_clips
from talkie.errors import BadInput, NoFace, NotADataset
from talkie.systems.sizes import on_meta, parameter_count
from talkie.systems.tasks.checks import clip_pictures
from talkie.systems.tasks.reenactment import ReenactmentRequest
from talkie_zoo.blocks.best_frame import best_frame
from talkie_zoo.blocks.view_synthesis import Camera
from talkie_zoo.reenactment.dagan import DaGAN
from talkie_zoo.reenactment.dagan_claims import aligned_error, claims, constant_prior, radial_prior
from talkie_zoo.reenactment.dagan_config import DaGANConfig
from talkie_zoo.reenactment.dagan_training import depth_losses


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return conformance_clips(tmp_path_factory.mktemp("dagan") / "shards")


@pytest.fixture(scope="module")
def system():
    torch.manual_seed(0)
    made = DaGAN(DaGAN.presets["micro"])
    made.restore({})
    return made.eval()


def moving(count: int, size: int = 64, seed: int = 0) -> np.ndarray:
    """A bright square that goes right, on noise."""
    frames = np.random.default_rng(seed).integers(0, 80, (1, size, size, 3), np.uint8).repeat(count, 0)
    for number, frame in enumerate(frames):
        frame[20:40, 8 + 3 * number : 28 + 3 * number] = 220
    return frames


def test_the_published_parts_have_the_published_sizes():
    """Millions. First-order motion model: 14.21 M in its detector, to which depth adds a channel, and 45.57 M in motion
    and generator; Monodepth2 with ResNet-50: 32.5 M; the rest from the layers that the card lists."""
    paper = on_meta(DaGAN, "paper")
    parts = {
        ("reenactor.detector.",): 14.21,
        ("reenactor.motion.", "reenactor.generator."): 45.57,
        ("depth.",): 32.52,
        ("perceptual.",): 12.94,
        ("critic.",): 2.77,
    }
    for prefixes, published in parts.items():
        count = sum(parameter_count(paper, prefix) for prefix in prefixes) / 1e6
        assert count == pytest.approx(published, rel=0.01), prefixes


def test_the_encoder_of_depth_and_the_attention_are_the_cards():
    paper = on_meta(DaGAN, "paper")
    attention = 2 * (256 * 32 + 32) + 256 * 256 + 256 + 1
    assert parameter_count(paper, "reenactor.attention.") == attention


def test_depth_reaches_points_and_picture_and_not_those_of_the_twin(system):
    picture, flat, steep = torch.rand(1, 3, 64, 64), torch.zeros(1, 1, 64, 64), torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        ours = [system.reenactor.points(picture, d).place for d in (flat, steep)]
        twins = [system.twin_reenactor.points(picture, d).place for d in (flat, steep)]
    assert not torch.equal(*ours)
    assert torch.equal(*twins)


def test_where_depth_weighs_nothing_the_twin_begins_as_its_other(system):
    picture, other = torch.rand(2, 1, 3, 64, 64)
    flat = torch.zeros(1, 1, 64, 64)
    with torch.no_grad():
        ours, twins = (
            r(picture, flat, r.points(picture, flat), r.points(other, flat)).picture
            for r in (system.reenactor, system.twin_reenactor)
        )
    torch.testing.assert_close(ours, twins)


def test_a_wrong_motion_costs_nothing_only_where_the_least_error_counts():
    """Frames in which nothing moves, and a motion of a fifth of the depth: `least` is content with them unwarped."""
    torch.manual_seed(0)
    still = torch.rand(1, 1, 3, 16, 16).expand(-1, 3, -1, -1, -1)
    way = torch.tensor([[0.04, 0.0, 0.0]], requires_grad=True)
    camera = Camera(torch.tensor([[16.0, 16.0]]), torch.tensor([[8.0, 8.0]]))

    def slope(least: bool) -> float:
        found = depth_losses(
            lambda x: [torch.full((1, 1, 16, 16), 0.5)], lambda a, b: (torch.eye(3)[None], way, camera), still, least
        )
        return float(torch.autograd.grad(found["photometric"], way)[0].abs().sum())

    assert slope(least=True) == 0
    assert slope(least=False) > 0.1


def test_the_least_error_counts_from_its_share_of_the_first_stage_on(system):
    frames = torch.rand(2, 3, 3, 64, 64)
    whole, least = (
        float(system({"frames": frames, "step": step, "steps": 10}, "depth", "depth")["photometric"].detach())
        for step in (6, 7)
    )
    assert least < whole


def test_the_second_stage_leaves_depth_as_it_is(system):
    system.enter("gan")
    system.train()
    before = {k: v.clone() for k, v in system.depth.state_dict().items()}
    found = system({"frames": torch.rand(2, 2, 3, 64, 64)}, "gan", "generator")
    torch.stack(list(found.values())).sum().backward()
    after = system.depth.state_dict()
    assert all(torch.equal(v, after[k]) for k, v in before.items())
    assert all(p.grad is None for p in system.depth.parameters())
    trained = next(iter(system.phases()[1].optimisers.values()))
    assert not any(trained.selects(f"depth.{n}") for n, _ in system.depth.named_parameters())
    system.zero_grad()
    system.eval()


def test_the_critic_is_shown_what_the_generator_made_and_sends_nothing_back(system):
    batch = {"frames": torch.rand(2, 2, 3, 64, 64)}
    system(batch, "gan", "generator")
    made = batch["_made"].picture
    assert not made.requires_grad
    assert made.shape == (2, 3, 64, 64)
    torch.stack(list(system(batch, "gan", "discriminator").values())).sum().backward()
    assert all(p.grad is None for p in system.reenactor.parameters())
    system.zero_grad()


def test_a_driver_at_rest_leaves_the_sources_points_where_they_are(system):
    source, still = moving(1, seed=1), moving(1, seed=2).repeat(3, 0)
    answer = system.generate(ReenactmentRequest(source, still, relative=True))
    alone = system.generate(ReenactmentRequest(source, source))
    np.testing.assert_allclose(answer.tracks["keypoints"], alone.tracks["keypoints"].repeat(3, 0), atol=1e-3)
    assert answer.tracks["depth"].shape == (3, 64, 64)
    assert answer.frames.shape == (3, 64, 64, 3)


def test_scaling_by_the_faces_is_a_control_of_relative_motion(system):
    asked = {"sources": moving(1, seed=1), "driving": moving(4), "relative": True}
    scaled, plain = (
        system.generate(ReenactmentRequest(**asked, controls={"adapt_scale": on})).tracks["keypoints"]
        for on in (True, False)
    )
    ways = [k[-1] - k[0] for k in (scaled, plain)]
    factor = (ways[0] * ways[1]).sum() / (ways[1] ** 2).sum()
    np.testing.assert_allclose(ways[0], factor * ways[1], atol=1e-3)
    assert factor != pytest.approx(1.0, abs=1e-3)


def test_how_a_driver_is_cut_into_pieces_changes_nothing(system, monkeypatch):
    request = ReenactmentRequest(moving(1), moving(7), relative=True)
    whole = system.generate(request).frames
    monkeypatch.setattr("talkie_zoo.reenactment.dagan._TOGETHER", 3)
    assert np.abs(whole.astype(int) - system.generate(request).frames).max() <= 1


def test_relative_motion_begins_at_the_anchor(system):
    """There the answer has the source's own points."""
    request = ReenactmentRequest(moving(1, seed=1), moving(4), relative=True, controls={"anchor": 2})
    own = system.generate(ReenactmentRequest(request.sources, request.sources)).tracks["keypoints"][0]
    np.testing.assert_allclose(system.generate(request).tracks["keypoints"][2], own, atol=1e-3)


@pytest.mark.parametrize(
    ("controls", "says"),
    [({"smile": 1}, "adapt_scale"), ({"anchor": 9}, "no frame 9"), ({"anchor": "best"}, "no face")],
)
def test_what_cannot_be_done_is_refused_by_name(system, controls, says):
    with pytest.raises((BadInput, NoFace), match=says):
        system.generate(ReenactmentRequest(moving(1), moving(1), relative=True, controls=controls))


def test_the_best_frame_is_that_which_looks_as_the_source_does(data):
    frames = clip_pictures(next(iter(data.clips(("mp4",), "train"))))
    assert best_frame(frames[12], frames[[0, 6, 12, 18]]) == 2


@pytest.mark.parametrize(("clips", "error"), [([], NotADataset), ("short", BadInput)])
def test_what_cannot_be_trained_on_is_refused(data, clips, error):
    found = list(data.clips(("mp4",), "train")) if clips else []
    with pytest.raises(error):
        DaGAN(DaGANConfig(neighbour=20)).prepare(found)


def test_sizes_that_do_not_divide_are_refused_by_name():
    with pytest.raises(ValidationError, match="motion_depth"):
        DaGANConfig(size=96, motion_depth=5, detector_depth=1, downs=1, perceptual_scales=1)


# --- claims ---------------------------------------------------------------------------------------------------------


def test_alignment_forgives_scale_and_shift_and_nothing_else():
    true = np.array([1.0, 1.1, 1.3, 1.2])
    assert aligned_error(7 * true - 3, true) == pytest.approx(0, abs=1e-12)
    assert aligned_error(constant_prior(np.ones((2, 2), bool)), true) == pytest.approx(
        np.mean(np.abs(true.mean() - true) / true)
    )


def test_the_radial_prior_is_exact_on_a_paraboloid():
    row, column = np.mgrid[:20, :30]
    seen = np.hypot(row - 10, column - 15) < 8
    bowl = 1 + 0.002 * ((row - 10) ** 2 + (column - 15) ** 2)
    assert aligned_error(radial_prior(seen), bowl[seen]) < 0.002
    assert aligned_error(radial_prior(seen), bowl[seen]) < 0.1 * aligned_error(constant_prior(seen), bowl[seen])


def test_an_untrained_system_is_measured_and_misses_what_it_must(system, data):
    clips = list(data.clips(("mp4", "head.npz"), "test"))
    found = {claim.name: (claim.measure(clips), claim) for claim in claims(system)}
    assert set(found) >= {"depth", "view synthesis", "reenactment", "equivariance", "attention", "depth helps"}
    assert all(np.isfinite(measured.value) for measured, _ in found.values())
    for name in ("attention", "reenactment"):
        measured, claim = found[name]
        assert not claim.holds(measured), name


def test_a_system_without_the_twin_does_not_claim_against_it():
    alone = DaGAN(DaGAN.presets["micro"].model_copy(update={"ablation": False}))
    alone.restore({})
    assert "depth helps" not in {claim.name for claim in alone.claims()}
