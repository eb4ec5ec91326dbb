"""EMOTE against its card: phases, conditions, exchange, published sizes, and what it refuses."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from talkie.clip import Phone, Transcription
from talkie.errors import BadInput, TalkieError
from talkie.serving.answers import speech_to_motion
from talkie.serving.controls import MotionControls
from talkie.speech.emotion import EMOTIONS
from talkie.speech.phones import VISEMES
from talkie.systems import Draw, MotionResult, SpeechToMotionRequest, load_system, make_config
from talkie.systems.sizes import on_meta
from talkie.systems.tasks.speech_to_motion import request_of
from talkie_zoo.blocks.visemes import viseme_labels
from talkie_zoo.speech_to_motion.emote_conditions import labels_of, one_hot, requested
from tone_clips import tone_clip

SAID = Transcription((), (Phone("M", "PP", 0.0, 0.2), Phone("AA", "aa", 0.2, 0.6)), "made up")
PEOPLE = ("ann", "bea")


def labelled(number, **labels):
    clip = tone_clip(number, PEOPLE[number % 2]).decode(("flac", "head.npz"))
    record = clip.record.model_copy(update={"labels": {"emotion": "happy", "intensity": "3", **labels}})
    return replace(clip, record=record, fields={**clip.fields, "phones.json": SAID})


@pytest.fixture(scope="module")
def clips():
    return [labelled(k, emotion=("happy", "sad", "angry", "neutral")[k]) for k in range(4)]


@pytest.fixture
def system(clips):
    torch.manual_seed(0)
    cls = load_system("emote")
    system = cls(make_config(cls, "micro", {}))
    system.prepare(clips)
    return system


def speech(frames=20, **given):
    return SpeechToMotionRequest(np.random.default_rng(0).normal(0, 0.1, 640 * frames).astype(np.float32), **given)


def batch_of(system, clips, phase):
    system.enter(phase)
    system.train()
    return system.collate([system.example(c, Draw.whole(c)) for c in clips])


def test_each_phase_trains_its_parts_and_leaves_the_others_in_eval_mode(system):
    trained = {}
    for phase in system.phases():
        names = [n for n, _ in system.named_parameters() if any(o.selects(n) for o in phase.optimisers.values())]
        trained[phase.name] = {name.split(".")[0] for name in names}
        system.enter(phase.name)
        system.train()
        live = {name for name, part in system.named_children() if part.training}
        assert live == trained[phase.name], phase.name
    assert trained == {
        "critics": {"critics", "judges", "audio", "hearing"},
        "prior": {"prior"},
        "stage_1": {"audio", "talker"},
        "stage_2": {"talker", "twin"},
    }


def test_stage_two_moves_neither_prior_nor_audio_net(system, clips):
    batch = batch_of(system, clips, "stage_2")
    before = {n: b.clone() for n, b in system.state_dict().items() if n.startswith(("prior.", "audio.", "critics."))}
    torch.nn.init.normal_(system.talker.head.weight)
    torch.stack(list(system(batch, "stage_2", "model").values())).sum().backward()
    assert all(p.grad is None for n, p in system.named_parameters() if n.startswith("audio."))
    # Batch statistics are state too.
    assert all(torch.equal(b, system.state_dict()[n]) for n, b in before.items())


def test_what_the_convolutions_have_heard_stays_in_stage_one(system, clips):
    roles = {phase.name: phase.optimisers for phase in system.phases()}
    assert roles["critics"]["hearing"].selects("audio.stem.0.weight")
    assert not roles["stage_1"]["model"].selects("audio.stem.0.weight")
    assert roles["stage_1"]["model"].selects("audio.layers.0.norm.weight")
    hearing = system(batch_of(system, clips, "critics"), "critics", "hearing")["hearing"]
    hearing.backward()
    assert system.audio.stem[0].weight.grad.any()
    assert system.hearing.weight.grad.any()


@pytest.mark.parametrize("given", [{"warp": 0.1, "hearing": False}, {"hearing": True}])
def test_only_an_audio_net_from_scratch_is_revoiced_and_taught(given):
    with pytest.raises(TalkieError, match="log_mel"):
        make_config(load_system("emote"), "micro", {"audio": "wav2vec2", **given})


def test_the_twin_begins_stage_two_where_the_talker_does(system):
    torch.nn.init.normal_(system.talker.head.weight)
    system.enter("stage_2")
    for mine, twins in zip(system.talker.parameters(), system.twin.parameters(), strict=True):
        assert torch.equal(mine, twins)


def test_the_emotion_term_looks_at_the_donor_and_the_lip_term_at_ones_own_lips(system, clips, monkeypatch):
    batch = batch_of(system, clips, "stage_2")
    asked = {}
    for name in ("lip_distance", "emotion_distance"):

        def keep(said, reference, *masks, name=name):
            asked[name] = reference
            return said.sum() * 0

        monkeypatch.setattr(system.critics, name, keep)
    donors = torch.tensor([1, 2, 3, 0])
    monkeypatch.setattr("talkie_zoo.speech_to_motion.emote.derangement", lambda count: donors)
    system(batch, "stage_2", "model")
    moved = system.face(batch["motion"])
    assert torch.equal(asked["lip_distance"], torch.cat([moved, moved]))
    assert torch.equal(asked["emotion_distance"], torch.cat([moved, moved[donors]]))


def test_the_vertex_term_of_the_mean_face_is_one(system, clips):
    motion = torch.cat([system.example(c, Draw.whole(c))["motion"] for c in clips])
    assert float(system.face(motion).square().mean()) == pytest.approx(1, rel=1e-3)
    codes = system.face.standardised(motion)
    torch.testing.assert_close(system.face.motion(codes), motion, atol=1e-4, rtol=0)


def test_conditions_are_the_published_one_hots():
    row = one_hot(torch.tensor([2]), torch.tensor([1]), torch.tensor([0]), 32)
    assert row.shape == (1, 43)
    assert row.nonzero()[:, 1].tolist() == [2, 9, 11]


def test_a_request_may_be_soft_and_may_change_from_frame_to_frame():
    sad, happy = EMOTIONS.index("sad"), EMOTIONS.index("happy")
    soft = requested(speech(controls={"emotion": {"sad": 1, "happy": 3}, "intensity": 1.5}), PEOPLE)
    assert soft.shape == (20, 8 + 3 + 2)
    assert soft[7, [sad, happy]].tolist() == [0.25, 0.75]
    assert soft[7, 8:11].tolist() == [0.5, 0.5, 0.0]
    assert soft[7, 11:].tolist() == [0.5, 0.5]
    over = np.zeros((20, 8))
    over[:10, sad], over[10:, happy] = 1, 1
    moving = requested(speech(identity="bea", controls={"emotion": over, "intensity": np.linspace(1, 3, 20)}), PEOPLE)
    assert moving[[0, 19], 8 + 3 + 1].tolist() == [1, 1]
    assert moving[9, sad] == moving[10, happy] == 1
    assert moving[19, 10] == 1
    torch.testing.assert_close(moving.sum(-1), torch.full((20,), 3.0))


def test_a_held_out_clip_asks_for_its_own_emotion(clips):
    row = requested(request_of(clips[1]), PEOPLE)
    assert row[0, EMOTIONS.index("sad")] == row[0, 10] == 1


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"controls": {"emotion": "bored"}}, "bored"),
        ({"controls": {"emotion": np.zeros(8)}}, "shares"),
        ({"controls": {"emotion": np.ones((3, 8))}}, "3 rows for 20 frames"),
        ({"controls": {"intensity": 4}}, "1 to 3"),
        ({"controls": {"intensity": "loud"}}, "loud"),
        ({"identity": "anne"}, "anne"),
        ({"convention": "landmarks"}, "landmarks"),
    ],
)
def test_what_it_cannot_do_is_refused(system, given, match):
    with pytest.raises(BadInput, match=match):
        system.generate(speech(**given))


def test_a_clip_without_a_known_emotion_is_refused(clips):
    with pytest.raises(BadInput, match="label clips"):
        labels_of(labelled(0, emotion="bored"))
    with pytest.raises(BadInput, match="intensity"):
        labels_of(labelled(0, intensity="9"))


def test_frames_say_the_phone_that_covers_their_middle():
    names = [VISEMES[k] for k in viseme_labels(SAID, 16).tolist()]
    assert names == ["PP"] * 5 + ["aa"] * 10 + ["sil"]


def test_long_audio_goes_through_cross_faded_windows(clips):
    cls = load_system("emote")
    system = cls(make_config(cls, "micro", {"limit": 32}))
    system.prepare(clips)
    assert len(system.generate(speech(75))) == 75


def test_the_paper_preset_has_the_parameters_that_the_card_implies():
    pytest.importorskip("transformers")
    system = on_meta(load_system("emote"), "paper")

    def count(*parts):
        return sum(p.numel() for n, p in system.named_parameters() if n.split(".")[0] in parts)

    def layer(d, ff):
        return 4 * d * (d + 1) + d * ff + ff + ff * d + d + 4 * d

    conv = lambda a, b: 5 * a * b + b + 2 * b  # noqa: E731
    d, w = 55, 128
    talker = 768 * 128 + 128 + 43 * 128 + 128 + layer(256, 256) + 256 * 128 + 128 + 1024 * 128 + 128
    encoder = conv(d, w) + 2 * conv(w, w) + w * w + w + layer(w, 384) + 2 * (w * w + w)
    decoder = 3 * conv(w, w) + w * w + w + layer(w, 384) + w * d + d + 5 * d * d + d
    assert count("talker") == talker
    assert count("prior") == encoder + decoder
    # wav2vec 2.0 base: 95.0 million with its recognition head, as published.
    assert count("audio", "talker", "prior") == pytest.approx(95.0e6 + talker + encoder + decoder, rel=0.05)


def test_the_controls_of_an_answer_reach_the_system_and_are_refused_by_one_without_them(system, monkeypatch):
    monkeypatch.setattr(type(system), "answer", lambda self, talker, request: asked.append(request) or told)
    asked: list[SpeechToMotionRequest] = []
    told = MotionResult(25, np.zeros((20, 52), np.float32), np.zeros((20, 3), np.float32))
    controls = MotionControls(emotion="sad", intensity=2.5, style="bea")
    speech_to_motion(system, speech().audio, controls)
    assert dict(asked[0].controls) == {"emotion": "sad", "intensity": 2.5}
    assert asked[0].identity == "bea"
    other = SimpleNamespace(card=load_system("unitalker").card)
    with pytest.raises(BadInput, match="no such control"):
        speech_to_motion(other, speech().audio, controls)
