"""TalkingGaussian: layer sizes, composition, curricula, what its phases train, and a mouth that opens for sound."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from conformance_clips import conformance_clips
from talkie.clip import FPS
from talkie.errors import BadInput
from talkie.shards.lazy import pictures, planes
from talkie.shards.person import of_person
from talkie.systems import Draw
from talkie.systems.sizes import on_meta
from talkie.systems.tasks.avatars import AvatarRequest, request_of
from talkie_zoo.avatars.talking_gaussian import PAIRS, TalkingGaussian
from talkie_zoo.avatars.talking_gaussian_claims import NEAR_M, excess_inside, lip_correlation, shares
from talkie_zoo.avatars.talking_gaussian_config import MICRO, PAPER, TINY
from talkie_zoo.avatars.talking_gaussian_losses import GREEN, coverage, details, lateness, region_terms, spared_of
from talkie_zoo.avatars.talking_gaussian_networks import Deltas, FaceMotion, Layer, MouthMotion, composed
from talkie_zoo.avatars.talking_gaussian_takes import FACE, HAIR, MOUTH, chosen, face_window, mouth_window, ranks
from talkie_zoo.blocks.gaussians import Gaussians

FIELDS = ("mp4", "flac", "head.npz", "landmarks.npy", "mask.mp4")


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    data = of_person(conformance_clips(tmp_path_factory.mktemp("ann") / "shards"), "ann")
    return [next(iter(data.clips(FIELDS, split))) for split in ("train", "test")]


@pytest.fixture(scope="module")
def system(clips):
    torch.manual_seed(0)
    made = TalkingGaussian(MICRO)
    made.prepare(clips[:1])
    return made.eval()


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def layer(colour, alpha):
    moved = Gaussians(1, 1, 0, torch.zeros(3), 0.1, 0.01).moved()
    return Layer(torch.full((1, 4, 4, 3), colour), torch.full((1, 4, 4), alpha), None, moved, Deltas())


# --- networks -------------------------------------------------------------------------------------------------------


def test_the_paper_preset_has_the_published_layers():
    paper = on_meta(TalkingGaussian, "paper")
    face, mouth = paper.face.motion, paper.mouth.motion
    grid = 36
    assert parameters(face.hears) == grid * 32 + 32 * 32
    assert parameters(face.feels) == grid * 16 + 16 * 6
    assert parameters(face.brows) == 5 * 16 + 16 * 5
    assert parameters(face.moves) == (grid + 32 + 6) * 64 + 64 * 64 + 64 * 11
    assert parameters(mouth) == (grid + 32) * 32 + 32 * 32 + 32 * 3
    assert parameters(paper.face.points) == PAPER.face.capacity * (3 + 3 + 4 + 1 + 9 * 3)


def test_expression_has_no_say_where_its_gate_is_shut():
    torch.manual_seed(0)
    motion = FaceMotion(6, 1e-2, paints=False)
    with torch.no_grad():
        motion.feels[0].weight.zero_()
    places, code = torch.rand(5, 6), torch.rand(1, 32)
    one, two = (motion(places, code, units).changes["shift"] for units in (torch.zeros(1, 6), torch.ones(1, 6)))
    assert torch.equal(one, two)


def test_the_mouth_moves_five_times_less_to_the_side_and_only_moves():
    motion = MouthMotion(6, 1e-2)
    torch.testing.assert_close(motion.reach, torch.tensor([2e-3, 1e-2, 2e-3]))
    assert set(motion(torch.rand(5, 6), torch.rand(2, 32), torch.rand(2, 6)).changes) == {"shift"}


def test_the_face_lies_before_the_mouth_before_the_plate():
    face, mouth, plate = layer(0.3, 0.5), layer(0.2, 0.25), torch.full((4, 4, 3), 0.8)
    wanted = 0.3 + 0.5 * (0.2 + 0.75 * 0.8)
    torch.testing.assert_close(composed(face, mouth, plate), torch.full((1, 4, 4, 3), wanted))
    torch.testing.assert_close(composed(face, None, plate), torch.full((1, 4, 4, 3), 0.3 + 0.5 * 0.8))


# --- losses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("behind", [GREEN, torch.tensor([0.9, 0.2, 0.4])])
def test_a_branch_that_shows_its_region_loses_nothing_whatever_lies_behind_it(behind):
    picture, region = torch.rand(2, 16, 16, 3), torch.zeros(2, 16, 16)
    region[:, 4:12, 4:12] = 1
    region[:, 4, 4:12] = 0.25  # at its edge a pixel is part of the region
    rest, still = layer(0.0, 0.0).moved, Deltas({"shift": torch.zeros(2, 1, 3)})
    own = Layer(picture * region[..., None], region, None, rest, still)
    boxes = torch.tensor([[2, 2, 14, 14], [0, 4, 16, 9]])
    terms = region_terms(MICRO, own, picture, region, behind.expand(2, 3), None, boxes, moving=True, late=1.0)
    assert all(float(term) == pytest.approx(0, abs=1e-6) for term in terms.values())
    assert set(terms) == {"l1", "ssim", "deltas", "mask", "details"}


def test_what_is_spared_costs_nothing():
    picture, region = torch.rand(1, 16, 16, 3), torch.ones(1, 16, 16)
    nothing = Layer(torch.zeros(1, 16, 16, 3), torch.zeros(1, 16, 16), None, layer(0.0, 0.0).moved, Deltas())
    box = torch.tensor([[0, 0, 8, 8]])
    terms = region_terms(MICRO, nothing, picture, region, GREEN[None], region > 0, box, False, 0.0)
    assert float(terms["l1"]) == 0


def test_terms_of_a_batch_are_means_of_those_of_its_frames():
    picture, region = torch.rand(2, 16, 16, 3), torch.rand(2, 16, 16)
    rest = layer(0.0, 0.0).moved
    parts = [torch.rand(2, 16, 16, 3), torch.rand(2, 16, 16), torch.rand(2, 16, 16, 2)]
    changes = {"shift": torch.rand(2, 1, 3), "turn": torch.rand(2, 1, 4)}

    def some(frames):
        return Layer(*(part[frames] for part in parts), rest, Deltas({n: d[frames] for n, d in changes.items()}))

    behind, spared, boxes = torch.rand(2, 3), torch.rand(2, 16, 16) > 0.5, torch.tensor([[2, 3, 9, 14], [0, 4, 16, 9]])
    known = (picture, region, behind, spared, boxes)
    both = region_terms(MICRO, some(slice(2)), *known, moving=True, late=0.5)
    frames = [slice(0, 1), slice(1, 2)]
    alone = [region_terms(MICRO, some(one), *(k[one] for k in known), True, 0.5) for one in frames]
    assert set(both) == {"l1", "ssim", "deltas", "mask", "gates", "details"}
    for name, value in both.items():
        assert float(value) == pytest.approx(float(alone[0][name] + alone[1][name]) / 2, rel=1e-5)


def test_coverage_is_the_mean_of_the_finer_mask_and_the_mouths_run_spares_every_pixel_with_skin():
    size = MICRO.size
    mask = torch.full((2, 2 * size, 2 * size), MOUTH[0], dtype=torch.uint8)
    mask[1, 0, 0] = FACE[0]
    assert coverage(mask, MOUTH, size)[:, 0, :2].tolist() == [[1, 1], [0.75, 1]]
    assert spared_of(MICRO, "mouth", mask, 0, moving=True).nonzero().tolist() == [[1, 0, 0]]
    mask[1, :2, :2] = HAIR
    assert spared_of(MICRO, "face", mask, 1, moving=True).nonzero().tolist() == [[1, 0, 0]]
    assert spared_of(MICRO, "face", mask, MICRO.hair_every, moving=True) is None
    assert spared_of(MICRO, "face", mask, 1, moving=False) is None


def test_details_come_in_at_once_or_little_by_little():
    assert [lateness(done, 0.5, 0.0) for done in (0.0, 0.49, 0.5, 1.0)] == [0, 0, 1, 1]
    assert [lateness(done, 0.5, 0.25) for done in (0.4, 0.5, 0.625, 0.75, 1.0)] == [0, 0, 0.5, 1, 1]
    assert lateness(0.999, 1.0, 0.0) == 0


def test_details_see_only_their_box():
    one = torch.rand(1, 16, 16, 3)
    two = one.clone()
    two[:, :4] = 0
    assert float(details(one, two, torch.tensor([[0, 4, 16, 16]]))) == 0
    assert float(details(one, two, torch.tensor([[0, 0, 16, 16]]))) > 0


def test_green_is_no_skin_and_the_regions_share_no_class():
    assert GREEN.tolist() == [0, 1, 0]
    assert not set(FACE) & set(MOUTH)


def test_another_colour_lies_behind_every_frame_where_it_is_drawn(system, clips):
    draws = [Draw(range(2), np.random.default_rng(seed)) for seed in (0, 1)]
    system.enter("face")
    assert all(torch.equal(system.example(clips[0], draw)["chosen"]["behind"], GREEN) for draw in draws)
    drawn = TalkingGaussian(MICRO.model_copy(update={"backdrop": "drawn"}))
    drawn.prepare(clips[:1])
    drawn.enter("face")
    one, two = (drawn.example(clips[0], draw)["chosen"]["behind"] for draw in draws)
    assert not torch.equal(one, two)
    assert 0 <= float(torch.cat([one, two]).min()) <= float(torch.cat([one, two]).max()) < 1


# --- curricula ------------------------------------------------------------------------------------------------------


def test_the_face_begins_with_closed_lips_passes_to_open_ones_and_then_over_blinks():
    still = TINY.face.still / TINY.face.steps
    assert face_window(TINY, 0.0) == face_window(TINY, 0.9 * still) == ("opening", 0.0, 0.3)
    by, low, high = face_window(TINY, TINY.lips_until - 1e-6)
    assert by == "opening"
    assert 0.65 < low < 0.7
    assert high == low + TINY.window
    assert face_window(TINY, TINY.lips_until + 0.02)[0] == "blink"


def test_the_mouth_begins_wide_open_and_ends_with_all_frames():
    still = TINY.mouth.still / TINY.mouth.steps
    assert mouth_window(TINY, 0.0) == mouth_window(TINY, 0.9 * still) == ("opening", 0.7, 1.0)
    assert mouth_window(TINY, 1.0) == ("opening", 0.0, 1.0)


def test_ranks_are_those_of_the_quantiles_and_spread_ties():
    quantiles = np.linspace(0, 1, 101).tolist()
    np.testing.assert_allclose(ranks(np.array([0.25, 0.5, 0.875]), quantiles), [0.25, 0.5, 0.875], atol=0.011)
    tied = ranks(np.zeros(200), [0.0] * 101)
    assert tied.min() < 0.02
    assert tied.max() > 0.98


def test_a_frame_is_chosen_inside_the_window_or_next_to_it():
    place, usable = np.linspace(0, 1, 11), np.ones(11, bool)
    draw = Draw(range(11), np.random.default_rng(0))
    assert {chosen(place, usable, 0.2, 0.4, draw) for _ in range(60)} == {2, 3, 4}
    usable[2:5] = False
    assert {chosen(place, usable, 0.2, 0.4, draw) for _ in range(60)} == {1, 5}


@pytest.mark.parametrize("every", [1, 4])
def test_a_set_at_rest_sees_closed_lips_alone_and_one_that_moves_the_window_now_and_then(clips, every):
    own = TalkingGaussian(MICRO.model_copy(update={"lips_every": every, "lips_until": 0.9}))
    own.prepare(clips[:1])
    own.enter("face")
    take = own._take(clips[0])
    place = ranks(take.opening, own.known["openings"])

    def share(progress, low, uniform=False):
        draws = [Draw(range(1), np.random.default_rng(seed), progress=progress) for seed in range(1000)]
        picked = place[[own.pick(take, draw, not uniform and own._windowed(draw)) for draw in draws]]
        return np.mean((picked >= low) & (picked <= low + MICRO.window))

    closed, wide = (np.mean((place >= low) & (place <= low + MICRO.window)) for low in (0.0, 0.7))
    assert share(0.0, 0.0) == 1
    assert share(0.0, 0.0, uniform=True) == pytest.approx(closed, abs=0.06)
    assert share(0.9 - 1e-9, 0.7) == pytest.approx(1 / every + (1 - 1 / every) * wide, abs=0.06)


# --- the system -----------------------------------------------------------------------------------------------------


def test_twins_begin_as_the_model_does(clips):
    own = TalkingGaussian(MICRO)
    own.prepare(clips[:1])
    face, mouth, whole = own.face.state_dict(), own.mouth.state_dict(), own.twins["whole"].state_dict()
    for name, twin in (("paint", face), ("uniform_face", face), ("uniform_mouth", mouth)):
        assert all(torch.equal(value, twin[key]) for key, value in own.twins[name].state_dict().items())
    for key, value in whole.items():
        rows = key.startswith("points.") and value.ndim
        assert torch.equal(value, torch.cat([face[key], mouth[key]]) if rows else face[key])


def test_a_twin_without_a_curriculum_sees_the_models_frames_but_for_those_of_the_window(clips):
    own = TalkingGaussian(MICRO)
    own.prepare(clips[:1])
    own.enter("face")
    for seed in range(60):
        draw = Draw(range(1), np.random.default_rng(seed), progress=0.9)
        windowed = own._windowed(Draw(range(1), np.random.default_rng(seed), progress=0.9))
        made = own.example(clips[0], draw)
        same = all(torch.equal(made["chosen"][name], made["any"][name]) for name in made["chosen"])
        assert same or windowed
        assert not (same and windowed)


def test_the_fusion_trains_colours_and_opacities_alone(system):
    fusion = system.phases()[-1]
    for optimiser in fusion.optimisers.values():
        trained = [name for name, _ in system.named_parameters() if optimiser.selects(name)]
        assert trained
        assert {name.split("points.")[-1] for name in trained} <= {"base", "rest", "logits"}


def test_no_parameter_belongs_to_two_roles(system):
    for phase in system.phases():
        names = [n for o in phase.optimisers.values() for n, _ in system.named_parameters() if o.selects(n)]
        assert len(names) == len(set(names))


def test_the_plate_shows_what_lies_beside_the_head(system, clips):
    from talkie.shards.lazy import pictures

    corner = pictures(clips[0], [0], MICRO.size)[0][:3, :3] / 255.0
    torch.testing.assert_close(system.plate[:3, :3], torch.tensor(corner, dtype=torch.float32), atol=0.03, rtol=0)


def test_opacities_and_colours_are_the_same_bits_under_any_speech(system, clips):
    shots = system.shots(request_of(clips[1])).at(slice(3))
    rest, moved = (system.face.layer(shots, still=still).moved for still in (True, False))
    assert torch.equal(rest.opacities, moved.opacities)
    assert torch.equal(rest.harmonics, moved.harmonics)
    assert all(not torch.equal(*pair) for pair in zip(rest.means, moved.means, strict=True))


def test_frames_drawn_together_are_those_drawn_alone(system, clips):
    shots = system.shots(request_of(clips[1])).at(slice(11))
    for role in PAIRS:
        together = system.film(shots, role)
        alone = [system.film(shots.at(slice(n, n + 1)), role) for n in range(len(shots))]
        assert np.abs(together.astype(int) - np.concatenate(alone)).max() <= 1  # a last bit may round the other way
        assert (together != together[:1]).any()


def test_what_shows_the_lower_lip_gives_its_pixels_no_more_than_they_hold(system, clips):
    camera = system.shots(request_of(clips[1])).camera.at(0)
    given = shares(system, camera)
    pixel_m = float(camera.t[2] / camera.K[0, 0])
    assert given.min() >= 0
    assert 0 < given.sum() <= 1.5 * np.pi * (NEAR_M / pixel_m + 1) ** 2


def test_it_answers_every_frame_at_the_trained_size(system, clips):
    answer = system.generate(request_of(clips[1]))
    assert answer.fps == FPS
    assert answer.frames.shape == (clips[1].record.frames, MICRO.size, MICRO.size, 3)


def test_a_request_without_speech_is_refused(system, clips):
    with pytest.raises(BadInput, match="speech"):
        system.generate(AvatarRequest(clips[1].fields["head.npz"]))


def test_claims_are_measured(system, clips):
    for claim in system.claims():
        if claim.name in ("motion over rest", "speech moves the lip", "structure persists", "branches are apart"):
            assert np.isfinite(claim.measure(clips[1:]).value)


def test_the_order_of_clips_says_nothing_about_the_lips(system, clips):
    one, two = (lip_correlation(system, False, order).value for order in (clips, clips[::-1]))
    assert one == pytest.approx(two, abs=1e-5)


def test_an_error_inside_the_mouth_is_that_of_pixels_that_are_all_mouth(system, clips, monkeypatch):
    held, side = clips[1], MICRO.size
    true = pictures(held, range(held.record.frames), side).astype(float)
    fine = np.isin(planes(held, range(held.record.frames), 2 * side), MOUTH)
    cover = fine.reshape(len(true), side, 2, side, 2).mean((2, 4))
    shades = {"model": 0, "whole": 255}

    def flat(shots, role):
        return np.full((len(shots), side, side, 3), shades[role], np.uint8)

    monkeypatch.setattr(system, "film", flat)

    def more(weights):
        off = {role: (weights[..., None] * np.abs(shade - true)).sum() for role, shade in shades.items()}
        return off["whole"] / off["model"] - 1

    found = excess_inside(system, "whole", [held])
    assert found.value == pytest.approx(more(cover == 1))
    assert found.items == (cover == 1).sum() > 0
    assert found.protocol["with pixels in part lip"] == f"{more(cover):.3f}"
    assert more(cover) != pytest.approx(more(cover == 1))
    assert excess_inside(system, "model", [held]).value == 0
