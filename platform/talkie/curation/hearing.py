"""The sound of a source and what is said in it: own track or sidecar, phones aligned or decoded; no picture here."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from talkie.clip import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME, Transcription
from talkie.curation.sources import SourceFile
from talkie.errors import AlignmentFailed, BadInput
from talkie.media import fit_audio, read_audio
from talkie.media.container import Damage


@dataclass(frozen=True)
class Hearing:
    """Sound (N,) float32 at 16 kHz from the time of the first picture, or None; `origin`: "own" or "sidecar".

    `text`: the transcript as it was given; `transcription`: its words and phones over the whole source, or those
    of the phone loop; `failure`: why the transcript could not be aligned.
    """

    audio: np.ndarray | None = None
    origin: str | None = None
    text: str | None = None
    transcription: Transcription | None = None
    failure: str | None = None


@dataclass(frozen=True)
class Heard:
    """The part of a Hearing that belongs to a clip: sound of the clip's length, `padded_s` seconds of which are
    appended silence, words and phones in the clip's time, and the words' text."""

    audio: np.ndarray | None
    padded_s: float
    transcription: Transcription | None
    text: str | None


def hear(source: SourceFile, max_seconds: float, on_damage: Damage) -> Hearing:
    """Sound and phones of a source. The sidecar's sound wins over the file's own: somebody put it there.

    Raises TooLong, BadInput (a transcript that is no UTF-8) and what the decoder raises.
    """
    text = _read_text(source)
    place = source.audio or source.path
    audio = read_audio(place, SAMPLE_RATE, max_seconds=max_seconds, on_damage=on_damage)
    if audio is None or not len(audio):
        return Hearing(text=text)
    origin = "sidecar" if source.audio else "own"
    transcription, failure = _transcribe(audio, text)
    return Hearing(audio, origin, text, transcription, failure)


def _read_text(source: SourceFile) -> str | None:
    if source.transcript is None:
        return None
    try:
        return source.transcript.read_text("utf-8-sig").strip() or None
    except UnicodeDecodeError as error:
        raise BadInput("is no UTF-8 text", where=source.transcript.name, cure="save it as UTF-8") from error


def _transcribe(audio: np.ndarray, text: str | None) -> tuple[Transcription, str | None]:
    # The acoustic model takes a moment to load, and is not needed for silent footage.
    from talkie.speech.alignment import align, decode_phones

    if text is None:
        return decode_phones(audio), None
    try:
        return align(audio, text), None
    except AlignmentFailed as error:
        return decode_phones(audio), str(error)


def part(hearing: Hearing, first: int, frames: int) -> Heard:
    """What belongs to `frames` frames of the 25 fps grid from number `first`."""
    if hearing.audio is None:
        return Heard(None, 0.0, None, None)
    start = first * SAMPLES_PER_FRAME
    stop = start + frames * SAMPLES_PER_FRAME
    audio, _ = fit_audio(hearing.audio[start:stop], frames)
    padded = max(0.0, (stop - max(start, len(hearing.audio))) / SAMPLE_RATE)
    transcription = _shifted(hearing.transcription, first / FPS, (first + frames) / FPS)
    return Heard(audio, padded, transcription, _text_of(hearing, transcription))


def _shifted(whole: Transcription | None, start_s: float, end_s: float) -> Transcription | None:
    """Words and phones that lie in [start_s, end_s], counted from start_s; those on its edges are cut there."""
    if whole is None:
        return None

    def inside(items):  # type: ignore[no-untyped-def]
        for item in items:
            begin, end = max(item.start_s, start_s), min(item.end_s, end_s)
            if end > begin:
                yield replace(item, start_s=round(begin - start_s, 6), end_s=round(end - start_s, 6))

    return Transcription(tuple(inside(whole.words)), tuple(inside(whole.phones)), whole.origin)


def _text_of(hearing: Hearing, transcription: Transcription | None) -> str | None:
    """The given text where all its words are in the clip, otherwise the words that are."""
    if hearing.text is None or hearing.transcription is None or transcription is None or hearing.failure:
        return None
    if len(transcription.words) == len(hearing.transcription.words):
        return hearing.text
    return " ".join(word.text for word in transcription.words) or None
