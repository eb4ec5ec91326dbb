"""Networks as judges of video answers: which metrics a task gets from them, under which names, and what is said where
one cannot be measured."""

from pathlib import Path

import numpy as np
import pytest
from answering import Knows
from onnx_files import pooled
from tests.evaluation.probe_views import people

from talkie.cli.evaluate import judges_from
from talkie.clip import Clip
from talkie.errors import BadInput
from talkie.evaluation import published
from talkie.evaluation.evaluate import MODEL, _Asking
from talkie.evaluation.judges import Judges, judges_of
from talkie.evaluation.probes import build_probe, metrics
from talkie.evaluation.protocols.protocol import Protocol
from talkie.heads import builtin_head, project_landmarks
from talkie.systems import TASKS
from talkie.systems.tasks.video import VideoResult
from tone_clips import tone_clip
from tone_pictures import filmed

FRAMES = 20
VIDEO = TASKS["speech_to_video"]


@pytest.fixture(scope="module")
def clips():
    """Two people with sound and true landmarks, without phones, and one of them without an emotion."""
    return [_clip(5, "ann", {"emotion": "happy"}), _clip(6, "bea", {})]


def _clip(seed, who, labels):
    shown = filmed(tone_clip(seed, who, frames=FRAMES).decode(("flac", "head.npz")), 96)
    points = project_landmarks(builtin_head(), shown.fields["head.npz"]).astype(np.float32)
    record = shown.record.model_copy(update={"labels": labels})
    return Clip(record, {**shown.fields, "landmarks.npy": points})


@pytest.fixture
def load(monkeypatch, clips):
    """Probes of two steps in the place of those that are trained for minutes, and the true landmarks in the tracker's;
    a black answer has no face."""
    points = clips[0].fields["landmarks.npy"]

    def track(frames):
        return points[: len(frames)] if frames.max() > 20 else np.full((len(frames), 478, 3), np.nan)

    monkeypatch.setattr(metrics, "track", track)
    seen, unseen = people("ab", 2, "train"), people("xy", 2, "test")

    def trained(name, data=None, cache=None):
        probe = build_probe(name)
        probe.train(seen, unseen, 2)
        return probe

    return trained


def judged(judges, clips, answer_of):
    truths = [VIDEO.truth_of(clip) for clip in clips]
    kept = [judges.score(c, t, answer_of(t)) for c, t in zip(clips, truths, strict=True)]
    return judges.measure(kept)


def test_a_video_is_scored_by_probes_under_the_stages_names(clips, load):
    found, missing = judged(judges_of(VIDEO, probes=True, load=load), clips, lambda truth: truth)
    assert {"stage_lse_d", "stage_lse_c", "stage_av_offset", "stage_csim", "stage_lpips"} <= found.keys()
    assert all(name == m.name for name, m in found.items())
    assert found["stage_lpips"].value == pytest.approx(0, abs=1e-9)
    assert "stands in for" in found["stage_csim"].protocol["network"]
    assert found["stage_emotion_accuracy"].items == 1
    assert "1 clips left out" in found["stage_emotion_accuracy"].protocol["left out"]
    assert "no phones" in missing["stage_ver"]
    assert found.keys() & missing.keys() == set()


def test_answers_without_a_face_are_said_to_have_no_figures(clips, load):
    black = judged(judges_of(VIDEO, probes=True, load=load), clips, lambda t: VideoResult(25, np.zeros_like(t.frames)))
    assert {name: found.value for name, found in black[0].items()} == {"stage_opening_correlation": 0}
    assert "no face" in black[1]["stage_csim"]


def test_the_probe_of_the_ranking_metric_learns_from_the_data_that_is_measured_on(clips, load):
    asked = []

    def told(name, data, cache):
        asked.append((name, data))
        return load(name)

    judges = judges_of(VIDEO, ranking="stage_opening_correlation", ranked="the data", load=told)
    assert asked == [("opening", "the data")]
    found, missing = judged(judges, clips[:1], lambda truth: truth)
    assert {name: m.value for name, m in found.items()} == pytest.approx({"stage_opening_correlation": 1})
    assert missing == {}
    assert judges_of(VIDEO, ranking="aperture_correlation").wants == ()


def test_the_ranking_figure_is_made_once(clips, load):
    asked = []
    judges_of(
        VIDEO,
        probes=True,
        ranking="stage_opening_correlation",
        ranked="the data",
        load=lambda name, data, cache: asked.append((name, data)) or load(name),
    )
    assert asked[0] == ("opening", "the data")
    assert ("opening", None) not in asked
    assert ("sync", None) in asked


def test_tasks_get_the_metrics_that_are_theirs(load):
    asked = []
    judges_of(TASKS["human_animation"], probes=True, load=lambda name, *rest: asked.append(name) or load(name))
    assert set(asked) == {"identity", "perceptual", "parameters"}
    assert judges_of(TASKS["speech_to_motion"]).wants == ()


def test_published_networks_come_from_files_and_keep_their_names(clips, load, monkeypatch, tmp_path):
    monkeypatch.setattr(published, "track", metrics.track)
    pooled(tmp_path / "i.onnx", [None, 3, 299, 299], 2048)
    pooled(tmp_path / "face.onnx", [None, 3, 112, 112], 512, stand_in="made")
    files = {"inception": [tmp_path / "i.onnx"], "arcface": [tmp_path / "face.onnx"]}
    found, _ = judged(judges_of(VIDEO, networks=files), clips, lambda truth: truth)
    assert found.keys() == {"fid", "kid", "made_csim"}
    assert found["fid"].value == pytest.approx(0, abs=1e-3)
    assert found["fid"].items == 2 * FRAMES
    assert found["made_csim"].value > 0.9


def test_judged_figures_stand_in_the_rows_of_an_evaluation(clips, load, monkeypatch):
    class Plain(Protocol):
        def score(self, clip, truth, answer):
            return {"l1": 0.0}

        def measure(self, metric, clips):
            return found

    judges = judges_of(VIDEO, probes=True, load=load)
    found, _ = judged(judges, clips, lambda truth: truth)
    found = found["stage_lpips"]
    asking = _Asking(VIDEO, Plain(), judges, VIDEO.metrics[0])
    rows = asking.measure(Knows(VIDEO, clips), VIDEO.baseline(clips), clips, clips[::-1], lambda done, total: None)
    assert [row.subject for row in rows] == [MODEL, "still portrait", "shuffled audio"]
    assert all("stage_lse_c" in row.measurements for row in rows)
    assert "stage_ver" in rows[0].unmeasured


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"task": TASKS["speech_to_motion"], "probes": True}, "judge videos"),
        ({"task": VIDEO, "networks": {"vgg": [Path("x")]}}, "no network 'vgg'"),
        ({"task": VIDEO, "networks": {"syncnet": [Path("x")]}}, "give syncnet=lips.onnx,sound.onnx"),
        ({"task": VIDEO, "networks": {"inception": [Path("x")]}}, "no such file"),
    ],
)
def test_wrong_judges_are_refused_with_their_cure(arguments, says):
    with pytest.raises(BadInput, match=says):
        judges_of(arguments.pop("task"), **arguments)


def test_options_on_judges_become_arguments():
    found = judges_from(True, None, ["syncnet=a.onnx,b.onnx", "i3d=c.onnx"])
    assert found["networks"] == {"syncnet": [Path("a.onnx"), Path("b.onnx")], "i3d": [Path("c.onnx")]}
    with pytest.raises(BadInput, match="names no file"):
        judges_from(False, None, ["i3d"])
    with pytest.raises(BadInput, match="add --probes"):
        judges_from(False, "shards", None)


def test_no_judges_judge_nothing(clips):
    assert judged(Judges(), clips, lambda truth: truth) == ({}, {})
