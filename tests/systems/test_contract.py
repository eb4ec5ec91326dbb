"""The contract of systems: names, settings, requests, stored weights."""

import json

import numpy as np
import pytest
import torch

from talkie.clip import FPS, SAMPLES_PER_FRAME
from talkie.errors import BadConfig, BadInput, CorruptModel, NotStreaming, UnknownModel, UnknownSystem
from talkie.shards import open_dataset
from talkie.systems import (
    TASKS,
    Optimiser,
    Schedule,
    SpeechToMotionRequest,
    load_system,
    load_weights,
    make_config,
    save_system,
    systems,
)
from talkie.systems.registry import system_names
from talkie.systems.tasks.speech_to_motion import clip_audio, frames_of, mean_motion
from talkie.systems.weights import CONFIG, WEIGHTS, read_card, verify_model
from tone_clips import tone_dataset

NEEDS = ("flac", "head.npz")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return open_dataset(tone_dataset(tmp_path_factory.mktemp("tones"), train=4, test=2))


@pytest.fixture(scope="module")
def system(dataset):
    cls = load_system("unitalker")
    made = cls(make_config(cls, "tiny", {"channels": 16, "audio_channels": 16}))
    made.prepare(dataset.clips(NEEDS, "train"))
    return made.eval()


def test_every_installed_system_serves_a_known_task_and_has_the_presets():
    for slug, cls in systems().items():
        assert cls.card.slug == slug
        assert cls.card.task in TASKS
        assert {"tiny", "paper"} <= set(cls.presets)


def test_an_unknown_system_names_the_nearest():
    assert "unitalker" in system_names()
    with pytest.raises(UnknownSystem, match="did you mean 'unitalker'"):
        load_system("unitlaker")


@pytest.mark.parametrize(
    ("preset", "overrides", "says"),
    [
        ("tinny", {}, "did you mean 'tiny'"),
        ("tiny", {"chanels": 16}, "did you mean 'channels'"),
        ("tiny", {"dropout": 2.0}, "dropout"),
    ],
)
def test_a_wrong_setting_is_named_with_its_cure(preset, overrides, says):
    with pytest.raises(BadConfig, match=says):
        make_config(load_system("unitalker"), preset, overrides)


@pytest.mark.parametrize("audio", [np.zeros(0, np.float32), np.zeros((2, 9), np.float32), np.zeros(9, int)])
def test_audio_that_is_no_mono_signal_is_refused(audio):
    with pytest.raises(BadInput):
        SpeechToMotionRequest(audio)


def test_audio_with_a_hole_is_refused():
    with pytest.raises(BadInput, match="finite"):
        SpeechToMotionRequest(np.array([0.0, np.nan], np.float32))


def test_frames_follow_the_samples():
    assert [frames_of(n) for n in (1, 640, 16_000, 16_000 + 300)] == [1, 1, 25, 25]


def test_a_clips_audio_has_exactly_the_samples_of_its_frames(dataset):
    clip = next(dataset.clips(NEEDS))
    assert clip_audio(clip).shape == (clip.record.frames * SAMPLES_PER_FRAME,)


def test_mean_motion_is_the_mean_over_all_frames(dataset):
    clips = list(dataset.clips(("head.npz",), "train"))
    baseline = mean_motion(clips)
    jaws = np.concatenate([c.fields["head.npz"].jaw for c in clips])
    answer = baseline.generate(SpeechToMotionRequest(np.zeros(16_000, np.float32)))
    assert answer.expression.shape == (FPS, 52)
    np.testing.assert_allclose(answer.jaw, np.tile(jaws.mean(0), (FPS, 1)), atol=1e-6)


def test_an_optimiser_trains_what_its_prefixes_select():
    spec = Optimiser(1e-3, trains=("", "!encoder.", "!style"))
    chosen = [n for n in ("encoder.a", "style.weight", "decoder.b") if spec.selects(n)]
    assert chosen == ["decoder.b"]


def test_the_cosine_schedule_ends_at_a_tenth():
    spec = Optimiser(1.0, schedule=Schedule("cosine"))
    assert spec.rate(0, 100) == pytest.approx(1.0)
    assert spec.rate(50, 100) == pytest.approx(0.55)
    assert spec.rate(100, 100) == pytest.approx(0.1)


def test_a_system_that_needs_the_whole_window_says_so_when_asked_to_stream(system):
    with pytest.raises(NotStreaming, match="unitalker"):
        system.stream(None)


def test_a_stored_system_answers_as_before(system, tmp_path):
    request = SpeechToMotionRequest(np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32))
    torch.nn.init.normal_(system.heads["arkit"].out.weight, std=0.1)
    digest = save_system(system, tmp_path / "model")
    again = load_weights(tmp_path / "model")
    np.testing.assert_array_equal(again.generate(request).expression, system.generate(request).expression)
    assert verify_model(tmp_path / "model") == digest
    assert "log-mel" in read_card(tmp_path / "model").parts["audio encoder"]


def test_equal_systems_have_equal_digests(system, tmp_path):
    assert save_system(system, tmp_path / "a") == save_system(system, tmp_path / "b")


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG])
def test_a_changed_file_of_a_model_is_named(system, tmp_path, name):
    save_system(system, tmp_path / "model")
    with (tmp_path / "model" / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(CorruptModel, match=name):
        load_weights(tmp_path / "model")


def test_a_folder_without_a_model_is_no_model(tmp_path):
    with pytest.raises(UnknownModel):
        load_weights(tmp_path)


def test_a_model_folder_holds_json_and_safetensors_only(system, tmp_path):
    save_system(system, tmp_path / "model")
    assert {p.suffix for p in (tmp_path / "model").iterdir()} == {".json", ".safetensors"}
    assert json.loads((tmp_path / "model" / CONFIG).read_text())["system"] == "unitalker"
