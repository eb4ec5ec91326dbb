"""Which phone sounds when in recorded speech: forced alignment of a transcript, and a phone loop where there is none.
The recogniser itself is `recogniser`'s business; speech that we made ourselves has exact times from `synthesis`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

import numpy as np

from talkie.clip import SAMPLE_RATE, Phone, Transcription, Word
from talkie.errors import AlignmentFailed
from talkie.speech.phones import SILENCE, viseme_of
from talkie.speech.recogniser import FRAME_S, Span, loop_phones, place_phones, place_said_words, place_words, pronounce
from talkie.speech.text import bare, dictionary_form

ORIGIN = "pocketsphinx"
LOOP_ORIGIN = "pocketsphinx-phone-loop"

LOOP_CONFIDENCE = 0.3
"""Of every phone that the loop hears: it labels about four in ten of them right."""
GUESS_CONFIDENCE = 0.05
"""Of phones spread evenly over a word that the recogniser could not place."""

PIECE_S = 20.0
"""Longest stretch whose phones are placed at once: the second pass keeps a table of phones times frames."""
CONTEXT = 30
"""Frames of pause kept around a piece, where its neighbours leave as many."""
SAMPLES_PER_FRAME = round(FRAME_S * SAMPLE_RATE)


@dataclass(frozen=True)
class _Placed:
    """A word of the transcript, by its index, and its phones in seconds of the whole sound; `sure` is False where they
    are a guess."""

    index: int
    phones: tuple[Phone, ...]
    sure: bool


def align(audio: np.ndarray, transcript: str) -> Transcription:
    """Place every word and phone of a transcript in the speech: audio (N,) float32, 16 kHz mono.

    The phones cover the sound without a hole, SIL included; times are multiples of 10 ms. Confidence of a phone: see
    `_confidence`; of a word: the mean of its phones. Sound that the recogniser cannot follow is cut between words
    until what remains can be placed; a word left over is `aligned=False`, its phones spread evenly with confidence
    0.05. Words that cannot be pronounced lie between their neighbours, with confidence 0.
    Raises AlignmentFailed where the transcript has no word, or none of its words can be placed.
    """
    tokens = [token for token in transcript.split() if dictionary_form(token)]
    spoken = [(i, name) for i, name in enumerate(map(dictionary_form, tokens)) if pronounce(name) is not None]
    if not spoken:
        raise AlignmentFailed("the transcript has no word that can be spoken", cure="give the words that are said")
    placed = _place(audio, 0, spoken)
    if not any(word.sure for word in placed):
        raise AlignmentFailed(
            f"none of the {len(tokens)} words fits the sound", cure="check that the transcript belongs to it"
        )
    end_s = len(audio) / SAMPLE_RATE
    phones = [phone for word in placed for phone in word.phones]
    return Transcription(_words(tokens, placed, end_s), _cover(phones, end_s), ORIGIN)


def decode_phones(audio: np.ndarray) -> Transcription:
    """Phones without a transcript, from a phone loop: audio (N,) float32, 16 kHz mono.

    A rough guess at the mouth, never a transcript: `words` is empty and no phone's confidence is above 0.3.
    """
    heard = [_phone(span.name, span.start, span.end, LOOP_CONFIDENCE) for span in loop_phones(audio)]
    return Transcription((), _cover(heard, len(audio) / SAMPLE_RATE), LOOP_ORIGIN)


def _place(audio: np.ndarray, first_frame: int, words: Sequence[tuple[int, str]]) -> list[_Placed]:
    """Place (index, name) words in a stretch of sound that begins at `first_frame` of the whole."""
    names = [name for _, name in words]
    short = len(audio) <= PIECE_S * SAMPLE_RATE
    found = place_phones(audio, names) if short else None
    if found is not None:
        return [_sure(index, first_frame, phones) for (index, _), phones in zip(words, found, strict=True)]
    spans = place_words(audio, names)
    if spans is None:
        said = place_said_words(audio, names)
        if None in said:
            return _place_said(audio, first_frame, words, said)
        spans = [span for span in said if span is not None]
    if len(words) == 1 and (short or spans[0].end - spans[0].start > PIECE_S / FRAME_S):
        return _spread(words, first_frame + spans[0].start, first_frame + spans[0].end)
    placed: list[_Placed] = []
    for first, after in pairwise(_cuts(spans, len(audio))):
        begin = max(spans[first].start - CONTEXT, spans[first - 1].end if first else 0, 0)
        end = min(spans[after - 1].end + CONTEXT, spans[after].start if after < len(spans) else 1 << 60)
        stretch = audio[begin * SAMPLES_PER_FRAME : end * SAMPLES_PER_FRAME]
        placed += _place(stretch, first_frame + begin, words[first:after])
    return placed


def _place_said(
    audio: np.ndarray, first_frame: int, words: Sequence[tuple[int, str]], said: Sequence[Span | None]
) -> list[_Placed]:
    """Place the runs of words that are said, each in its own stretch; the rest share the time between the runs."""
    placed: list[_Placed] = []
    reached = first_frame
    runs = [(heard, list(run)) for heard, run in groupby(range(len(words)), lambda i: said[i] is not None)]
    for heard, run in runs:
        following = said[run[-1] + 1] if run[-1] + 1 < len(said) else None
        until = following.start if following is not None else len(audio) // SAMPLES_PER_FRAME
        chosen = [words[i] for i in run]
        if not heard:
            placed += _spread(chosen, reached, max(reached, first_frame + until))
            continue
        first, last = said[run[0]], said[run[-1]]
        assert first is not None
        assert last is not None
        begin = max(first.start - CONTEXT, reached - first_frame)
        stretch = audio[begin * SAMPLES_PER_FRAME : (last.end + CONTEXT) * SAMPLES_PER_FRAME]
        placed += _place(stretch, first_frame + begin, chosen)
        reached = first_frame + last.end
    return placed


def _cuts(spans: Sequence[Span], samples: int) -> list[int]:
    """Where to cut a run of words: the index of the first word of every piece, and the number of words at the end.

    A piece ends at the longest pause between the half and the whole of its greatest length, which is PIECE_S, or two
    thirds of a run that is itself shorter.
    """
    longest = min(PIECE_S, samples / SAMPLE_RATE * 2 / 3) / FRAME_S
    pauses = [after.start - before.end for before, after in pairwise(spans)]
    cuts = [0]
    while cuts[-1] < len(spans) - 1:
        begin = spans[cuts[-1]].start
        if len(cuts) > 1 and spans[-1].end - begin <= longest:
            break
        left = range(cuts[-1], len(pauses))
        within = [i for i in left if longest / 2 <= spans[i].end - begin <= longest] or [left[0]]
        cuts.append(max(within, key=lambda i: pauses[i]) + 1)
    return [*cuts, len(spans)]


def _sure(index: int, first_frame: int, spans: Sequence[Span]) -> _Placed:
    phones = (_phone(s.name, s.start + first_frame, s.end + first_frame, _confidence(s.log_ratio)) for s in spans)
    return _Placed(index, tuple(phones), True)


def _spread(words: Sequence[tuple[int, str]], begin: int, end: int) -> list[_Placed]:
    """Words whose place is not known: their phones share the frames from `begin` to before `end` evenly."""
    labels = [(pronounce(name) or "").split() for _, name in words]
    borders = np.linspace(begin, end, sum(map(len, labels)) + 1)
    at = 0
    placed = []
    for (index, _), word in zip(words, labels, strict=True):
        spans = zip(word, borders[at:], borders[at + 1 :], strict=False)
        placed.append(_Placed(index, tuple(_phone(p, a, b, GUESS_CONFIDENCE) for p, a, b in spans), False))
        at += len(word)
    return placed


def _phone(label: str, begin: float, end: float, confidence: float) -> Phone:
    return Phone(label, viseme_of(label), float(begin * FRAME_S), float(end * FRAME_S), confidence)


def _confidence(log_ratio: float) -> float:
    """The chance that a phone is the right one and starts within 25 ms, from the mean log likelihood ratio of its
    frames: 0.84 at the best, 0.78 at -7, 0.67 at -15, as measured on 880 phones of the reference and of espeak-ng."""
    return float(0.85 * np.exp(log_ratio / 60))


def _words(tokens: Sequence[str], placed: Iterable[_Placed], end_s: float) -> tuple[Word, ...]:
    """Every token in order; one that was not placed fills the time between its neighbours."""
    by_index = {word.index: word for word in placed}
    words: list[Word] = []
    for index, token in enumerate(tokens):
        found = by_index.get(index)
        if found is not None:
            mean = sum(p.confidence for p in found.phones) / len(found.phones)
            words.append(Word(bare(token), found.phones[0].start_s, found.phones[-1].end_s, mean, found.sure))
            continue
        begin = words[-1].end_s if words else 0.0
        following = next((by_index[i].phones[0].start_s for i in range(index, len(tokens)) if i in by_index), end_s)
        words.append(Word(bare(token), begin, max(begin, following), 0.0, False))
    return tuple(words)


def _cover(phones: Iterable[Phone], end_s: float) -> tuple[Phone, ...]:
    """The phones with SIL in every hole up to `end_s`. A SIL is as sure as the less sure of its neighbours, and where
    it has none as sure as a phone of the loop, which is what finds sound without phones."""
    covered: list[Phone] = []
    for phone in [*phones, None]:
        at = covered[-1].end_s if covered else 0.0
        begin = end_s if phone is None else min(phone.start_s, end_s)
        if begin - at > FRAME_S / 2:
            beside = [p.confidence for p in (*covered[-1:], phone) if p is not None]
            sure = min(beside, default=LOOP_CONFIDENCE)
            covered.append(Phone(SILENCE, viseme_of(SILENCE), at, begin, sure))
        elif covered:
            covered[-1] = replace(covered[-1], end_s=max(at, begin))
        at = covered[-1].end_s if covered else 0.0
        if phone is not None and min(phone.end_s, end_s) > at:
            covered.append(replace(phone, start_s=at, end_s=min(phone.end_s, end_s)))
    return tuple(covered)
