"""Every task on a clip: a clip becomes a question that can be asked, its answer, a trivial answer of the right
size, and a control that changes what drives it and nothing else."""

import dataclasses

import numpy as np
import pytest

from talkie.errors import BadInput, NotADataset
from talkie.media import encode_mp4
from talkie.systems import TASKS, SpeechToMotionRequest
from talkie.systems.tasks.capture import CaptureRequest
from talkie.systems.tasks.dubbing import DubbingRequest, MeanMouth
from talkie.systems.tasks.head_creation import HeadRequest
from talkie.systems.tasks.human_animation import HumanAnimationRequest
from talkie.systems.tasks.motion_transfer import MotionTransferRequest
from talkie.systems.tasks.recognition import RecognitionResult, priors
from talkie.systems.tasks.reenactment import ReenactmentRequest
from talkie.systems.tasks.speech_to_video import SpeechToVideoRequest
from tone_clips import tone_clip

SPEECH = np.zeros(1280, np.float32)
FRAMES = np.zeros((2, 8, 8, 3), np.uint8)


def take(seed):
    """A clip with pictures and points of nothing in particular beside a tone's speech and head."""
    clip = tone_clip(seed, frames=6).decode(("flac", "head.npz"))
    draw = np.random.default_rng(seed)
    fields = {
        "mp4": encode_mp4(draw.integers(0, 256, (6, 32, 32, 3)).astype(np.uint8)),
        "landmarks.npy": draw.uniform(0, 32, (6, 478, 3)).astype(np.float32),
        "pose.npz": {"mediapipe33": draw.uniform(0, 32, (6, 33, 3)).astype(np.float32)},
    }
    record = clip.record.model_copy(update={"labels": {"emotion": "happy"}})
    return dataclasses.replace(clip, record=record, fields={**clip.fields, **fields})


@pytest.fixture(scope="module")
def takes():
    return [take(1), take(2)]


@pytest.mark.parametrize("task", TASKS.values(), ids=list(TASKS))
def test_a_clip_is_a_question_with_an_answer(task, takes):
    clip, other = takes
    request, truth = task.request_of(clip), task.truth_of(clip)
    assert isinstance(request, task.request)
    assert isinstance(truth, task.result)
    answer = task.baseline(takes).generate(request)
    assert isinstance(answer, task.result)
    if hasattr(answer, "frames"):
        assert answer.frames.shape == truth.frames.shape
        assert answer.frames.dtype == np.uint8
    control = task.control(request, task.request_of(other))
    changed = {f.name for f in dataclasses.fields(request) if getattr(control, f.name) is not getattr(request, f.name)}
    assert changed
    assert not changed & {"portrait", "sources", "reference_pose", "target", "motion"}


def test_tasks_have_endpoints_of_their_own():
    assert len({task.endpoint for task in TASKS.values()}) == len(TASKS) == 10


@pytest.mark.parametrize(
    "ask",
    [
        lambda: SpeechToMotionRequest(np.zeros((2, 9), np.float32)),
        lambda: SpeechToVideoRequest(FRAMES, SPEECH),
        lambda: SpeechToVideoRequest(FRAMES[0], np.full(9, np.nan, np.float32)),
        lambda: ReenactmentRequest(FRAMES.astype(np.float32), FRAMES),
        lambda: ReenactmentRequest(FRAMES, FRAMES[:0]),
        lambda: HumanAnimationRequest(FRAMES[0], {}),
        lambda: HumanAnimationRequest(FRAMES[0], {"depth": np.zeros((3, 8, 8)), "landmarks": np.zeros((2, 478, 3))}),
        lambda: HumanAnimationRequest(FRAMES[0], {"pose": np.zeros((2, 17, 3))}),
        lambda: MotionTransferRequest(FRAMES),
        lambda: DubbingRequest(FRAMES, SPEECH, np.zeros((2, 68, 3))),
        lambda: CaptureRequest(),
        lambda: CaptureRequest(views=FRAMES[None]),
        lambda: CaptureRequest(meshes=np.full((1, 4, 3), np.inf)),
        lambda: HeadRequest(),
    ],
)
def test_a_request_of_a_wrong_form_says_what_to_send(ask):
    with pytest.raises(BadInput) as raised:
        ask()
    assert raised.value.cure


def test_the_mean_mouth_keeps_the_upper_half_and_stills_the_lower():
    frames = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3)).astype(np.uint8)
    answer = MeanMouth().generate(DubbingRequest(frames, SPEECH)).frames
    np.testing.assert_array_equal(answer[:, :4], frames[:, :4])
    np.testing.assert_allclose(answer[3, 4:], frames[:, 4:].mean(0), atol=0.5)


def test_class_shares_are_the_counts_of_the_training_labels(takes):
    def labelled(clip, label):
        return dataclasses.replace(clip, record=clip.record.model_copy(update={"labels": {"emotion": label}}))

    clips = [labelled(takes[0], "happy"), labelled(takes[1], "happy"), labelled(takes[0], "sad")]
    shares = priors(clips).generate(None).scores
    assert shares == {"emotion": {"happy": pytest.approx(2 / 3), "sad": pytest.approx(1 / 3)}}


def test_equal_scores_are_settled_by_name():
    assert RecognitionResult({"emotion": {"sad": 0.5, "calm": 0.5}}).best("emotion") == "calm"


@pytest.mark.parametrize("slug", ["speech_to_motion", "avatars", "capture", "head_creation", "recognition"])
def test_a_fitted_baseline_needs_clips(slug):
    with pytest.raises(NotADataset):
        TASKS[slug].baseline([])


def test_a_person_who_says_something_else_moves_forth_and_back_as_long_as_that_lasts(takes):
    task = TASKS["avatars"]
    request = task.request_of(takes[0])
    longer = task.with_speech(request, np.zeros(14 * 640, np.float32))
    rows = [0, 1, 2, 3, 4, 5, 4, 3, 2, 1, 0, 1, 2, 3]
    assert longer.frames == 14
    np.testing.assert_array_equal(longer.motion.expression, request.motion.expression[rows])
    np.testing.assert_array_equal(longer.motion.K, request.motion.K[rows])
    np.testing.assert_array_equal(longer.motion.identity, request.motion.identity)
    assert len(longer.audio) == 14 * 640
