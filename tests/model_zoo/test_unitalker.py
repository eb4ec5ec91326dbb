"""UniTalker against its card: heads, losses, pivot, windows, and that it learns a mouth from a sound."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
import torch

from talkie.clip import FPS
from talkie.errors import BadConfig, BadInput, MissingExtra
from talkie.evaluation.metrics.motion import MotionMasks, clip_errors, measure_motion
from talkie.evaluation.protocols import offsets
from talkie.heads import builtin_head
from talkie.shards import open_dataset
from talkie.systems import Draw, SpeechToMotionRequest, load_system, make_config
from talkie.systems.tasks.speech_to_motion import mean_motion, request_of, truth_of
from talkie_zoo.blocks.batches import assigned
from talkie_zoo.speech_to_motion.unitalker_heads import offsets_of
from tone_clips import tone_clip, tone_dataset

NEEDS = ("flac", "head.npz")
SMALL = {"channels": 32, "audio_channels": 32, "audio_layers": 1, "style": 4, "basis_vertices": 60}


def build(clips, **overrides):
    torch.manual_seed(0)
    cls = load_system("unitalker")
    system = cls(make_config(cls, "tiny", {**SMALL, **overrides}))
    system.prepare(clips)
    return system


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return open_dataset(tone_dataset(tmp_path_factory.mktemp("tones"), train=18, test=4))


@pytest.fixture(scope="module")
def train(dataset):
    return list(dataset.clips(NEEDS, "train"))


@pytest.fixture
def system(train):
    return build(train).eval()


@pytest.fixture(scope="module")
def trained(train):
    """A minute of training would be better; these seconds are enough to tell a mouth from a mean."""
    system = build(train, dropout=0.0).train()
    examples = [system.example(c, Draw.whole(c)) for c in train]
    optimiser = torch.optim.Adam(system.parameters(), lr=4e-3)
    draw = np.random.default_rng(0)
    for _ in range(120):
        batch = system.collate([examples[i] for i in draw.choice(len(examples), 9, replace=False)])
        optimiser.zero_grad()
        torch.stack(list(system(batch, "joint", "model").values())).sum().backward()
        optimiser.step()
    return system.eval()


def test_the_identity_table_has_a_row_for_everybody_and_the_pivot(system):
    assert system.identities == ["ann", "bea", "cid"]
    assert system.style.weight.shape[0] == 4
    assert system.pivot == 3


def test_an_untrained_system_answers_the_template(system):
    motion = system.generate(SpeechToMotionRequest(np.ones(6400, np.float32) * 0.1))
    assert motion.expression.shape == (10, 52)
    assert not motion.expression.any()
    assert not motion.jaw.any()


def test_the_arkit_rec_term_of_the_template_is_one(train):
    # rec is divided by the mean square of the training motion; clips of one length weigh their frames equally.
    equal = [c for c in train if c.record.frames == 40]
    system = build(equal, shares={"arkit": 1.0}, arkit_weight=0.0).eval()
    losses = system(system.collate([system.example(c, Draw.whole(c)) for c in equal]), "joint", "model")
    assert float(losses["arkit/vertices"].detach()) == pytest.approx(1, rel=1e-4)


def test_the_mesh_rec_term_is_the_mean_square_error_over_vertices(train):
    system = build(train, shares={"arkit": 0.5, "vertices": 0.5}, pca=2).eval()
    head = system.heads["vertices"]
    torch.nn.init.normal_(head.out.weight, std=0.3)
    clip = next(c for c in train if assigned(c.id, system.config.shares) == "vertices")
    hidden = torch.randn(1, clip.record.frames, system.config.channels)
    with torch.no_grad():
        losses = head.losses(hidden, head.target(clip)[None], torch.ones(1, clip.record.frames, dtype=bool))
        guess = head.offsets(head(hidden[0]))
        truth = offsets_of(head.model, clip.fields["head.npz"], "vertices")
    expected = (guess - truth).square().mean() / head.power
    assert float(losses["vertices"]) == pytest.approx(float(expected), rel=1e-3)


def test_a_batch_scores_the_mean_of_its_clips_whatever_their_lengths(system, train):
    for head in system.heads.values():
        torch.nn.init.normal_(head.out.weight, std=0.05)
    examples = [system.example(c, Draw.whole(c)) for c in train[:5]]
    with torch.no_grad():
        whole = sum(system(system.collate(examples), "joint", "model").values())
        single = [sum(system(system.collate([e]), "joint", "model").values()) for e in examples]
    assert float(whole) == pytest.approx(float(sum(single) / 5), rel=1e-4)


def test_the_warm_up_leaves_the_audio_encoder_alone(system):
    warm, joint = system.phases()
    names = [n for n, _ in system.named_parameters()]
    frozen = [n for n in names if not warm.optimisers["model"].selects(n)]
    assert frozen == [n for n in names if n.startswith("encoder.")]
    assert all(joint.optimisers["model"].selects(n) for n in names)


def test_targets_do_not_depend_on_where_the_head_is(train, system):
    clip = train[0]
    track = clip.fields["head.npz"]
    moved = replace(track, rotation=track.rotation + 0.3, translation=track.translation + 1, neck=track.neck + 0.2)
    head = builtin_head()
    torch.testing.assert_close(offsets_of(head, track, "vertices"), offsets_of(head, moved, "vertices"))


@pytest.mark.parametrize(("convention", "points"), [("vertices", None), ("landmarks", 478), ("decimated", 600)])
def test_a_mesh_convention_answers_offsets_beside_the_coefficients(system, convention, points):
    points = points or builtin_head().vertices(jaw=torch.zeros(1, 3)).shape[1]
    motion = system.generate(SpeechToMotionRequest(np.zeros(6400, np.float32), convention=convention))
    offsets = motion.landmarks if convention == "landmarks" else motion.vertices
    assert offsets.shape == (10, points, 3)
    assert motion.expression.shape == (10, 52)


def test_long_audio_goes_through_windows(train):
    system = build(train, window_s=1.0, overlap_s=0.2).eval()
    audio = np.random.default_rng(0).normal(0, 0.1, 16_000 * 4).astype(np.float32)
    assert len(system.generate(SpeechToMotionRequest(audio))) == 4 * FPS


def test_training_sees_a_stretch_of_a_long_clip_with_its_own_sound(train):
    system = build(train, crop_s=0.4).eval()
    example = system.example(train[0], Draw.whole(train[0]))
    rows = system.encoder.rows_per_frame
    assert len(example["audio"]) == rows * len(example["target"])
    batch = system.collate([example])
    assert batch["frames"].tolist() == [10]
    starts = [s for s in range(len(example["target"]) - 9) if torch.equal(
        batch["audio"][0], example["audio"][rows * s : rows * (s + 10)]
    )]  # fmt: skip
    assert torch.equal(batch[f"target/{example['convention']}"][0], example["target"][starts[0] : starts[0] + 10])


@pytest.mark.parametrize("wrong", [{"shares": {"vertices": 1.0}}, {"window_s": 5.0, "overlap_s": 5.0}])
def test_settings_that_contradict_each_other_are_refused(train, wrong):
    with pytest.raises(BadConfig):
        build(train, **wrong)


def test_an_unknown_identity_names_the_nearest(system):
    with pytest.raises(BadInput, match="did you mean 'ann'"):
        system.generate(SpeechToMotionRequest(np.zeros(6400, np.float32), identity="anne"))


def test_a_convention_without_a_head_is_refused(train):
    system = build(train, shares={"arkit": 1.0}).eval()
    with pytest.raises(BadInput, match="landmarks"):
        system.generate(SpeechToMotionRequest(np.zeros(6400, np.float32), convention="landmarks"))


def test_clips_of_another_head_model_are_refused(train):
    track = replace(train[0].fields["head.npz"], model="somebody-elses-head")
    stranger = replace(train[0], fields={**train[0].fields, "head.npz": track})
    with pytest.raises(BadInput, match="somebody-elses-head"):
        build([stranger])
    with pytest.raises(BadInput, match="several head models"):
        build([stranger, train[1]])


@pytest.mark.skipif(importlib.util.find_spec("transformers") is not None, reason="transformers is installed")
def test_the_paper_preset_names_what_it_lacks(train):
    cls = load_system("unitalker")
    with pytest.raises(MissingExtra, match="pip install transformers"):
        cls(cls.presets["paper"]).prepare(train)


def test_it_learns_the_mouth_from_the_sound_of_strangers(trained, dataset):
    head = builtin_head()
    masks = MotionMasks.of(head)
    baseline = mean_motion(dataset.clips(("head.npz",), "train"))
    errors = {"model": [], "mean": []}
    for clip in dataset.clips(NEEDS, "test"):
        identity = clip.fields["head.npz"].identity
        truth = offsets(head, identity, truth_of(clip))
        for name, source in (("model", trained), ("mean", baseline)):
            errors[name].append(clip_errors(truth, offsets(head, identity, source.generate(request_of(clip))), masks))
    assert (
        measure_motion("lve", errors["model"], masks).value < 0.6 * measure_motion("lve", errors["mean"], masks).value
    )


def test_its_claims_are_measured_on_held_out_clips(trained, dataset):
    clips = list(dataset.clips(NEEDS, "test"))
    measured = {claim.name: (claim, claim.measure(clips)) for claim in trained.claims()}
    meshes = ("vertices", "landmarks", "decimated")
    heads = {f"{name} head" for name in ("arkit", *meshes)}
    assert set(measured) == {"pivot", "agreement", *heads, *(f"{name} PCA" for name in meshes)}
    # The tones move the face in one direction only, which any component keeps.
    for name in ("agreement", *(f"{name} PCA" for name in meshes)):
        claim, measurement = measured[name]
        assert claim.holds(measurement), (name, measurement.value)
        assert measurement.protocol["clips"] == "4"


def test_a_clip_that_is_shorter_than_a_window_of_the_decoder_still_trains(train):
    system = build([*train, tone_clip(7, frames=5).decode(NEEDS)]).train()
    short = system.example(tone := tone_clip(7, frames=5).decode(NEEDS), Draw.whole(tone))
    total = torch.stack(list(system(system.collate([short]), "joint", "model").values())).sum()
    total.backward()
    assert torch.isfinite(total)
