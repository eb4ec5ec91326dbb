"""How each task is measured: perfect answers reach the ideal, worse answers are worse, and gains have the sign that
their metric asks for."""

import dataclasses

import numpy as np
import pytest

from talkie.errors import BadInput
from talkie.evaluation.metrics import METRICS
from talkie.evaluation.protocols import VideoProtocol, aperture, base, protocol_of
from talkie.media import encode_mp4
from talkie.systems import TASKS
from talkie.systems.tasks.capture import CaptureResult
from talkie.systems.tasks.head_creation import HeadResult
from talkie.systems.tasks.recognition import RecognitionResult
from talkie.systems.tasks.video import VideoResult
from tone_clips import tone_clip
from tone_pictures import filmed


@pytest.fixture(scope="module")
def tone():
    clip = tone_clip(3, frames=12).decode(("flac", "head.npz"))
    pictures = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3)).astype(np.uint8)
    record_ = clip.record.model_copy(update={"labels": {"emotion": "happy"}})
    return dataclasses.replace(clip, record=record_, fields={**clip.fields, "mp4": encode_mp4(pictures)})


@pytest.fixture(scope="module")
def spoken():
    return filmed(tone_clip(5, frames=40).decode(("flac", "head.npz")))


@pytest.mark.parametrize("task", TASKS.values(), ids=list(TASKS))
def test_every_metric_of_a_task_is_a_known_one(task):
    for name in (*task.metrics, *task.also):
        assert base(name) in METRICS
        assert protocol_of(task).gain(name, 1.0, 1.0) == 0


@pytest.mark.parametrize(
    ("name", "own"),
    [("l1_mouth", "l1"), ("stage_opening_correlation", "opening_correlation"), ("ver", "ver"), ("no_such", "no_such")],
)
def test_a_figures_own_metric_is_found_behind_its_region_or_stand_in(name, own):
    assert base(name) == own


@pytest.mark.parametrize("slug", ["speech_to_motion", "capture", "head_creation"])
def test_the_truth_has_no_error_and_the_mean_has_one(slug, tone):
    task = TASKS[slug]
    protocol, truth = protocol_of(task), task.truth_of(tone)
    perfect = protocol.measure(task.metrics[0], [protocol.score(tone, truth, truth)])
    other = tone_clip(8, "zoe", frames=12).decode(("flac", "head.npz"))
    worse = protocol.measure(task.metrics[0], [protocol.score(tone, truth, task.truth_of(other))])
    assert perfect.value == pytest.approx(0, abs=1e-9)
    assert worse.value > 1e-8
    assert protocol.improves(task.metrics[0], perfect.value, worse.value)
    assert protocol.gain(task.metrics[0], perfect.value, worse.value) == pytest.approx(1)


def test_pixels_of_an_answer_are_compared_at_its_own_size(tone):
    task = TASKS["human_animation"]
    protocol, truth = protocol_of(task), task.truth_of(tone)
    same = protocol.measure("l1", [protocol.score(tone, truth, truth)])
    black = VideoResult(25, np.zeros((9, 16, 16, 3), np.uint8))
    dark = protocol.measure("l1", [protocol.score(tone, truth, black)])
    assert same.value == 0
    assert dark.items == 9
    assert dark.value == pytest.approx(truth.frames[:9].mean() / 255, rel=0.01)


def test_lips_that_follow_are_told_from_lips_that_do_not(spoken):
    task = TASKS["speech_to_video"]
    protocol, truth = protocol_of(task), task.truth_of(spoken)
    still = VideoResult(25, np.repeat(truth.frames[:1], len(truth.frames), 0))
    backwards = VideoResult(25, truth.frames[::-1].copy())
    values = {}
    for name, answer in {"true": truth, "still": still, "backwards": backwards}.items():
        scores = [protocol.score(spoken, truth, answer)]
        values[name] = {metric: protocol.measure(metric, scores).value for metric in task.metrics}
    assert values["true"]["aperture_correlation"] == pytest.approx(1)
    assert values["true"]["lmd"] == 0
    assert values["still"]["aperture_correlation"] == 0
    assert values["backwards"]["aperture_correlation"] < 0.6
    assert values["still"]["lmd"] > 0


def test_the_mouths_box_holds_the_mouth(spoken):
    task = TASKS["dubbing"]
    protocol, truth = protocol_of(task), task.truth_of(spoken)
    hidden = truth.frames.copy()
    hidden[:, :20] = 0
    away = protocol.measure("l1_mouth", [protocol.score(spoken, truth, VideoResult(25, hidden))])
    assert away.value == 0
    assert "lips" in away.protocol["region"]


def test_an_answer_without_a_face_follows_nothing(spoken):
    protocol = VideoProtocol(("aperture_correlation", "lmd"))
    truth = TASKS["speech_to_video"].truth_of(spoken)
    scores = protocol.score(spoken, truth, VideoResult(25, np.zeros_like(truth.frames)))
    assert protocol.measure("aperture_correlation", [scores]).value == 0
    with pytest.raises(BadInput, match="no clip could be measured"):
        protocol.measure("lmd", [scores])


def test_the_opening_of_a_mouth_is_in_its_widths():
    points = np.zeros((1, 68, 2))
    points[0, 54] = (40, 0)
    points[0, 66] = (20, 10)
    points[0, 62] = (20, 0)
    assert aperture(points) == pytest.approx([0.25])


def test_labels_are_compared_by_attribute(tone):
    protocol = protocol_of(TASKS["recognition"])
    truth = TASKS["recognition"].truth_of(tone)
    right = RecognitionResult({"emotion": {"happy": 0.7, "sad": 0.3}, "attack": {"none": 1.0}})
    wrong = RecognitionResult({"emotion": {"happy": 0.2, "sad": 0.8}})
    scores = [protocol.score(tone, truth, answer) for answer in (right, right, right, wrong)]
    assert protocol.measure("war", scores).value == pytest.approx(0.75)
    with pytest.raises(BadInput, match="attack"):
        protocol.score(tone, truth, RecognitionResult({"attack": {"none": 1.0}}))


@pytest.mark.parametrize(
    ("slug", "answer"), [("capture", CaptureResult(rotation=np.zeros((12, 3)))), ("head_creation", HeadResult())]
)
def test_an_answer_that_says_nothing_comparable_is_refused(slug, answer, tone):
    task = TASKS[slug]
    with pytest.raises(BadInput, match="without"):
        protocol_of(task).score(tone, task.truth_of(tone), answer)
