"""TalkLip: published sizes, what it answers with, what its phases leave alone, and the claims that need no training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from conformance_clips import FRAMES, conformance_clips
from talkie.clip import SAMPLES_PER_FRAME
from talkie.errors import BadConfig, BadInput
from talkie.systems.sizes import on_meta, parameter_count
from talkie.systems.tasks.dubbing import request_of
from talkie_zoo.dubbing.talklip import TalkLip
from talkie_zoo.dubbing.talklip_claims import (
    carried,
    expert_error,
    gradient_elsewhere,
    hears_far,
    outside_box,
    over_twin,
    seen_by_readers,
)
from talkie_zoo.dubbing.talklip_clips import APART, drawn_frames, example_of, near_frames, shown_faces
from talkie_zoo.dubbing.talklip_config import MICRO, TalkLipConfig
from talkie_zoo.dubbing.talklip_video import sounding

FIELDS = ("mp4", "flac", "landmarks.npy", "phones.json")


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return list(conformance_clips(tmp_path_factory.mktemp("talklip") / "shards").clips(FIELDS, "test"))


@pytest.fixture
def system(clips):
    torch.manual_seed(0)
    made = TalkLip(MICRO)
    made.prepare(clips)
    return made.eval()


def _conv(kernel: int, inputs: int, outputs: int) -> int:
    return kernel**2 * inputs * outputs + outputs


def _unit(kernel: int, inputs: int, outputs: int) -> int:
    """A convolution and its batch norm."""
    return _conv(kernel, inputs, outputs) + 2 * outputs


def test_paper_has_the_parameters_that_the_cards_layers_imply():
    paper = on_meta(TalkLip, "paper")
    encoder, decoder = (16, 32, 64, 128, 256, 512, 512), (512, 512, 512, 384, 256, 128, 64)
    face = _unit(7, 6, 16) + 768 * 512 + 512
    for before, after, residuals in zip(encoder[:-2], encoder[1:-1], (2, 3, 2, 2, 1), strict=True):
        face += _unit(3, before, after) + residuals * _unit(3, after, after)
    face += _unit(3, 512, 512) + _unit(1, 512, 512) + _unit(1, 512, 512)
    for before, skip, after, residuals in zip(decoder, encoder[::-1], decoder[1:], (1, 2, 2, 2, 2, 2), strict=False):
        face += _unit(3, before + skip, after) + residuals * _unit(3, after, after)
    face += _unit(3, 64 + 16, 32) + _conv(1, 32, 3)
    assert parameter_count(paper, "dubber.face.") == face
    layer = 4 * (768**2 + 768) + 2 * 768 * 3072 + 3072 + 768 + 4 * 768
    assert parameter_count(paper, "dubber.audio.context.layers.") == 12 * layer
    # The whole audio branch: twelve layers of 768, and little beside them.
    assert parameter_count(paper, "dubber.audio.") == pytest.approx(12 * layer, rel=0.07)


def test_drawn_frames_come_in_runs_that_do_not_touch():
    torch.manual_seed(0)
    for _ in range(20):
        runs = np.array(drawn_frames(100, 0.08, 5)).reshape(-1, 5)
        assert (np.diff(runs, axis=1) == 1).all()
        assert (np.diff(runs[:, 0]) >= 5).all()
        assert 1 <= len(runs) <= 8
        assert runs.max() < 100
    assert len(drawn_frames(5, 0.08, 5)) == 5


def test_a_near_reference_is_alike_above_and_shows_another_mouth():
    faces = torch.rand(60, 3, 16, 16)
    faces[40, :, :8] = faces[5, :, :8]
    faces[6, :, :8] = faces[5, :, :8]
    near = near_frames(faces)[:, 0]
    assert near[5] == 40
    assert near[6] == 40
    assert ((near - torch.arange(60)).abs() >= APART).all()
    assert near_frames(faces[:3])[[0, 2], 0].tolist() == [2, 0]


def test_several_references_all_show_other_mouths_and_are_shown_as_their_mean():
    faces, rows, still = torch.rand(60, 3, 16, 16), torch.tensor([4, 30, 59]), torch.rand(60, 6, 2)
    near = near_frames(faces, 4)
    assert near.shape == (60, 4)
    assert ((near - torch.arange(60)[:, None]).abs() >= APART).all()
    shown = shown_faces(faces, near[rows], still, rows, MICRO)
    assert torch.allclose(shown, faces[near[rows]].mean(1))


def test_longer_sound_repeats_the_video_and_shorter_sound_cuts_it(system, clips):
    request = request_of(clips[0])
    longer = replace(request, audio=np.resize(request.audio, (FRAMES + 7) * SAMPLES_PER_FRAME))
    answer = system.generate(longer)
    assert answer.frames.shape == (FRAMES + 7, *request.frames.shape[1:])
    assert np.allclose(answer.tracks["boxes"][FRAMES:], answer.tracks["boxes"][:7])
    assert len(system.generate(replace(request, audio=request.audio[: 10 * SAMPLES_PER_FRAME]))) == 10


def test_the_reference_is_a_frame_of_the_video_or_the_frame_itself(system, clips):
    request = request_of(clips[0])
    answers = [system.generate(replace(request, controls={"reference": r})).frames for r in (0, 20, "same", "near")]
    assert not np.array_equal(answers[0], answers[1])
    assert not np.array_equal(answers[0], answers[2])
    assert not np.array_equal(answers[2], answers[3])
    for wrong in (FRAMES, -1, "other"):
        with pytest.raises(BadInput, match="reference"):
            system.generate(replace(request, controls={"reference": wrong}))


def test_a_mouth_that_is_hidden_tells_nothing(system, clips):
    """Whatever the lower halves show but the reference's, the painted faces are the same."""
    request = request_of(clips[0])
    _, boxes, stills = sounding(request, system.config.margin)
    other = request.frames.copy()
    middle = int((boxes[:, 1] + boxes[:, 2] / 2).max()) + 2
    other[1:, middle:] = 0
    painted = [system.paint(system.dubber, request, frames, boxes, stills)[1] for frames in (request.frames, other)]
    assert torch.equal(*painted)


def test_what_needs_no_training_holds_of_an_untrained_system(system, clips):
    assert outside_box(system, clips).value == 0
    assert gradient_elsewhere(system, clips).value == 0
    heard = hears_far(system, clips)
    assert heard.value > 1e-4
    assert heard.protocol["change of the sound within 0.2 s"] == "0"


def test_the_last_phase_leaves_the_expert_alone_and_begins_the_twin_at_the_generator(system, clips):
    system.enter("lip")
    system.train()
    before = {name: value.clone() for name, value in system.expert.state_dict().items()}
    twin, own = system.twin.state_dict(), system.dubber.state_dict()
    assert all(torch.equal(twin[name], own[name]) for name in own)
    torch.manual_seed(0)
    batch = system.collate([system.example(clip, None) for clip in clips])
    for role in system.phases()[-1].optimisers:
        found = system.losses(batch, "lip", role)
        assert ("lip" in found) == (role == "generator")
    assert all(torch.equal(before[name], value) for name, value in system.expert.state_dict().items())


def test_the_observer_learns_in_its_own_phase_alone_and_no_other_loss_knows_it(system, clips):
    names = {name for name, _ in system.named_parameters() if name.startswith("observer.")}
    trained = [p.name for p in system.phases() for o in p.optimisers.values() if any(map(o.selects, names))]
    assert trained == ["observer"]
    for phase in ("generator", "lip"):
        system.enter(phase)
        assert not system.observer.training
        batch = system.collate([system.example(clip, None) for clip in clips])
        sum(system.losses(batch, phase, "generator").values()).backward()
        assert all(p.grad is None for p in system.observer.parameters())
    assert sum(p.numel() for p in system.observer.parameters()) != sum(p.numel() for p in system.expert.parameters())


def test_readers_are_measured_on_the_mouths_that_they_were_taught_on(system, clips):
    taught = example_of(clips[0], system.config)["mouths"].float() / 255
    # Training keeps levels of 255, and another hand makes its pictures small.
    assert torch.allclose(seen_by_readers(system, clips[0], None), taught, atol=4 / 255)
    assert expert_error(system, clips).value > 0
    assert over_twin(system, clips).value == pytest.approx(1, abs=0.5)


def test_a_probes_crops_do_not_follow_the_lips(clips):
    still = np.asarray(clips[0].fields["landmarks.npy"]).copy()
    talking = still.copy()
    talking[::2, 61] += 5
    # The mean face is another, how it moves is not.
    moved = [np.diff(carried(points)[:, 61], axis=0) for points in (still, talking)]
    assert np.allclose(*moved, atol=1e-6)


def test_phases_and_what_a_path_stands_in_for(system, clips, tmp_path):
    save_file(system.expert.state_dict(), tmp_path / "expert.safetensors")
    given = TalkLipConfig(**{**MICRO.model_dump(), "pretrained_expert": str(tmp_path / "expert.safetensors")})
    loaded = TalkLip(given)
    loaded.prepare(clips)
    state = system.expert.state_dict()
    assert all(torch.equal(state[name], value) for name, value in loaded.expert.state_dict().items())
    assert [phase.name for phase in loaded.phases()] == ["audio", "observer", "generator", "unfrozen", "lip"]
    assert loaded.external() == ("expert.",)
    (tmp_path / "none.safetensors").write_bytes(b"none")
    wrong = given.model_copy(update={"pretrained_expert": str(tmp_path / "none.safetensors")})
    with pytest.raises(BadConfig, match="the lip expert"):
        TalkLip(wrong).prepare(clips)
