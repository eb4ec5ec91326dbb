"""Each task's protocol ranks as it should: a system that answers what is true beats the trivial baseline and its own
shuffled control, and one that does not look at what drives it gains nothing over the control."""

import dataclasses

import numpy as np
import pytest
from answering import Ignores, Knows

from talkie.clip import Clip
from talkie.errors import BadInput
from talkie.evaluation.evaluate import MODEL, _Asking, _gains
from talkie.evaluation.judges import Judges
from talkie.evaluation.protocols import protocol_of, video
from talkie.heads import builtin_head, pose_vertices, project_landmarks
from talkie.systems import TASKS
from talkie.systems.tasks.capture import CaptureResult, skull_rows, stabilised
from talkie.systems.tasks.recognition import RecognitionResult
from tone_clips import tone_clip
from tone_pictures import filmed

FRAMES = 15


@pytest.fixture(scope="module", autouse=True)
def _tracked_once():
    """The same frames are answered again and again here; looking for their faces takes longer than all else."""
    seen, look = {}, video.tracked

    def tracked(frames):
        key = frames.tobytes()
        if key not in seen:
            seen[key] = look(frames)
        return seen[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(video, "tracked", tracked)
        yield


@pytest.fixture(scope="module")
def clips():
    """Three talking heads, with every field that a task's request reads."""
    return [_clip(number, who) for number, who in enumerate(("ann", "bea", "cid"))]


def _clip(number, who):
    raw = tone_clip(20 + number, who, "test", FRAMES)
    head = raw.decode(("head.npz",)).fields["head.npz"]
    draw = np.random.default_rng(number)
    sway = np.cumsum(draw.normal(0, 0.004, (FRAMES, 3)), 0).astype(np.float32)
    swaying = dataclasses.replace(head, rotation=sway, translation=0.1 * sway)
    spoken = raw.decode(("flac",))
    shown = filmed(Clip(spoken.record, {**spoken.fields, "head.npz": swaying}), 64, look=number)
    points = project_landmarks(builtin_head(), shown.fields["head.npz"]).astype(np.float32)
    labels = {"emotion": ("happy", "sad")[number % 2], "spoof": ("genuine", "attack")[number % 2]}
    record = shown.record.model_copy(update={"labels": labels})
    body = np.concatenate([points[:, :33, :2], np.ones((FRAMES, 33, 1), np.float32)], 2)
    return Clip(record, {**shown.fields, "landmarks.npy": points, "pose.npz": {"mediapipe33": body}})


def rows_of(task, clips, system):
    """Rows and gains of a system on the clips, each with the next one's driving signal as its control."""
    protocol, metric = protocol_of(task), task.headline(system.bar.metric)
    asking = _Asking(task, protocol, Judges(), metric)
    others = [*clips[1:], clips[0]]
    rows = asking.measure(system, task.baseline(clips), clips, others, lambda done, total: None)
    return {row.subject: row for row in rows}, _gains(task, protocol, metric, rows)


@pytest.mark.parametrize("slug", TASKS)
def test_who_answers_what_is_true_beats_the_baseline_and_the_control(slug, clips):
    task = TASKS[slug]
    rows, gains = rows_of(task, clips, Knows(task, clips))
    assert set(rows) == {MODEL, task.baseline_name, task.control_name}
    for other in (task.baseline_name, task.control_name):
        assert gains[f"{task.metrics[0]} over {other}"] > 0.15, (other, gains)
    assert set(task.metrics) <= rows[MODEL].measurements.keys()


@pytest.mark.parametrize("slug", TASKS)
def test_who_does_not_listen_gains_nothing_over_the_control(slug, clips):
    task = TASKS[slug]
    _, gains = rows_of(task, clips, Ignores(task, clips))
    assert gains[f"{task.metrics[0]} over {task.control_name}"] == pytest.approx(0, abs=1e-9)


def test_a_spoof_detector_is_measured_on_its_attribute_alone_and_so_is_its_baseline(clips):
    task = TASKS["recognition"]

    class Detector(Knows):
        def generate(self, request):
            found = super().generate(request)
            return RecognitionResult({"spoof": found.scores["spoof"]})

    rows, _ = rows_of(task, clips, Detector(task, clips))
    values = {name: row.measurements["hter"].value for name, row in rows.items()}
    assert values[MODEL] == 0
    assert values[task.baseline_name] == 0.5
    assert rows[MODEL].measurements["auc"].value == 1
    assert {row.measurements["uar"].items for row in rows.values()} == {len(clips)}


def test_rigid_motion_is_measured_where_expressions_are_not_said(clips):
    task = TASKS["capture"]

    class Stabiliser(Knows):
        def generate(self, request):
            found = super().generate(request)
            return CaptureResult(rotation=found.rotation, translation=found.translation)

    system = Stabiliser(task, clips)
    with pytest.raises(BadInput, match="no clip could be measured"):
        rows_of(task, clips, system)
    system.bar = dataclasses.replace(system.bar, metric="skull_error")
    rows, gains = rows_of(task, clips, system)
    assert "mve" in rows[MODEL].unmeasured
    assert gains[f"skull_error over {task.baseline_name}"] > 0.9
    assert 1e-4 < rows[task.baseline_name].measurements["skull_error"].value < 1e-2


def test_the_skulls_true_motion_leaves_it_where_it_was(clips):
    head = clips[0].fields["head.npz"]
    turned = dataclasses.replace(head, neck=np.linspace(0, 0.2, 3 * FRAMES).reshape(FRAMES, 3).astype(np.float32))
    mesh = pose_vertices(builtin_head(), turned)
    truth = TASKS["capture"].truth_of(Clip(clips[0].record, {**clips[0].fields, "head.npz": turned}))
    rotation, translation = stabilised(mesh[:, skull_rows(builtin_head())])
    np.testing.assert_array_equal(truth.rotation, rotation)
    from scipy.spatial.transform import Rotation

    skull = mesh[:, skull_rows(builtin_head())]
    still = np.einsum("tij,tvj->tvi", Rotation.from_rotvec(rotation).as_matrix(), skull) + translation[:, None]
    np.testing.assert_allclose(still, np.broadcast_to(still[:1], still.shape), atol=2e-6)


def test_spoof_rates_say_what_passed_and_how_sure_they_are(clips):
    protocol = protocol_of(TASKS["recognition"])
    kinds = ["genuine"] * 4 + ["print"] * 4 + ["replay"] * 4
    scores = [0.9, 0.8, 0.7, 0.2, 0.6, 0.1, 0.1, 0.1, 0.9, 0.7, 0.3, 0.1]
    kept = [{"genuine": pair, "pairs": []} for pair in zip(scores, kinds, strict=True)]
    values = {name: protocol.measure(name, kept) for name in ("hter", "apcer", "bpcer")}
    assert values["bpcer"].value == 0.25
    assert values["apcer"].value == 0.5
    assert values["hter"].value == (0.25 + 3 / 8) / 2
    assert values["apcer"].protocol["passed, print"] == "0.250"
    assert all(m.low <= m.value <= m.high for m in values.values())
