"""Speech file in, MP4, JSON or CSV out, with no server: what `talkie generate` runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from talkie.clip import SAMPLE_RATE
from talkie.errors import BadInput
from talkie.experiments import load_model, resolve_model
from talkie.serving.answers import answer, model_label
from talkie.serving.controls import MotionControls, VideoControls
from talkie.serving.exchange import AnswerFormat
from talkie.serving.uploads import load_speech
from talkie.shards.atomic import write_atomically

MAX_SECONDS = 3600.0
"""Longest speech taken: sound and coefficients are in memory whole, pictures are not."""


@dataclass(frozen=True)
class Generated:
    """What was written: the file, the model (name/version), frames and seconds, and seconds of computing."""

    path: Path
    model: str
    frames: int
    audio_s: float
    compute_s: float


def generate(
    model_ref: str,
    audio_path: str | Path,
    out_path: str | Path,
    home: Path | None = None,
    controls: MotionControls | None = None,
    *,
    max_seconds: float = MAX_SECONDS,
) -> Generated:
    """Animate a speech file. The suffix of `out_path` chooses .mp4, .json or .csv; the file appears whole or not.

    Raises UnknownModel, BadInput (suffix, folder, style), UnreadableMedia and its kinds, TooLong, TooShort.
    """
    out = Path(out_path)
    kind = _kind_of(out)
    audio = load_speech(Path(audio_path), max_seconds)
    handle = resolve_model(model_ref, home)
    system = load_model(handle)
    label = model_label(handle)
    result = answer(system, audio, controls or VideoControls(), kind, label)
    try:
        write_atomically(out, result.body)
    except OSError as error:
        raise BadInput(f"cannot be written: {error.strerror}", where=str(out), cure="choose another place") from error
    return Generated(out, label, result.frames, len(audio) / SAMPLE_RATE, result.compute_s)


def _kind_of(out: Path) -> AnswerFormat:
    suffix = out.suffix.lower().removeprefix(".")
    for kind in get_args(AnswerFormat):
        if suffix == kind:
            if not out.parent.is_dir():
                raise BadInput("no such folder", where=str(out.parent), cure="make it first")
            return kind
    raise BadInput("no such kind of answer", where=str(out), cure="name the file .mp4, .json or .csv")
