"""Files in, a file out, with no server: what `talkie generate` runs, for every task."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from talkie.clip import SAMPLE_RATE, Clip
from talkie.errors import BadInput, MissingField
from talkie.experiments import load_model, resolve_model
from talkie.serving.answers import answer, model_label
from talkie.serving.controls import MotionControls, VideoControls
from talkie.serving.exchange import AnswerFormat
from talkie.serving.material import Files
from talkie.serving.results import written
from talkie.serving.uploads import load_speech
from talkie.shards import open_dataset
from talkie.shards.atomic import write_atomically
from talkie.systems import SPEECH_TO_MOTION, TASKS, System

MAX_SECONDS = 3600.0
"""Longest speech taken: sound and coefficients are in memory whole, pictures are not."""

MAX_FILM_SECONDS = 120.0
"""Longest question whose answer is a film that a system paints: all of its frames are in memory."""


@dataclass(frozen=True)
class Generated:
    """What was written: the file, the model (name/version), frames and seconds of sound, and seconds of computing."""

    path: Path
    model: str
    frames: int
    audio_s: float
    compute_s: float


@dataclass(frozen=True)
class ClipNamed:
    """A clip of shards as the question, as the bench asks it."""

    data: Path
    clip: str


def generate(
    model_ref: str,
    files: Files,
    out_path: str | Path,
    home: Path | None = None,
    controls: MotionControls | None = None,
    *,
    clip: ClipNamed | None = None,
    max_seconds: float = MAX_SECONDS,
) -> Generated:
    """Ask a model about files, or about a clip. The suffix of `out_path` chooses the kind of answer; the file appears
    whole or not. `controls` are those of motion on the built-in head; other tasks take those of `files`.

    Raises UnknownModel, BadInput (suffix, folder, style, a file that the task needs, a control that the system lacks),
    UnreadableMedia and its kinds, TooLong, TooShort, NoFace.
    """
    out = Path(out_path)
    kind = _kind_of(out)
    files.check()
    handle = resolve_model(model_ref, home)
    system = load_model(handle)
    label = model_label(handle)
    if system.card.task == SPEECH_TO_MOTION.slug:
        if clip is not None:
            raise BadInput("motion is asked for by sound", where="clip", cure="give a file as --audio")
        done = _motion(system, files, controls or VideoControls(), kind, label, max_seconds)
    else:
        done = _asked(system, files, clip, kind, label, min(max_seconds, MAX_FILM_SECONDS))
    body, frames, audio_s, compute_s = done
    try:
        write_atomically(out, body)
    except OSError as error:
        raise BadInput(f"cannot be written: {error.strerror}", where=str(out), cure="choose another place") from error
    return Generated(out, label, frames, audio_s, compute_s)


def _motion(
    system: System, files: Files, controls: MotionControls, kind: str, label: str, max_seconds: float
) -> tuple[bytes, int, float, float]:
    if files.audio is None:
        raise BadInput("the question needs audio", where="audio", cure="give a file as --audio")
    if files.portrait or files.driving or files.video:
        raise BadInput("motion is made of sound alone", where=system.card.slug, cure="leave pictures and films out")
    if beyond := sorted(files.controls.keys() - controls.asked().keys()):
        raise BadInput("motion has no such control", where=beyond[0], cure="use style, emotion or intensity")
    known = next((known for known in get_args(AnswerFormat) if known == kind), None)
    if known is None:
        raise BadInput("such an answer is no npz", where="out", cure="name the file .mp4, .json or .csv")
    audio = load_speech(files.audio, max_seconds)
    result = answer(system, audio, controls, known, label)
    return result.body, result.frames, len(audio) / SAMPLE_RATE, result.compute_s


def _asked(
    system: System, files: Files, clip: ClipNamed | None, kind: str, label: str, max_seconds: float
) -> tuple[bytes, int, float, float]:
    import torch

    for name in files.controls:
        if name not in system.card.controls:
            cure = f"use {', '.join(system.card.controls)}" if system.card.controls else "leave it out"
            raise BadInput(f"{system.card.slug} has no such control", where=name, cure=cure)
    request = _request(system, files, clip, max_seconds)
    start = time.perf_counter()
    with torch.inference_mode():
        result = system.generate(request)
    compute_s = time.perf_counter() - start
    audio: np.ndarray | None = getattr(request, "audio", None)
    body, frames = written(result, kind, audio, label)
    return body, frames, 0.0 if audio is None else len(audio) / SAMPLE_RATE, compute_s


def _request(system: System, files: Files, clip: ClipNamed | None, max_seconds: float) -> Any:
    task = TASKS[system.card.task]
    material = files.load(max_seconds)
    if clip is None:
        return task.request_from(material)
    request = replace(task.request_of(_clip(clip, task.needs)), controls=material.controls)
    request = replace(request, seed=material.seed) if hasattr(request, "seed") else request
    if files.portrait or files.driving or files.video:
        raise BadInput("a clip brings its own pictures", where="clip", cure="leave the clip or the pictures out")
    if material.audio is None:
        return request
    if not hasattr(request, "audio"):
        raise BadInput(f"{task.title.lower()}: no sound is asked for", where="audio", cure="leave it out")
    return task.with_speech(request, material.audio)


def _clip(named: ClipNamed, needs: tuple[str, ...]) -> Clip:
    data = open_dataset(named.data)
    if named.clip not in data.entries:
        raise BadInput(f"no clip {named.clip}", where=str(named.data), cure="`talkie inspect` lists them")
    for member in needs:
        if member not in data.entries[named.clip].members:
            raise MissingField(f"clip {named.clip} has no {member}", where=data.where, cure="choose another clip")
    return data.raw(named.clip).decode(needs)


def _kind_of(out: Path) -> str:
    kind = out.suffix.lower().removeprefix(".")
    if kind not in (*get_args(AnswerFormat), "npz"):
        raise BadInput("no such kind of answer", where=str(out), cure="name the file .mp4, .json, .csv or .npz")
    if not out.parent.is_dir():
        raise BadInput("no such folder", where=str(out.parent), cure="make it first")
    return kind
