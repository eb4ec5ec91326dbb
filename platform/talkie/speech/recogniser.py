"""pocketsphinx behind a narrow door: one stretch of sound and a list of words become word and phone spans in frames.
Cutting long sound into stretches and naming what could not be placed is `alignment`'s business."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pocketsphinx

from talkie.clip import SAMPLE_RATE
from talkie.errors import BadInput
from talkie.speech import espeak
from talkie.speech.phones import ARPABET, SILENCE, arpabet_of_word

FRAME_S = 0.01
"""Seconds between pocketsphinx's frames.

Frame k looks at 25.6 ms from k * FRAME_S on, so that by arithmetic a border lies half a window less half a frame,
7.8 ms, behind the frame's name. It is not added: the reference TextGrid, whose own times are multiples of 10 ms, has a
median error of 0 ms without it. Against espeak-ng's exact times that is -9 ms (tests/bench/bench_alignment.py prints
both)."""

PAD_S = 0.1
"""Near-silence put before and after a stretch, for the silence that the model wants at both ends."""
PEAK = 0.5
"""Every stretch is brought to this peak."""

GAUSSIANS = 8
"""Gaussians scored exactly per frame and codebook (pocketsphinx: 4). Twice as many bring the mean start error on the
reference from 19.0 to 17.8 ms for a third more time."""

_BEAMS: tuple[dict[str, float], ...] = ({}, {"beam": 1e-80, "wbeam": 1e-60, "pbeam": 1e-80})
"""Pruning of the first pass: pocketsphinx's own, and a wider one. Much wider ones overflow its integer scores."""

_ATTEMPTS = ((0, 1e-3), (0, 4e-3), (1, 4e-3))
"""What is tried in turn: index into _BEAMS, and standard deviation of the noise added at PEAK (-54 and -42 dB).

Without noise the digital silence of edited or synthetic sound has no logarithm, and the acoustic model has never met
it. More noise hides faint phones and lets the search through where it was lost. The noise is always the same."""

_SKIP = 1e-3
"""Chance given to a word of the transcript of not being said, in the search that allows for it."""

_LOOP: dict[str, Any] = {"lw": 2.0, "pip": 0.3, "beam": 1e-20, "pbeam": 1e-20, "allphone_ci": True}
"""Phone loop without context: ten times faster than the clock and about 40 % of the phones right. With triphones 60 %
are, at the speed of the clock or, for speech unlike the model, a tenth of that."""

_EDGE = "talkie-edge"
"""A word whose sound is silence, aligned at both ends of every stretch. Without it a first word of two pronunciations
("the", "a") leaves the start mark a single frame, and the second pass, which keeps the first one's word borders,
has no way through three states of silence."""

_LOG_PER_SCORE = 1024 * np.log(1.0001)
"""Natural logarithms per unit of pocketsphinx's scores (logbase 1.0001, shifted by 10 bits)."""

_lock = threading.Lock()


@dataclass(frozen=True)
class Span:
    """A word or phone from frame `start` to before frame `end`. log_ratio: natural logarithm of the likelihood against
    that of the best-fitting states of the model, mean per frame; at most 0, nan for words."""

    name: str
    start: int
    end: int
    log_ratio: float


def pronounce(word: str) -> str | None:
    """ARPABET phones, blank-separated, of a word in lower case: the dictionary's first, else espeak-ng's; None where
    neither says anything (punctuation, letters of other scripts)."""
    with _lock:
        return _pronounce(word)


def place_words(audio: np.ndarray, words: Sequence[str]) -> list[Span] | None:
    """First pass: one span for each of `words` (all pronounceable); None where no path fits.

    audio: (N,) float32, 16 kHz. Frames count from its first sample."""
    with _lock:
        for level, noise in _ATTEMPTS:
            spans = _first_pass(_decoder(level), _pcm(audio, noise), words)
            if spans is not None:
                return spans
    return None


def place_said_words(audio: np.ndarray, words: Sequence[str]) -> list[Span | None]:
    """First pass for a transcript that says more than the sound: None for every word left out."""
    with _lock:
        # The wide beam: a run of words left out is far less likely, for a while, than any that are squeezed in.
        decoder = _decoder(len(_BEAMS) - 1)
        _learn(decoder, words)
        path: list[tuple[int, int, float] | tuple[int, int, float, str]] = []
        for state, word in enumerate([_EDGE, *words, _EDGE]):
            path.append((state, state + 1, 1.0 - _SKIP, word))
            if word != _EDGE:
                path.append((state, state + 1, _SKIP))
        decoder.add_fsg("said", decoder.create_fsg("said", 0, len(words) + 2, path))
        decoder.activate_search("said")
        _listen(decoder, _pcm(audio, _ATTEMPTS[0][1]))
        heard = _heard(decoder) if decoder.hyp() is not None else []
    said: list[Span | None] = [None] * len(words)
    names = [span.name.split("(")[0] for span in heard]
    for block in SequenceMatcher(None, words, names, autojunk=False).get_matching_blocks():
        said[block.a : block.a + block.size] = heard[block.b : block.b + block.size]
    return said


def place_phones(audio: np.ndarray, words: Sequence[str]) -> list[list[Span]] | None:
    """Both passes: the phones of each of `words`, as `place_words` takes them; None where either finds no path."""
    with _lock:
        for level, noise in _ATTEMPTS:
            decoder, pcm = _decoder(level), _pcm(audio, noise)
            if _first_pass(decoder, pcm, words) is None:
                continue
            try:
                decoder.set_alignment()
                _listen(decoder, pcm)
            except RuntimeError:  # all that pocketsphinx says where no path goes through the states
                continue
            return [[_phone(p) for p in word] for word in decoder.get_alignment() if _is_word(word.name)]
    return None


def loop_phones(audio: np.ndarray) -> list[Span]:
    """What a loop of all phones with a phone trigram hears, silence left out; `log_ratio` is nan: pocketsphinx keeps
    neither states nor posteriors of a phone loop."""
    with _lock:
        decoder = _phone_loop()
        _listen(decoder, _pcm(audio, _ATTEMPTS[0][1]))
        heard = [s for s in decoder.seg() if s.word in ARPABET and s.word != SILENCE]
        return [_span(s.word, s.start_frame, s.end_frame + 1, float("nan")) for s in heard]


def _first_pass(decoder: pocketsphinx.Decoder, pcm: bytes, words: Sequence[str]) -> list[Span] | None:
    _learn(decoder, words)
    decoder.set_align_text(" ".join([_EDGE, *words, _EDGE]))
    _listen(decoder, pcm)
    heard = _heard(decoder) if decoder.hyp() is not None else []
    # Where the last word is out of reach, pocketsphinx hands out the beginning.
    return heard if len(heard) == len(words) else None


def _heard(decoder: pocketsphinx.Decoder) -> list[Span]:
    return [_span(s.word, s.start_frame, s.end_frame + 1, float("nan")) for s in decoder.seg() if _is_word(s.word)]


def _learn(decoder: pocketsphinx.Decoder, words: Sequence[str]) -> None:
    for word in words:
        if decoder.lookup_word(word) is None:
            decoder.add_word(word, _pronounce(word), True)


def _pronounce(word: str) -> str | None:
    known = _decoder(0).lookup_word(word)
    if known is not None:
        return known
    try:
        phones = [p for group in arpabet_of_word(espeak.phonemise([word])[0]) for p in group]
    except BadInput:
        return None
    return " ".join(phones) or None


def _is_word(name: str) -> bool:
    """Whether a segment is of the transcript and not a filler: <s>, <sil>, [NOISE], (NULL), the edges."""
    return name != _EDGE and not name.startswith(("<", "[", "("))


def _phone(entry: Any) -> Span:
    log_ratio = min(0.0, entry.score * _LOG_PER_SCORE / max(entry.duration, 1))
    return _span(entry.name, entry.start, entry.start + entry.duration, log_ratio)


def _span(name: str, start: int, end: int, log_ratio: float) -> Span:
    pad = round(PAD_S / FRAME_S)
    return Span(name, max(0, start - pad), max(0, end - pad), log_ratio)


def _pcm(audio: np.ndarray, noise: float) -> bytes:
    """16 bit samples at PEAK with a breath of noise, and PAD_S more of that at both ends."""
    pad = round(PAD_S * SAMPLE_RATE)
    level = float(np.abs(audio).max(initial=0.0))
    signal = np.pad(audio.astype(np.float64) * (PEAK / max(level, 1e-4)), pad)
    signal += np.random.default_rng(0).normal(0.0, noise, len(signal))
    return (np.clip(signal, -1.0, 1.0) * 32767).astype(np.int16).tobytes()


def _listen(decoder: pocketsphinx.Decoder, pcm: bytes) -> None:
    with warnings.catch_warnings():
        # Its warning says that nobody needs it. Without it the noise estimate of the sound before leaks into this one.
        warnings.simplefilter("ignore", DeprecationWarning)
        decoder.start_stream()
    decoder.start_utt()
    try:
        decoder.process_raw(pcm, full_utt=True)
    finally:
        decoder.end_utt()


@cache
def _decoder(level: int) -> pocketsphinx.Decoder:
    """The aligner with the pruning of _BEAMS[level]. It keeps the words added to it, and each has one pronunciation."""
    decoder = _new_decoder(topn=GAUSSIANS, **_BEAMS[level])
    decoder.add_word(_EDGE, SILENCE, True)
    return decoder


@cache
def _phone_loop() -> pocketsphinx.Decoder:
    phone_model = Path(pocketsphinx.get_model_path()) / "en-us" / "en-us-phone.lm.bin"
    return _new_decoder(allphone=str(phone_model), **_LOOP)


def _new_decoder(**settings: Any) -> pocketsphinx.Decoder:
    return pocketsphinx.Decoder(samprate=float(SAMPLE_RATE), lm=None, loglevel="FATAL", **settings)
