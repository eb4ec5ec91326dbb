"""From an upload or a file to samples, within limits that hold before and while the decoder runs."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import IO

import numpy as np

from talkie.clip import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from talkie.errors import BadInput, NotMedia, TalkieError, TooLong, TooShort
from talkie.media import read_audio
from talkie.media.container import audio_stream, open_media, video_stream

RATES_HZ = (4_000, 192_000)
"""Sample rates taken. A file that claims 1 Hz would grow sixteen thousand times on its way to 16 kHz."""

MAX_CHANNELS = 8


def read_upload(upload: IO[bytes], field: str, max_seconds: float) -> np.ndarray:
    """The sound of an upload, as `load_speech` says; its errors name the form's `field`.

    The bytes lie in a file of our own naming that only this user can read, until this returns. The client's file name
    is never used.
    """
    with tempfile.NamedTemporaryFile(prefix="talkie-upload-") as copy:
        upload.seek(0)
        shutil.copyfileobj(upload, copy)
        copy.flush()
        try:
            return load_speech(Path(copy.name), max_seconds)
        except TalkieError as error:
            raise type(error)(error.message, where=field, cure=error.cure) from error


def load_speech(path: Path, max_seconds: float) -> np.ndarray:
    """The sound of a file as (N,) float32 mono at 16 kHz, at least one frame and at most `max_seconds` long.

    Raises UnreadableMedia and its kinds (NotMedia for pictures with sound, too), TooLong, TooShort, BadInput.
    """
    _check_header(path)
    where = str(path)
    damage: list[str] = []
    audio = read_audio(
        path, max_seconds=max_seconds, on_damage=lambda at_s, why: damage.append(f"{why} at {at_s:.1f} s")
    )
    if audio is None or (damage and not len(audio)):
        raise NotMedia(f"no sound can be decoded{f': {damage[0]}' if damage else ''}", where=where)
    if len(audio) > max_seconds * SAMPLE_RATE:
        raise TooLong(f"longer than {max_seconds:g} s", where=where, cure="cut it or raise the limit")
    if len(audio) < SAMPLES_PER_FRAME:
        raise TooShort(f"holds {len(audio) / SAMPLE_RATE:.3f} s, less than a frame of {1 / FPS:g} s", where=where)
    if not np.isfinite(audio).all():
        raise BadInput("holds samples that are no numbers", where=where)
    return audio


def _check_header(path: Path) -> None:
    """Refuse what the decoder would have to blow up, before it decodes anything."""
    where = str(path)
    with open_media(path) as container:
        if video_stream(container) is not None:
            raise NotMedia("holds a moving picture", where=where, cure="send the sound alone")
        stream = audio_stream(container)
        if stream is None:
            raise NotMedia("holds no sound", where=where)
        low, high = RATES_HZ
        if not low <= stream.rate <= high:
            raise BadInput(f"{stream.rate} samples a second", where=where, cure=f"send {low} to {high}")
        if stream.channels > MAX_CHANNELS:
            raise BadInput(f"{stream.channels} channels", where=where, cure=f"send at most {MAX_CHANNELS}")
