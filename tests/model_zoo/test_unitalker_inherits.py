"""UniTalker trained on: what a model knew it still says, and a convention that it never saw is learnt."""

import numpy as np
import pytest
import torch

from talkie.errors import BadConfig
from talkie.systems import Draw, SpeechToMotionRequest, load_system, make_config
from talkie.systems.tasks.speech_to_motion import request_of
from talkie_zoo.speech_to_motion.unitalker_heads import offsets_of
from tone_clips import tone_clip

SMALL = {"channels": 32, "audio_channels": 32, "audio_layers": 1, "style": 4, "basis_vertices": 60, "dropout": 0.0}
KNOWN = {"arkit": 0.6, "landmarks": 0.4}
WITH_NEW = {"arkit": 0.0, "landmarks": 0.0, "vertices": 1.0}


def clips(seeds, people):
    decoded = [tone_clip(seed, person).decode(("flac", "head.npz")) for seed, person in zip(seeds, people, strict=True)]
    return list(decoded)


def build(data, **overrides):
    torch.manual_seed(0)
    cls = load_system("unitalker")
    system = cls(make_config(cls, "tiny", {**SMALL, **overrides}))
    system.prepare(data)
    return system


def fit(system, data, phase, steps, rate=4e-3):
    """Steps of Adam on what the phase trains."""
    examples = [system.example(clip, Draw.whole(clip)) for clip in data]
    selects = system.phases()[-1].optimisers["model"].selects
    for name, parameter in system.named_parameters():
        parameter.requires_grad_(selects(name))
    optimiser = torch.optim.Adam([p for p in system.parameters() if p.requires_grad], lr=rate)
    system.enter(phase)
    system.train()
    for _ in range(steps):
        optimiser.zero_grad()
        torch.stack(list(system(system.collate(examples), phase, "model").values())).sum().backward()
        optimiser.step()
    return system.eval()


@pytest.fixture(scope="module")
def old():
    data = clips(range(8), ["ann", "bea"] * 4)
    return fit(build(data, shares=KNOWN), data, "joint", 60)


@pytest.fixture(scope="module")
def new_data():
    return clips(range(20, 28), ["ann", "cat"] * 4)


def answer(system, clip, identity=None, convention="arkit"):
    asked = request_of(clip)
    return system.generate(SpeechToMotionRequest(asked.audio, identity=identity, convention=convention))


def test_what_the_model_knew_it_still_says_bit_for_bit(old, new_data):
    new = build(new_data, shares=WITH_NEW)
    new.inherit(old)
    for identity in (None, "ann"):
        before, after = (answer(system, new_data[0], identity, "landmarks") for system in (old, new))
        assert np.array_equal(before.expression, after.expression)
        assert np.array_equal(before.landmarks, after.landmarks)


def test_a_stranger_among_the_new_people_begins_with_the_pivots_style(old, new_data):
    new = build(new_data, shares=WITH_NEW)
    new.inherit(old)
    assert new.identities == ["ann", "cat"]
    assert torch.equal(new.style.weight[new._row("cat")], old.style.weight[old.pivot])
    assert torch.equal(new.style.weight[new._row("ann")], old.style.weight[old._row("ann")])


def test_heads_alone_learn_a_convention_that_the_model_never_saw(old, new_data):
    new = build(new_data, shares=WITH_NEW, tune="heads")
    new.inherit(old)
    held_out = new_data[0]
    true = offsets_of(new.heads["vertices"].model, held_out.fields["head.npz"], "vertices").numpy()

    def error():
        return float(np.square(answer(new, held_out, "ann", "vertices").vertices - true).sum(-1).mean())

    at_rest, untouched = error(), answer(old, held_out, "ann", "landmarks")
    assert not np.ptp(answer(new, held_out, "ann", "vertices").vertices, axis=0).any()
    fit(new, new_data[1:], "heads", 80, rate=2e-2)
    assert error() < 0.5 * at_rest
    assert np.array_equal(answer(new, held_out, "ann", "landmarks").landmarks, untouched.landmarks)


def test_only_the_encoder_is_taken_over_where_that_is_asked_for(old, new_data):
    new = build(new_data, shares={"arkit": 1.0}, inherits="encoder")
    before = new.decoder.state_dict()
    before = {name: tensor.clone() for name, tensor in before.items()}
    new.inherit(old)
    assert all(torch.equal(t, before[n]) for n, t in new.decoder.state_dict().items())
    assert all(torch.equal(t, old.encoder.state_dict()[n]) for n, t in new.encoder.state_dict().items())


def test_a_model_of_other_sizes_is_refused_with_the_part_that_does_not_fit(old, new_data):
    with pytest.raises(BadConfig, match="the decoder of the model to begin with has other shapes"):
        build(new_data, channels=48).inherit(old)


def test_a_head_that_nothing_would_teach_is_refused(new_data):
    with pytest.raises(BadConfig, match="no clip would teach the arkit head"):
        build(new_data, shares=WITH_NEW).enter("joint")
