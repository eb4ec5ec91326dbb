"""Clips as probes see them, and figures of answers under the stage's name."""

import numpy as np
import pytest
import torch
from tests.evaluation.probe_views import people
from tests.tone_clips import tone_clip
from tests.tone_pictures import filmed

from talkie.clip import Clip, Phone, Transcription
from talkie.errors import BadInput
from talkie.evaluation.metrics import METRICS
from talkie.evaluation.probes import build_probe, metrics, probe_names, view_clip, view_frames
from talkie.evaluation.probes.views import PARAMETERS, hear
from talkie.heads import builtin_head, project_landmarks
from talkie.speech.phones import VISEMES
from talkie.systems.tasks.checks import clip_pictures
from talkie.systems.tasks.video import VideoResult

FRAMES = 20


@pytest.fixture(scope="module")
def clip():
    """A rendered tone clip with true landmarks, phones and an emotion."""
    shown = filmed(tone_clip(5, frames=FRAMES).decode(("flac", "head.npz")), 96)
    points = project_landmarks(builtin_head(), shown.fields["head.npz"]).astype(np.float32)
    said = Transcription((), (Phone("SIL", "sil", 0.0, 0.4), Phone("AA", "aa", 0.4, 0.8)), "test")
    record = shown.record.model_copy(update={"labels": {"emotion": "happy"}})
    return Clip(record, {**shown.fields, "landmarks.npy": points, "phones.json": said})


@pytest.fixture(scope="module")
def probes():
    seen, unseen = people("ab", 2, "train"), people("xy", 2, "test")
    found = {name: build_probe(name) for name in probe_names()}
    for probe in found.values():
        probe.train(seen, unseen, 2)
    return found


@pytest.fixture
def tracked(clip, monkeypatch):
    """The true landmarks in the tracker's place: it is tested elsewhere."""
    monkeypatch.setattr(metrics, "track", lambda frames: clip.fields["landmarks.npy"][: len(frames)])


def test_a_clip_is_seen_with_its_truth(clip):
    view, head = view_clip(clip), clip.fields["head.npz"]
    assert view.faces.shape == (FRAMES, 64, 64, 3)
    assert view.mouths.shape == (FRAMES, 40, 40)
    assert view.sound.shape == (FRAMES, 4, 80)
    assert view.known.parameters.shape == (FRAMES, PARAMETERS)
    np.testing.assert_array_equal(view.known.parameters[:, :52], head.expression)
    # The head looks straight into its camera.
    np.testing.assert_allclose(view.known.parameters[:, -3:], 0, atol=1e-6)
    points = clip.fields["landmarks.npy"][4, :, :2]
    apart, width = np.linalg.norm(points[13] - points[14]), np.linalg.norm(points[61] - points[291])
    assert view.known.opening[4] == pytest.approx(apart / width)
    assert [VISEMES[v] for v in view.known.visemes] == ["sil"] * 10 + ["aa"] * 10


def test_the_mouth_crop_is_darker_inside_when_the_jaw_is_open(clip):
    view, jaw = view_clip(clip), clip.fields["head.npz"].jaw[:, 0]
    inside = view.mouths[:, 20:32, 12:28].astype(float).mean((1, 2))
    assert np.corrcoef(inside, jaw)[0, 1] < -0.5


def test_frames_without_a_face_take_the_nearest_landmarks(clip):
    frames, points = clip_pictures(clip), clip.fields["landmarks.npy"].copy()
    whole = view_frames(frames, points)
    points[3] = np.nan
    points[4:6] = points[2]
    holed = view_frames(frames, points)
    np.testing.assert_array_equal(whole.faces[0], holed.faces[0])
    assert np.isfinite(holed.mouths.astype(float)).all()
    with pytest.raises(BadInput, match="no face"):
        view_frames(frames, np.full_like(points, np.nan))


def test_the_level_of_the_sound_says_nothing():
    draw = np.random.default_rng(0).normal(0, 0.1, 6400)
    np.testing.assert_allclose(hear(draw, 10), hear(0.5 * draw, 10), atol=1e-4)
    assert abs(hear(draw, 10).mean()) < 1e-5


def test_sound_that_ends_early_is_padded():
    assert hear(np.zeros(1000), 5).shape == (5, 4, 80)


def test_every_metric_is_measured_under_the_stages_name(clip, probes, tracked):
    answer = VideoResult(25, clip_pictures(clip))
    kept = metrics.score(clip, answer, probes, tuple(metrics.PROBE_OF))
    for name in metrics.PROBE_OF:
        found = metrics.figure(name, [kept], probes)
        assert found.name == f"stage_{name}"
        assert found.unit == METRICS[name].unit
        assert "stands in for" in found.protocol["network"]
        assert np.isfinite(found.value)


def test_the_truth_as_its_own_answer_has_no_distance(clip, probes, tracked):
    kept = metrics.score(
        clip, VideoResult(25, clip_pictures(clip)), probes, ("lpips", "csim", "aed_3dmm", "opening_correlation")
    )
    assert kept["opening_correlation"] == pytest.approx(1)
    np.testing.assert_allclose(kept["lpips"], 0, atol=1e-9)
    assert kept["csim"].min() > 0.9
    np.testing.assert_allclose(kept["aed_3dmm"], 0, atol=1e-6)


def test_a_picture_that_stands_still_follows_nothing(clip, probes, monkeypatch):
    points = clip.fields["landmarks.npy"]
    monkeypatch.setattr(metrics, "track", lambda frames: np.repeat(points[:1], len(frames), 0))
    still = VideoResult(25, np.repeat(clip_pictures(clip)[:1], FRAMES, 0))
    assert metrics.score(clip, still, probes, ("opening_correlation",))["opening_correlation"] == 0


def test_a_shorter_and_smaller_answer_is_compared_over_its_frames(clip, probes, monkeypatch):
    points = clip.fields["landmarks.npy"] * 0.5
    monkeypatch.setattr(metrics, "track", lambda frames: points[: len(frames)])
    answer = VideoResult(25, clip_pictures(clip)[:12, ::2, ::2])
    assert metrics.score(clip, answer, probes, ("lpips",))["lpips"].shape == (12,)


def test_probes_that_systems_learn_from_do_not_judge(clip, probes):
    judges = {**probes, "sync": build_probe("sync", "loss")}
    with pytest.raises(BadInput, match="for losses"):
        metrics.score(clip, VideoResult(25, clip_pictures(clip)), judges, ("lse_d",))


@pytest.mark.parametrize(("metric", "missing"), [("fid", "no probe measures"), ("lse_d", "needs the sync probe")])
def test_unknown_metrics_and_missing_probes_are_named(clip, metric, missing):
    with pytest.raises(BadInput, match=missing):
        metrics.score(clip, VideoResult(25, clip_pictures(clip)), {}, (metric,))


def test_metrics_and_probes_agree_on_networks():
    kinds = {name: build_probe(name).kind for name in probe_names()}
    assert {METRICS[m].network == kinds[p] for m, p in metrics.PROBE_OF.items()} == {True}


def test_looking_leaves_torch_as_it_was():
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    build_probe("sync")
    assert torch.equal(state, torch.get_rng_state())
    assert threads == torch.get_num_threads()
