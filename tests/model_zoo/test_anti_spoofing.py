"""The recurrent ensemble's parts against closed forms: which frames are kept, sizes as published, padding, thresholds,
decisions, what phases may move, and what a request may ask."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from talkie.errors import BadConfig, BadInput, NoFace
from talkie.evaluation.metrics.recognition import eer, hter
from talkie.media import encode_mp4
from talkie.systems import make_config
from talkie.systems.tasks.recognition import RecognitionRequest
from talkie_zoo.blocks.densenet import DenseNet
from talkie_zoo.blocks.face_box import fixed_face_box
from talkie_zoo.blocks.recurrent import SeqHead, mean_over_steps
from talkie_zoo.recognition.anti_spoofing import AntiSpoofing
from talkie_zoo.recognition.anti_spoofing_decisions import calibrated, domain_of, threshold_between
from talkie_zoo.recognition.anti_spoofing_networks import MEMBERS, META, SCORERS, Ensemble, FrameSkipper, Projection
from talkie_zoo.recognition.anti_spoofing_textures import Textures
from tone_clips import tone_clip

FRAMES = np.random.default_rng(0).integers(0, 256, (45, 32, 32, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def system():
    torch.manual_seed(0)
    made = AntiSpoofing(make_config(AntiSpoofing, "micro", {"parts": 2}))
    made.restore({"domains": []})
    return made.eval()


def of_person(name):
    clip = tone_clip(0).decode(())
    return dataclasses.replace(clip, record=clip.record.model_copy(update={"identity": name}))


def labelled(**labels):
    clip = tone_clip(0).decode(())
    return dataclasses.replace(clip, record=clip.record.model_copy(update={"labels": labels}))


def test_one_frame_of_every_clip_is_kept_and_a_short_video_keeps_one():
    assert FrameSkipper(30).kept(91) == [0, 30, 60, 90]
    assert FrameSkipper(30, 29).kept(91) == [29, 59, 89]  # the published script's
    assert FrameSkipper(30, 29).kept(10) == [9]
    assert FrameSkipper(30).kept(1) == [0]
    assert FrameSkipper(1).kept(4) == [0, 1, 2, 3]
    assert FrameSkipper(2, 1).clips_of(5) == [0, 0, 1, 1, 1]


def test_the_paper_preset_has_the_published_size():
    with torch.device("meta"):
        whole = AntiSpoofing(make_config(AntiSpoofing, "paper", {}))
        whole.restore({"domains": []})
    count = lambda part: sum(p.numel() for p in part.parameters())  # noqa: E731
    members = whole.ensembles["all"].members
    # torchvision's densenet201 has 20,013,928 parameters, its classifier 1,000 x 1,920 + 1,000 of them.
    assert count(whole.networks["all"]) == 20_013_928 - 1_921_000
    assert whole.networks["all"].channels == 1920
    for kind, millions in (("bilstm", 9.7), ("lstm", 11.7), ("gru", 0.12)):
        assert count(members[kind]) == pytest.approx(millions * 1e6, rel=0.05)


def test_densenet_takes_published_weights_by_either_spelling_and_nothing_else(tmp_path):
    torch.manual_seed(0)
    small = (1, 2)
    given, taken = DenseNet(small), DenseNet(small)
    state = {n: t.clone() for n, t in given.state_dict().items()}
    old = {n.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): t for n, t in state.items()}
    save_file({**old, "classifier.bias": torch.zeros(3)}, tmp_path / "old.safetensors")
    taken.load(tmp_path / "old.safetensors")
    pictures = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(taken.eval()(pictures), given.eval()(pictures))
    save_file({"features.conv0.weight": state["features.conv0.weight"]}, tmp_path / "part.safetensors")
    (tmp_path / "no.safetensors").write_bytes(b"no")
    for name in ("part", "no", "absent"):
        with pytest.raises(BadConfig):
            taken.load(tmp_path / f"{name}.safetensors")


def test_a_given_densenet_is_frozen_not_stored_again_and_needs_no_phase_of_its_own(tmp_path, monkeypatch):
    from talkie_zoo.recognition import anti_spoofing

    monkeypatch.setattr(anti_spoofing, "DenseNet", lambda: DenseNet((1, 1)))
    save_file(DenseNet((1, 1)).state_dict(), tmp_path / "net.safetensors")
    path = str(tmp_path / "net.safetensors")
    made = AntiSpoofing(make_config(AntiSpoofing, "micro", {"network": "densenet201", "pretrained": path}))
    made.restore({"domains": ["phone", "webcam"]})
    assert list(made.networks) == ["all"]
    assert len(made.ensembles) == 3
    assert made.external() == ("networks.",)
    assert [p.name for p in made.phases()] == ["members", "stacker", "threshold"]
    assert path in made.describe().parts["feature network"]
    made.enter("members")
    assert not made.train().networks.training


@pytest.mark.parametrize("kind", MEMBERS)
def test_padding_and_company_do_not_change_a_sequence(kind):
    torch.manual_seed(0)
    head = SeqHead(kind, 5, 7)
    short, long = torch.randn(3, 5), torch.randn(6, 5)
    both = torch.nn.utils.rnn.pad_sequence([short, long], batch_first=True)
    together = head(both, torch.tensor([3, 6]))
    torch.testing.assert_close(together[0, :3], head(short[None], torch.tensor([3]))[0])
    torch.testing.assert_close(together[1], head(long[None], torch.tensor([6]))[0])


def test_a_mean_over_steps_leaves_the_padding_out():
    values = torch.tensor([[1.0, 3.0, 99.0], [2.0, 4.0, 6.0]])
    assert mean_over_steps(values, torch.tensor([2, 3])).tolist() == [2.0, 4.0]


def test_the_meta_model_hears_the_sum_of_the_members_and_moves_none_of_them(system):
    ensemble, lengths = system.ensembles["all"], torch.tensor([4])
    features = torch.randn(1, 4, 4)
    summed = ensemble.summed(features, lengths)
    torch.testing.assert_close(summed.sum(-1), torch.full((1, 4), 3.0))
    ensemble.logits(META, features, lengths).sum().backward()
    assert all(p.grad is None for p in ensemble.members.parameters())
    assert all(p.grad is not None for p in ensemble.stacker.parameters())
    system.zero_grad(set_to_none=True)


def test_each_phase_sees_the_people_that_it_may_and_moves_its_own_part(system):
    scale, _, members, stacking, decision = system.phases()
    assert {p.sampling.split for p in system.phases()} == {"train"}
    names = [name for name, _ in system.named_parameters()]
    moved = {role: [n for n in names if o.selects(n)] for role, o in members.optimisers.items()}
    assert all(f".members.{kind}." in n for kind in MEMBERS for n in moved[kind])
    assert all(n.startswith("ensembles.all.stacker.") for n in names if stacking.optimisers[META].selects(n))
    assert scale.fitted
    assert decision.fitted
    published = AntiSpoofing(make_config(AntiSpoofing, "micro", {}))
    published.restore({"domains": []})
    assert [p.sampling.split for p in published.phases()] == ["train"] * 3 + ["val"] * 2


def test_every_person_is_strange_to_one_part_and_the_meta_model_hears_that_part(system):
    clips = [of_person(f"person {number}") for number in range(8)]
    parts = [system._part(clip) for clip in clips]
    assert set(parts) == {"0", "1"}
    for clip, part in zip(clips, parts, strict=True):
        assert [system.seen(name, clip) for name in ("all", "all_0", "all_1")] == [True, part != "0", part != "1"]
        assert system._partner("all", clip) == f"all_{part}"
    lengths, part = torch.tensor([3, 3]), torch.tensor([1, 0])
    batch = {"lengths": lengths, "part": part, **{n: torch.randn(2, 3, 4) for n in system.networks}}
    heard = system._summed("all", batch)
    for row, number in enumerate(part.tolist()):
        name = f"all_{number}"
        torch.testing.assert_close(heard[row], system.ensembles[name].summed(batch[name], lengths)[row])


def test_textures_are_of_the_pixels_as_filmed_and_do_not_tell_left_from_right(system):
    pictures = torch.from_numpy(FRAMES[:2]).permute(0, 3, 1, 2)
    found = system.described(pictures)
    assert found.shape == (2, Textures.size)
    torch.testing.assert_close(system.described(pictures.flip(-1)), found, atol=0.25, rtol=0.25)
    flat = system.described(torch.full((1, 3, 32, 32), 90, dtype=torch.uint8))
    assert flat[0, 8] == 1  # all neighbours of every pixel are at least as bright
    assert flat[0, :8].sum() == 0
    native = AntiSpoofing(make_config(AntiSpoofing, "micro", {"size": None}))
    assert torch.equal(native.pictures(FRAMES, [3])[0].permute(1, 2, 0), torch.from_numpy(FRAMES[3]))


def test_descriptions_are_brought_to_one_scale():
    made, given = Projection(3, 2), torch.tensor([[0.0, 5.0, 1.0], [2.0, 5.0, 3.0]])
    made.fit(given)
    assert made.mean.tolist() == [1, 5, 2]
    same = made.eval()(torch.tensor([[1.0, 5.0, 2.0]]))
    torch.testing.assert_close(same[0], made.out.bias)


def test_the_threshold_decides_as_the_equal_error_rate_does_and_becomes_one_half():
    rng = np.random.default_rng(1)
    scores, genuine = rng.random(60), rng.random(60) < 0.4
    scores = np.clip(scores + 0.3 * genuine, 0.01, 0.99)
    at = threshold_between(scores, genuine)
    assert at not in scores
    moved = calibrated(scores, at)
    assert hter(moved, genuine, 0.5) == hter(scores, genuine, at)
    assert (np.argsort(moved) == np.argsort(scores)).all()
    assert calibrated(np.array([at]), at)[0] == pytest.approx(0.5)


def test_the_best_member_is_the_one_that_errs_least_on_development_clips():
    ensemble = Ensemble(4, {kind: 4 for kind in MEMBERS}, 4)
    for best in MEMBERS:
        ensemble.errors[:] = torch.tensor([0.05 if who in (META, best) else 0.2 for who in SCORERS])
        assert ensemble.best_member() == best


def test_what_is_fitted_is_the_equal_error_rate_of_every_scorer_on_development_clips():
    torch.manual_seed(0)
    made = AntiSpoofing(make_config(AntiSpoofing, "micro", {"domains": False}))
    made.restore({"domains": []})
    rng = np.random.default_rng(2)
    clips = []
    for number in range(6):
        said = labelled(spoof="genuine" if number % 2 else "attack")
        film = encode_mp4(list(rng.integers(0, 256, (12, 32, 32, 3)).astype(np.uint8)))
        clips.append(dataclasses.replace(said, fields={"mp4": film}))
    made.fit("threshold", clips)
    scores, genuine = [], []
    for clip in clips:
        described, lengths = made._described(clip)
        scores.append(made.video_scores("all", made.features("all", described).split(lengths)))
        genuine += [clip.record.labels["spoof"] == "genuine"] * len(lengths)
    rates = [eer(of, np.array(genuine)) for of in np.concatenate(scores).T]
    np.testing.assert_allclose(made.ensemble("all").errors, rates, rtol=1e-6)


def test_an_answer_has_a_score_and_one_for_every_frame(system):
    answer = system.generate(RecognitionRequest(FRAMES))
    assert sum(answer.scores["spoof"].values()) == pytest.approx(1)
    track = answer.tracks["spoof"]
    assert track.shape == (45, 2)
    assert len(np.unique(track[:, 1])) <= 5
    np.testing.assert_allclose(track.sum(1), 1, atol=1e-6)


def test_an_early_exit_sees_fewer_frames_and_a_strict_rate_lets_fewer_pass(system):
    seen = []
    hook = system.networks["all"].register_forward_hook(lambda network, given, made: seen.append(len(given[0])))
    system.generate(RecognitionRequest(FRAMES, controls={"early_exit": 0.0}))
    hook.remove()
    assert sum(seen) == 3
    ensemble = system.ensembles["all"]
    before = ensemble.attacks.clone()
    ensemble.attacks[:] = torch.linspace(0, 1, 101)
    strict, loose = (
        system.generate(RecognitionRequest(FRAMES, controls={"far": far})).scores["spoof"]["genuine"]
        for far in (0.01, 0.9)
    )
    ensemble.attacks.copy_(before)
    assert strict < loose


@pytest.mark.parametrize("who", SCORERS)
def test_anyone_can_be_asked_to_score(system, who):
    assert "spoof" in system.generate(RecognitionRequest(FRAMES, controls={"scorer": who, "skip": 5})).scores


@pytest.mark.parametrize(
    ("controls", "says"),
    [
        ({"speed": 1}, "no control 'speed'"),
        ({"scorer": "oracle"}, "nobody called 'oracle'"),
        ({"skip": 0}, "skip 0"),
        ({"skip": 2.5}, "no whole number"),
        ({"far": 3}, "far 3"),
        ({"early_exit": "soon"}, "early_exit 'soon'"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_cure(system, controls, says):
    with pytest.raises(BadInput, match=says) as raised:
        system.generate(RecognitionRequest(FRAMES, controls=controls))
    assert raised.value.cure


def test_a_clip_says_whether_a_person_was_there(system):
    fresh = AntiSpoofing(make_config(AntiSpoofing, "micro", {}))
    with pytest.raises(BadInput, match="spoof"):
        fresh.prepare([labelled(spoof="mask")])
    with pytest.raises(BadInput, match="every clip is labelled 'genuine'"):
        fresh.prepare([labelled(spoof="genuine"), labelled(spoof="genuine")])
    clips = [labelled(spoof="genuine", device="phone"), *[labelled(spoof="attack", device="webcam")] * 3]
    fresh.prepare(clips)
    assert fresh.class_weights.tolist() == pytest.approx([4 / 6, 2.0])
    assert fresh.constants == {"domains": ["phone", "webcam"]}
    assert [fresh.seen(name, clips[1]) for name in ("all", "fold0", "fold1")] == [True, True, False]
    assert domain_of(clips[0]) == "phone"


def test_pictures_without_a_face_are_refused():
    with pytest.raises(NoFace):
        fixed_face_box(np.zeros((2, 64, 64, 3), np.uint8), [0], 1.3)


def test_settings_that_contradict_each_other_are_refused():
    for changes in (
        {"pretrained": "x.safetensors"},
        {"offsets": 11},
        {"parts": 1},
        {"network": "densenet201", "size": None},
    ):
        with pytest.raises(BadConfig):
            make_config(AntiSpoofing, "micro", changes)
