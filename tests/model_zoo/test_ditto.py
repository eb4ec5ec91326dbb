"""Ditto against its card: published sizes, keypoints as the stage has them, phases, controls and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from conformance_clips import conformance_clips
from talkie.errors import BadConfig, BadInput, NoFace
from talkie.heads import builtin_head
from talkie.systems import Draw, load_system, make_config
from talkie.systems.sizes import on_meta, parameter_count
from talkie.systems.tasks.speech_to_video import request_of
from talkie_zoo.blocks.implicit_keypoints import EYES, KEYPOINTS, LIPS, MOTION, PARTS, Pose, rotation
from talkie_zoo.speech_to_video.ditto_claims import nose_between_eyes
from talkie_zoo.speech_to_video.ditto_conditions import EMOTIONS, GAZE, OPEN, ROW
from talkie_zoo.speech_to_video.ditto_examples import eyes_exchanged
from talkie_zoo.speech_to_video.ditto_renderer import FILE, load_renderer, read_losses, regions
from talkie_zoo.speech_to_video.ditto_source import Source, registered
from talkie_zoo.speech_to_video.ditto_targets import aperture, eyes, mirrored_eyes, places, truth

FIELDS = ("mp4", "flac", "head.npz", "landmarks.npy")


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    data = conformance_clips(tmp_path_factory.mktemp("ditto") / "shards")
    return list(data.clips(FIELDS, "train"))


@pytest.fixture(scope="module")
def system(clips):
    torch.manual_seed(0)
    cls = load_system("ditto")
    made = cls(make_config(cls, "micro", {}))
    made.prepare(clips)
    made.enter("features")
    made.fit("features", clips)
    # A decoder that answers nothing but zero would hide every difference.
    torch.nn.init.normal_(made.renderer.stitching.layers[-1].weight, std=1e-3)
    return made.eval()


def test_published_sizes():
    paper = on_meta(load_system("ditto"), "paper")
    # LivePortrait's own table, in millions; the transformer is 192 MB of fp32, HuBERT-large 316 M.
    published = {"extractor": 28.12, "appearance": 0.84, "warper": 45.53, "decoder": 55.37}
    for name, millions in published.items():
        assert parameter_count(paper, f"renderer.{name}.") / 1e6 == pytest.approx(millions, abs=0.01)
    assert parameter_count(paper, "dit.") * 4 / 1e6 == pytest.approx(192, rel=0.01)
    assert parameter_count(paper, "hearing.") / 1e6 == pytest.approx(316, rel=0.01)
    assert paper.hearing.width + ROW == 1103


def test_the_stages_own_motion_puts_the_keypoints_on_the_landmarks(clips):
    clip = clips[0]
    box = np.array([0.0, 0.0, 64.0])
    found = truth(builtin_head(), clip, range(10), box)
    x = Pose(found["scale"], found["angles"], found["t"], found["exp"]).keypoints(found["kp"])
    seen = places(clip.fields["landmarks.npy"][:10], box)[:, 13]
    assert torch.allclose(x[:, 14, :2], seen[:, :2], atol=1e-5)
    assert torch.allclose(x, found["x"], atol=1e-5)
    # The tone clips' heads look into the camera and move nothing but the mouth.
    assert found["angles"].abs().max() < 0.1
    moved = (found["exp"] - found["exp"][:1]).abs().amax((0, 2))
    assert moved[14] + moved[17] > 10 * moved[[0, 1, 2, 3, 4, 5]].max()


def test_lips_and_eyes_are_the_published_keypoints_and_stand_apart():
    assert LIPS == (6, 12, 14, 17, 19, 20)
    assert EYES == (11, 13, 15, 16, 18)


def test_eyes_are_read_as_lid_heights_and_displaced_irises():
    points = torch.zeros(1, 478, 3)
    points[0, 33], points[0, 133] = torch.tensor([0.0, 0, 0]), torch.tensor([2.0, 0, 0])
    points[0, 362], points[0, 263] = torch.tensor([4.0, 0, 0]), torch.tensor([6.0, 0, 0])
    for upper, lower in ((160, 144), (159, 145), (158, 153)):
        points[0, upper, 1], points[0, lower, 1] = -0.5, 0.5
    points[0, 468], points[0, 473] = torch.tensor([1.5, 0, 0]), torch.tensor([5.0, 1, 0])
    openness, gaze = eyes(points)
    assert openness[0].tolist() == [1.5, 0.0]
    assert gaze[0].tolist() == [0.25, 0, 0, 0, 0.5, 0]
    openness, gaze = mirrored_eyes(openness, gaze)
    assert openness[0].tolist() == [0.0, 1.5]
    assert gaze[0].tolist() == [0, 0.5, 0, -0.25, 0, 0]


def test_the_opening_is_the_distance_of_the_inner_lips_over_the_corners():
    x = torch.zeros(1, 21, 3)
    x[0, 6, 0], x[0, 12, 0], x[0, 14, 1], x[0, 17, 1] = -1.0, 1.0, -0.2, 0.3
    assert aperture(x).item() == pytest.approx(0.25)


def test_reading_the_truth_costs_nothing_but_the_bins(clips):
    true = truth(builtin_head(), clips[0], range(2), np.array([0.0, 0.0, 64.0]))
    motion = torch.full((2, 265), -30.0)
    motion[:, 0:1] = true["scale"] - 1
    for axis in range(3):
        # Two neighbouring bins whose mean is the angle.
        place = (true["angles"][:, axis] + 97.5) / 3
        low = place.floor().long()
        rows = torch.arange(2)
        motion[rows, 1 + 66 * axis + low] = torch.log1p(low - place)
        motion[rows, 1 + 66 * axis + low + 1] = torch.log(place - low)
    motion[:, 199:202], motion[:, 202:] = true["t"], true["exp"].flatten(1)
    found = read_losses(motion, true["kp"], true)
    assert found["keypoints"] < 1e-3
    assert found["guidance"] < 1e-3
    assert found["bins"] > 0


def test_pixels_at_the_lips_count_more():
    x = torch.full((1, 21, 3), -5.0)
    x[0, 14] = torch.tensor([0.0, 0.5, 0.0])
    weights = regions(x, 16)[0, 0]
    assert weights[0, 0] == pytest.approx(1.0, abs=1e-3)
    assert weights[11:13, 7:9].min() > 4


def test_a_rendered_face_fades_into_the_portrait():
    portrait = np.full((40, 40, 3), 50, np.uint8)
    laid = Source(portrait, np.array([8.0, 8.0, 16.0]), None).laid(np.full((32, 32, 3), 250, np.uint8))
    assert (laid[:8] == 50).all()
    assert (laid[14:18, 14:18] == 250).all()
    assert 50 < laid[8, 16, 0] < 250


def test_a_portrait_without_a_face_is_refused():
    with pytest.raises(NoFace, match="no face in the portrait"):
        registered(np.full((64, 64, 3), 128, np.uint8))


def test_each_phase_trains_its_own_part_and_leaves_the_others_as_in_use(system):
    names = [phase.name for phase in system.phases()]
    assert names == ["extractor", "mouth", "renderer", "stitching", "features", "motion"]
    system.enter("motion")
    system.train()
    assert system.dit.training
    assert not system.renderer.training
    system.enter("renderer")
    assert system.renderer.training
    assert not system.dit.training
    system.eval()
    trained = {p.name: {n for o in p.optimisers.values() for n, _ in system.named_parameters() if o.selects(n)}
               for p in system.phases()}  # fmt: skip
    assert all(name.startswith("dit.") for name in trained["motion"])
    assert all(name.startswith("renderer.stitching.") for name in trained["stitching"])
    assert all(name.startswith("renderer.extractor.") for name in trained["extractor"])
    assert all(name.startswith("renderer.mouth.") for name in trained["mouth"])
    assert not trained["renderer"] & (trained["stitching"] | trained["extractor"] | trained["mouth"])


def test_a_renderer_that_is_given_is_taken_as_it_is(system, tmp_path):
    from safetensors.torch import save_file

    cls = load_system("ditto")
    save_file(system.renderer.state_dict(), tmp_path / FILE)
    other = cls(make_config(cls, "micro", {"renderer": str(tmp_path)}))
    assert [phase.name for phase in other.phases()] == ["features", "motion"]
    other.restore(system.constants)
    load_renderer(other.renderer, str(tmp_path))
    for name, tensor in system.renderer.state_dict().items():
        assert torch.equal(other.renderer.state_dict()[name], tensor)
    with pytest.raises(BadConfig, match="renderer"):
        load_renderer(other.renderer, str(tmp_path / "nowhere"))
    save_file({"foreign": torch.zeros(1)}, tmp_path / FILE)
    with pytest.raises(BadConfig, match="do not fit"):
        load_renderer(other.renderer, str(tmp_path))


def test_the_mirrored_clip_turns_the_other_way(system, clips):
    found = system.example(clips[0], Draw.whole(clips[0]))
    assert found["motion"].shape == (2, 30, 265)
    assert torch.equal(found["openness"][1], found["openness"][0].flip(1))
    batch = system.collate([found, found])
    assert batch["motion"].shape == (2, 12, 265)
    assert batch["rows"].shape[-1] == system.hearing.width + ROW


def _asked(clip, **controls):
    return replace(request_of(clip), controls=controls)


def test_a_turn_that_is_asked_for_is_made_and_moves_nothing_else(system, clips):
    plain = system.generate(_asked(clips[0]))
    turned = system.generate(_asked(clips[0], delta_yaw=10.0, delta_pitch=np.linspace(0, 3, 30)))
    gained = turned.tracks["motion"] - plain.tracks["motion"]
    assert gained[:, 2] == pytest.approx(10.0, abs=1e-4)
    assert gained[:, 1] == pytest.approx(np.linspace(0, 3, 30), abs=1e-4)
    assert (gained[:, [0, 3, 4, 5, 6]] == 0).all()
    assert (gained[:, 7:] == 0).all()


def test_only_the_keypoints_that_follow_move(system, clips):
    exp = system.generate(_asked(clips[0], follows="lips")).tracks["motion"][:, 7:].reshape(-1, 21, 3)
    moved = np.abs(exp - exp[:1]).max((0, 2)) > 0
    assert np.flatnonzero(moved).tolist() == sorted(LIPS)
    still = system.generate(_asked(clips[0], follows="none", alpha_pose=0.0)).tracks["motion"]
    assert (still == still[:1]).all()


def test_emotion_eyes_and_seed_change_the_motion_and_equal_ones_do_not(system, clips):
    plain = system.generate(_asked(clips[0])).tracks["motion"]
    for other in ({"emotion": "happy"}, {"eye_open": 0.2}, {"guidance": 1.0}):
        assert np.abs(system.generate(_asked(clips[0], **other)).tracks["motion"] - plain).max() > 0
    assert np.array_equal(system.generate(_asked(clips[0])).tracks["motion"], plain)
    reseeded = system.generate(replace(_asked(clips[0]), seed=1)).tracks["motion"]
    assert np.abs(reseeded - plain).max() > 0


def test_an_expression_goes_twice_as_far_where_that_is_asked_for(system, clips):
    plain, twice = (system.generate(_asked(clips[0], alpha_exp=a)).tracks["motion"] for a in (1.0, 2.0))
    assert np.array_equal(twice[:, :7], plain[:, :7])
    assert twice[:, 7:] - twice[:1, 7:] == pytest.approx(2 * (plain[:, 7:] - plain[:1, 7:]), abs=1e-6)


def test_without_noise_an_answer_does_not_depend_on_the_seed(system, clips, monkeypatch):
    monkeypatch.setattr(system, "config", system.config.model_copy(update={"temperature": 0.0}))
    first, second = (system.generate(replace(_asked(clips[0]), seed=seed)) for seed in (0, 1))
    assert np.array_equal(first.frames, second.frames)
    assert np.array_equal(first.tracks["motion"], second.tracks["motion"])


def test_what_cannot_be_asked_for_is_refused(system, clips):
    for wrong in ({"zoom": 1}, {"emotion": "furious"}, {"follows": "ears"}, {"delta_yaw": "left"}, {"windows": "none"}):
        with pytest.raises(BadInput, match=next(iter(wrong))):
            system.generate(_asked(clips[0], **wrong))


def test_an_emotion_that_is_not_known_is_refused_before_training(clips):
    cls = load_system("ditto")
    record = clips[0].record.model_copy(update={"labels": {"emotion": "hangry"}})
    with pytest.raises(BadInput, match="hangry"):
        cls(make_config(cls, "micro", {})).prepare([replace(clips[0], record=record)])


def test_claims_measure_and_those_of_the_method_itself_hold_untrained(system, clips):
    found = {claim.name: (claim, claim.measure(clips[:2])) for claim in system.claims()}
    assert all(np.isfinite(measured.value) for _, measured in found.values())
    for name in ("online is offline", "early", "yaw", "yaw alone"):
        claim, measured = found[name]
        assert claim.holds(measured), (name, measured.value)


def test_a_window_takes_over_the_eyes_of_another_and_nothing_else():
    torch.manual_seed(0)
    sound, frames, count = 7, 3, 8
    given = (torch.rand(count, MOTION), torch.rand(count, frames, MOTION), torch.rand(count, frames, sound + ROW))
    mixed = eyes_exchanged(*given, share=1.0)
    lids = torch.zeros(MOTION, dtype=torch.bool)
    lids[PARTS["exp"]] = torch.isin(torch.arange(KEYPOINTS), torch.tensor(EYES)).repeat_interleave(3)
    said = torch.zeros(sound + ROW, dtype=torch.bool)
    said[sound + len(EMOTIONS) : sound + len(EMOTIONS) + OPEN + GAZE] = True
    donors = [int(((given[1] - window)[..., lids].abs().amax((1, 2)) == 0).nonzero()) for window in mixed[1]]
    assert sorted(donors) == list(range(count)) != donors
    for before, after, moved in zip(given, mixed, (lids, lids, said), strict=True):
        assert after[..., ~moved].equal(before[..., ~moved])
        assert after[..., moved].equal(before[donors][..., moved])
    assert all(a.equal(b) for a, b in zip(given, eyes_exchanged(*given, share=0.0), strict=True))


def test_a_turn_is_seen_by_where_the_nose_stands_between_the_eyes():
    points = np.zeros((1, 68, 3), np.float32)
    points[0, [36, 45, 30]] = [[-1, 0, 0], [1, 0, 0], [0, 0.3, -0.8]]
    for yaw in (-20.0, 0.0, 10.0):
        turned = points @ rotation(torch.tensor([0.0, yaw, 0.0])).numpy()
        assert nose_between_eyes(turned) == pytest.approx([-0.4 * np.tan(np.radians(yaw))], abs=1e-6)
