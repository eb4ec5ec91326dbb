"""The sound of a piece of a source and what is said in it: own track or sidecar, phones aligned or decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from talkie.clip import SAMPLE_RATE, SAMPLES_PER_FRAME, Transcription
from talkie.curation.hearing.language import UNKNOWN, guess_language
from talkie.curation.hearing.whisper import load_whisper
from talkie.curation.record import SourceRecord
from talkie.errors import AlignmentFailed
from talkie.media import MediaInfo, audio_spool, read_audio
from talkie.media.container import Damage


@dataclass(frozen=True)
class Words:
    """What is said over the span of one record. text: the transcript, None where nobody knows; its origin: "sidecar"
    or the recogniser's name, with its confidence in [0, 1], 1 for what a person wrote. transcription: where its words
    and phones lie, in seconds of the source; failure: why they could not be placed. language in BCP 47, its origin:
    "record" (somebody said so), the recogniser's name, "transcript" (a guess from its words), or "none" where it is
    "und"."""

    text: str | None = None
    text_origin: str | None = None
    text_confidence: float | None = None
    transcription: Transcription | None = None
    failure: str | None = None
    language: str = UNKNOWN
    language_origin: str = "none"


@dataclass(frozen=True)
class Hearing:
    """Sound (N,) float32 at 16 kHz from sample `first` of the source's clock on, or None in silent footage.

    origin: "own" or "sidecar". words: by number of the record whose they are. decoded: the phones of the frames that
    were asked about last."""

    audio: np.ndarray | None = None
    first: int = 0
    origin: str | None = None
    words: dict[int, Words] = field(default_factory=dict)
    decoded: dict[tuple[int, int, int], Transcription] = field(default_factory=dict, repr=False)

    def samples(self, start: int, count: int) -> np.ndarray:
        """(count,) from sample `start` of the source on; silence where there is none."""
        assert self.audio is not None
        out = np.zeros(count, np.float32)
        begin, end = max(start, self.first), min(start + count, self.first + len(self.audio))
        if begin < end:
            out[begin - start : end - start] = self.audio[begin - self.first : end - self.first]
        return out

    def phones(self, first: int, frames: int, margin: int) -> tuple[Transcription, float]:
        """Phones that the loop hears in `frames` frames from number `first` and `margin` samples on either side, and
        the time in seconds of the source that they count from."""
        # The acoustic model takes a moment to load, and is not needed for silent footage.
        from talkie.speech.alignment import decode_phones

        key = (first, frames, margin)
        if key not in self.decoded:
            self.decoded.clear()
            start = first * SAMPLES_PER_FRAME - margin
            self.decoded[key] = decode_phones(self.samples(start, frames * SAMPLES_PER_FRAME + 2 * margin))
        return self.decoded[key], (first * SAMPLES_PER_FRAME - margin) / SAMPLE_RATE

    def missing(self, first: int, frames: int) -> float:
        """Seconds of `frames` frames from number `first` that lie after the sound's end."""
        assert self.audio is not None
        start, stop = first * SAMPLES_PER_FRAME, (first + frames) * SAMPLES_PER_FRAME
        return max(0, stop - max(start, self.first + len(self.audio))) / SAMPLE_RATE


@dataclass(frozen=True)
class Heard:
    """The part of a Hearing that belongs to a clip: sound of the clip's length, and `wide` with more on either side;
    words and phones in the clip's time, and the words' text; words: what they were taken from."""

    audio: np.ndarray | None = None
    wide: np.ndarray | None = None
    transcription: Transcription | None = None
    text: str | None = None
    words: Words = field(default_factory=Words)


def words_of(
    path: Path,
    records: Sequence[SourceRecord],
    folder: Path,
    max_seconds: float,
    info: MediaInfo,
    on_damage: Damage,
    whisper: Path | None = None,
) -> dict[int, Words]:
    """What is said, by number of the record whose words they are; nothing where neither its owner nor `whisper` knows.

    `folder` holds the sound meanwhile, so that memory does not grow with its length. Raises what the decoder raises,
    and BadConfig or MissingExtra for a recogniser that cannot be loaded."""
    if whisper is None and not any((record.text or "").strip() for record in records):
        return {n: Words(language=r.language, language_origin=_stated(r.language)) for n, r in enumerate(records)}
    spool = audio_spool(path, folder, info=info, max_seconds=max_seconds, on_damage=on_damage)
    samples = np.zeros(0, np.int16) if spool is None else spool.samples
    try:
        return {number: _words(samples, record, whisper) for number, record in enumerate(records)}
    finally:
        del samples
        if spool is not None:
            spool.path.unlink()


def _words(samples: np.ndarray, record: SourceRecord, whisper: Path | None) -> Words:
    first = round((record.start_s or 0.0) * SAMPLE_RATE)
    last = len(samples) if record.end_s is None else round(record.end_s * SAMPLE_RATE)
    found = understand(samples[first:last], (record.text or "").strip() or None, record.language, whisper)
    if found.transcription is None:
        return found
    return replace(found, transcription=_moved(found.transcription, first / SAMPLE_RATE))


def understand(
    audio: np.ndarray, text: str | None, language: str = UNKNOWN, whisper: Path | str | None = None
) -> Words:
    """What is said in a sound (N,) float32 or int16 at 16 kHz, which may be long and mapped from disk.

    text: the transcript that came with it, which wins over `whisper`, a place that `load_whisper` takes. The language
    is the record's where it says one, else Whisper's, else a guess from a transcript's little words, else "und".
    Raises BadConfig, MissingExtra for weights that cannot be loaded."""
    # The acoustic model takes a moment to load, and is not needed for silent footage.
    from talkie.speech.long_alignment import align_any

    text_origin, sure = ("sidecar", 1.0) if text is not None else (None, None)
    language_origin = _stated(language)
    if text is None and whisper is not None and len(audio):
        recogniser = load_whisper(str(whisper))
        said = recogniser.transcribe(audio)
        if said.text:
            text, text_origin, sure = said.text, recogniser.name, said.confidence
            if language == UNKNOWN:
                language, language_origin = said.language, recogniser.name
    if language == UNKNOWN and text is not None:
        language = guess_language(text)
        language_origin = "transcript" if language != UNKNOWN else "none"
    found = Words(text, text_origin, sure, None, None, language, language_origin)
    if text is None or not len(audio):
        return found
    try:
        return replace(found, transcription=align_any(audio, text))
    except AlignmentFailed as error:
        return replace(found, failure=str(error))


def _stated(language: str) -> str:
    return "none" if language == UNKNOWN else "record"


def hear(
    path: Path,
    start_s: float,
    end_s: float | None,
    margin_s: float,
    origin: str,
    words: dict[int, Words],
    info: MediaInfo,
    max_seconds: float,
    on_damage: Damage,
) -> Hearing:
    """The sound of a piece with `margin_s` more on either side. Raises what the decoder raises."""
    begin = max(0.0, start_s - margin_s)
    audio = read_audio(
        path,
        start_s=begin,
        end_s=None if end_s is None else end_s + margin_s,
        info=info,
        max_seconds=max_seconds,
        on_damage=on_damage,
    )
    if audio is None or not len(audio):
        return Hearing(words=words)
    return Hearing(audio, round(begin * SAMPLE_RATE), origin, words)


def part(
    hearing: Hearing, first: int, frames: int, record: int | None = None, *, shift_s: float = 0.0, margin: int = 0
) -> Heard:
    """What belongs to `frames` frames of the 25 fps grid from number `first`, with the words of a record; the sound is
    taken `shift_s` later from the source. Without words the phones are decoded."""
    if hearing.audio is None:
        return Heard()
    start = first * SAMPLES_PER_FRAME + round(shift_s * SAMPLE_RATE)
    count = frames * SAMPLES_PER_FRAME
    wide = hearing.samples(start - margin, count + 2 * margin)
    audio = wide[margin : margin + count]
    words = hearing.words.get(record, Words()) if record is not None else Words()
    if words.transcription is None:
        # Once for all that is asked about these frames: a shift takes another stretch of the same phones.
        heard, from_s = hearing.phones(first, frames, margin)
        own_s = start / SAMPLE_RATE - from_s
        return Heard(audio, wide, _between(heard, own_s, own_s + count / SAMPLE_RATE), None, words)
    inside = _between(words.transcription, start / SAMPLE_RATE, (start + count) / SAMPLE_RATE)
    return Heard(audio, wide, inside, _text_of(words, inside), words)


def _moved(whole: Transcription, by_s: float) -> Transcription:
    def moved(items):  # type: ignore[no-untyped-def]
        return tuple(replace(i, start_s=round(i.start_s + by_s, 6), end_s=round(i.end_s + by_s, 6)) for i in items)

    return Transcription(moved(whole.words), moved(whole.phones), whole.origin)


def _between(whole: Transcription, start_s: float, end_s: float) -> Transcription:
    """Words and phones that lie in [start_s, end_s], counted from start_s; those on its edges are cut there."""

    def inside(items):  # type: ignore[no-untyped-def]
        for item in items:
            begin, end = max(item.start_s, start_s), min(item.end_s, end_s)
            if end > begin:
                yield replace(item, start_s=round(begin - start_s, 6), end_s=round(end - start_s, 6))

    return Transcription(tuple(inside(whole.words)), tuple(inside(whole.phones)), whole.origin)


def _text_of(words: Words, inside: Transcription) -> str | None:
    """The given text where all its words are in the clip, otherwise the words that are."""
    assert words.transcription is not None
    if len(inside.words) == len(words.transcription.words):
        return words.text
    return " ".join(word.text for word in inside.words) or None
