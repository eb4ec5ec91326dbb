"""Published metrics of video answers, measured with probes in the place of published networks: a clip and the answer to
it in, values out, and figures under the stage's name ("stage_lse_d"). Definitions are in `evaluation.metrics`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np

from talkie.clip import Clip
from talkie.errors import BadInput
from talkie.evaluation.metrics import (
    landmarks,
    measure,
    measure_set,
    perceptual,
    published_name,
    reading,
    recognition,
    sync,
)
from talkie.evaluation.probes.emotion import Emotion
from talkie.evaluation.probes.lips import Lips, letters
from talkie.evaluation.probes.opening import Opening
from talkie.evaluation.probes.parameters import ROTATION, WEIGHTS, Parameters
from talkie.evaluation.probes.people import Identity
from talkie.evaluation.probes.perceptual import Perceptual
from talkie.evaluation.probes.probe import STAND_IN, Probe
from talkie.evaluation.probes.sync import Sync
from talkie.evaluation.probes.views import View, view_clip, view_frames
from talkie.faces import FaceTracker
from talkie.speech.emotion import EMOTIONS
from talkie.systems import Measurement
from talkie.systems.tasks.checks import clip_audio, clip_pictures
from talkie.systems.tasks.video import VideoResult

PROBE_OF: Mapping[str, str] = MappingProxyType(
    {
        "lse_d": "sync", "lse_c": "sync", "av_offset": "sync",
        "ver": "lips",
        "opening_correlation": "opening",
        "csim": "identity",
        "emotion_accuracy": "emotion",
        "lpips": "perceptual",
        "aed_3dmm": "parameters", "apd": "parameters",
    }
)  # fmt: skip
"""The published metrics that probes measure, each with the probe's name."""
FIELDS = ("mp4", "flac", "landmarks.npy", "phones.json")
"""Clip members that are read where they are there; mp4 must be."""
_FACELESS: Mapping[str, Any] = MappingProxyType({"opening_correlation": 0.0})
"""What an answer in which no face is found is worth: lips that are not there follow nothing."""
_TRACKED = 256
"""Side in pixels at which faces are tracked, as in the protocol of videos."""


def view_answer(clip: Clip, answer: VideoResult) -> View:
    """The answer as probes see it, with the clip's sound: faces are tracked, as no answer comes with landmarks. Raises
    BadInput where no face is found in it."""
    sound = clip_audio(clip) if "flac" in clip.fields else None
    return view_frames(answer.frames, track(answer.frames), sound, clip.id)


def view_truth(clip: Clip) -> View:
    """The clip as probes see it, by its own landmarks or tracked ones."""
    if "landmarks.npy" in clip.fields:
        return view_clip(clip)
    return view_clip(Clip(clip.record, {**clip.fields, "landmarks.npy": track(clip_pictures(clip))}))


def track(frames: np.ndarray) -> np.ndarray:
    """(T, 478, 3) landmarks in pixels of frames (T, H, W, 3) of the largest face, NaN where none is found."""
    found = np.full((len(frames), 478, 3), np.nan)
    height, width = frames.shape[1:3]
    scale = _TRACKED / max(height, width)
    size = (round(width * scale), round(height * scale))
    with FaceTracker() as tracker:
        for number, frame in enumerate(frames):
            points = tracker.track(cv2.resize(np.ascontiguousarray(frame), size, interpolation=cv2.INTER_AREA))
            if points is not None:
                found[number] = points / scale
    return found


def score(clip: Clip, answer: VideoResult, probes: Mapping[str, Probe], metrics: Sequence[str]) -> dict[str, Any]:
    """What is kept of one clip for each of the metrics, for `figure`; both are trimmed to the shorter.

    Raises BadInput for an unknown metric, a probe that is missing or trained for losses, a clip without what a metric
    compares with, or an answer without a face."""
    for metric in metrics:
        _probe_of(metric, probes)
    frames = min(len(answer.frames), clip.record.frames)
    seen, truth = view_answer(clip, VideoResult(answer.fps, answer.frames[:frames])), view_truth(clip)
    return {metric: _value(metric, _probe_of(metric, probes), clip, answer, seen, truth) for metric in metrics}


def score_each(
    clip: Clip, answer: VideoResult, probes: Mapping[str, Probe], metrics: Sequence[str]
) -> dict[str, Any | BadInput]:
    """As `score`; of a metric for which clip or answer lack something, the BadInput that says what, as its value."""
    found: dict[str, Any | BadInput] = {}
    frames = min(len(answer.frames), clip.record.frames)
    try:
        truth = view_truth(clip)
    except BadInput as error:
        return dict.fromkeys(metrics, error)
    try:
        seen = view_answer(clip, VideoResult(answer.fps, answer.frames[:frames]))
    except BadInput as error:
        return {metric: _FACELESS.get(metric, error) for metric in metrics}
    for metric in metrics:
        try:
            found[metric] = _value(metric, _probe_of(metric, probes), clip, answer, seen, truth)
        except BadInput as error:
            found[metric] = error
    return found


def stage_name(metric: str, probes: Mapping[str, Probe]) -> str:
    """The name that a figure by a probe carries: `stage_` and the metric's own."""
    return published_name(metric, _probe_of(metric, probes).identity)


def metric_of(name: str) -> str:
    """The metric whose figures by a probe are called so ("stage_lse_d"), empty where no probe makes such figures."""
    metric = name.removeprefix(f"{STAND_IN}_")
    return metric if metric != name and metric in PROBE_OF else ""


def figure(
    metric: str, clips: Sequence[Mapping[str, Any]], probes: Mapping[str, Probe], left_out: str = ""
) -> Measurement:
    """One metric over clips, from what `score` kept of each. Its name is `stage_` and the metric's own; `left_out` says
    which clips it does not speak of. Raises BadInput for no clips, or as `score`."""
    probe = _probe_of(metric, probes)
    values = [clip[metric] for clip in clips]
    said = {"points": "MediaPipe's of the answer", "length": "trimmed to the shorter", "probe": _scored(probe)}
    if left_out:
        said["left out"] = left_out
    if metric in ("ver", "emotion_accuracy"):
        truth, guess = [v[0] for v in values], [v[1] for v in values]
        if metric == "ver":
            said["letters"] = "runs of the 15 visemes, without silence"
            rate = reading.ver(truth, guess)
        else:
            rate = recognition.emotion_accuracy(np.array(truth), np.array(guess))
        return measure_set(metric, rate, len(values), network=probe.identity, protocol=said)
    if metric in ("lse_d", "lse_c"):
        said["unit"] = "1 is what true held-out clips have"
    return measure(metric, values, network=probe.identity, protocol=said)


def _value(metric: str, probe: Probe, clip: Clip, answer: VideoResult, seen: View, truth: View) -> Any:
    frames = len(seen)
    if isinstance(probe, Sync):
        found = probe.scores(seen)
        return {"lse_d": found.distance, "lse_c": found.confidence, "av_offset": found.offset}[metric]
    if isinstance(probe, Lips):
        if truth.known.visemes is None:
            raise BadInput("no phones", where=clip.id, cure="give clips with phones.json")
        said = letters(truth.known.visemes[:frames])
        if not said:
            raise BadInput("nothing is said", where=clip.id, cure="leave it out: its rate has no denominator")
        return said, letters(probe.read(seen.mouths))
    if isinstance(probe, Opening):
        return sync.opening_correlation(probe.read(truth.mouths[:frames]), probe.read(seen.mouths))
    if isinstance(probe, Identity):
        source = probe.embed(truth.faces[:frames]).mean(0)
        return perceptual.csim(source, probe.embed(seen.faces))
    if isinstance(probe, Emotion):
        shown = truth.known.emotion
        if shown not in EMOTIONS:
            raise BadInput(f"emotion {shown!r}", where=clip.id, cure=f"label the clip {', '.join(EMOTIONS)}")
        return EMOTIONS.index(shown), EMOTIONS.index(probe.tell(seen.faces))
    if isinstance(probe, Parameters):
        part, distance = (
            (WEIGHTS, landmarks.expression_distance) if metric == "aed_3dmm" else (ROTATION, landmarks.pose_distance)
        )
        return distance(probe.read(truth.faces[:frames])[:, part], probe.read(seen.faces)[:, part])
    assert isinstance(probe, Perceptual)
    given = answer.frames[:frames]
    size = given.shape[2], given.shape[1]
    true = [cv2.resize(f, size, interpolation=cv2.INTER_AREA) for f in clip_pictures(clip)[:frames]]
    return probe(np.stack(true), given)


def _probe_of(metric: str, probes: Mapping[str, Probe]) -> Probe:
    if metric not in PROBE_OF:
        raise BadInput(f"no probe measures {metric!r}", cure=f"they measure {', '.join(PROBE_OF)}")
    name = PROBE_OF[metric]
    if name not in probes:
        raise BadInput(f"needs the {name} probe", where=metric, cure="load it with load_probe")
    if probes[name].role != "evaluation":
        raise BadInput(
            f"the {name} probe is one for losses",
            where=metric,
            cure='load it with role="evaluation": judges learn apart',
        )
    return probes[name]


def _scored(probe: Probe) -> str:
    return "; ".join(f"{m.name} {m.value:.3g}" for m in probe.held_out) or "not scored"
