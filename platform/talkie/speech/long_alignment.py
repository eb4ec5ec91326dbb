"""Phones of long sound: cut at pauses, the transcript dealt to the pieces by what a phone loop hears, each aligned.

Memory is that of a piece and of the result; time grows with the length. The pieces themselves are `alignment`'s."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numba import njit
from scipy.ndimage import uniform_filter1d

from talkie.clip import SAMPLE_RATE, Phone, Transcription, Word
from talkie.errors import AlignmentFailed
from talkie.speech.alignment import GUESS_CONFIDENCE, LOOP_ORIGIN, ORIGIN, align, decode_phones
from talkie.speech.phones import ARPABET, SILENCE, viseme_of
from talkie.speech.recogniser import FRAME_S, place_words, pronounce
from talkie.speech.samples import as_float
from talkie.speech.text import bare, dictionary_form

LONG_S = 120.0
"""Sound up to this length is handled whole, as `alignment` does it."""
PIECE_S = (20.0, 45.0)
"""A piece ends at the quietest moment between these, counted from its start."""
PAUSE_S = 0.3
"""Width over which quiet is measured: longer than a stop's closure."""
_WINDOW = 1200
"""Phones of the loop that are matched with the transcript at once, about 100 s of speech; of each match the first
_KEPT are kept, because its end is not yet held by what follows."""
_KEPT = 700
_AHEAD = 2.5
"""The transcript's phones looked at for each of the loop's: it misses some in fast speech."""
_GAP, _SAME_MOUTH = 0.7, 0.6
"""Costs of a phone that only one side has, and of two that show the same viseme; others cost 1."""
_NEAR_S, _ROOM_S, _TRUSTED = 4.0, 0.2, 3
"""Around a cut the words within _NEAR_S are placed again, in sound that reaches _ROOM_S farther than they seem to; a
finding more than _TRUSTED words away from the loop's is not believed."""


def align_any(audio: np.ndarray, transcript: str) -> Transcription:
    """`alignment.align` for sound of any length: audio (N,) float32 or int16 at 16 kHz, which may be mapped from disk.

    Raises AlignmentFailed as `align` does, and where no piece can be aligned."""
    if len(audio) <= LONG_S * SAMPLE_RATE:
        return align(as_float(audio), transcript)
    tokens = [token for token in transcript.split() if dictionary_form(token)]
    if not tokens:
        raise AlignmentFailed("the transcript has no word that can be spoken", cure="give the words that are said")
    cuts = quiet_cuts(audio)
    heard = [phone for first, last in _pairs(cuts) for phone in _loop(audio, first, last)]
    begins = _rough_starts(tokens, heard, len(audio) / SAMPLE_RATE)
    firsts = [0, *(_first_word_after(audio, cut, tokens, begins) for cut in cuts[1:-1]), len(tokens)]
    firsts = list(np.maximum.accumulate(firsts))
    parts, failures = [], 0
    for k, (first, last) in enumerate(_pairs(cuts)):
        part, failed = _aligned(audio, first, last, tokens[firsts[k] : firsts[k + 1]])
        failures += failed
        parts.append(part)
    if failures == sum(bool(part.words) for part in parts):
        raise AlignmentFailed(
            f"none of the {len(tokens)} words fits the sound", cure="check that the transcript belongs to it"
        )
    return _joined(parts, ORIGIN)


def decode_phones_any(audio: np.ndarray) -> Transcription:
    """`alignment.decode_phones` for sound of any length, as `align_any` takes it."""
    if len(audio) <= LONG_S * SAMPLE_RATE:
        return decode_phones(as_float(audio))
    parts = [_moved(decode_phones(as_float(audio[a:b])), a / SAMPLE_RATE) for a, b in _pairs(quiet_cuts(audio))]
    return _joined(parts, LOOP_ORIGIN)


def quiet_cuts(audio: np.ndarray) -> list[int]:
    """Where to cut: sample numbers from 0 to the sound's end, each piece PIECE_S long; what is left over at the end may
    be shorter. Reads one piece at a time."""
    least, most = (round(s * SAMPLE_RATE) for s in PIECE_S)
    hop = SAMPLE_RATE // 100
    cuts = [0]
    while len(audio) - cuts[-1] > most:
        stretch = as_float(audio[cuts[-1] + least : cuts[-1] + most])
        power = (stretch[: len(stretch) // hop * hop].reshape(-1, hop) ** 2).mean(axis=1)
        level = uniform_filter1d(power, round(PAUSE_S * 100), mode="nearest")
        cuts.append(cuts[-1] + least + int(level.argmin()) * hop + hop // 2)
    return [*cuts, len(audio)]


def _pairs(cuts: Sequence[int]) -> list[tuple[int, int]]:
    return list(pairwise(cuts))


def _loop(audio: np.ndarray, first: int, last: int) -> list[tuple[int, float]]:
    """(number of the phone in ARPABET, its start in seconds of the whole), without silence."""
    phones = decode_phones(as_float(audio[first:last])).phones
    return [(ARPABET.index(p.label), p.start_s + first / SAMPLE_RATE) for p in phones if p.label != SILENCE]


def _rough_starts(tokens: Sequence[str], heard: Sequence[tuple[int, float]], end_s: float) -> np.ndarray:
    """About when each word begins, in seconds: its phones matched with the loop's, window by window, words between
    matched ones spread evenly."""
    spoken = [(k, (pronounce(dictionary_form(token)) or "").split()) for k, token in enumerate(tokens)]
    word_of = np.array([k for k, phones in spoken for _ in phones], np.int64)
    said = np.array([ARPABET.index(p) for _, phones in spoken for p in phones], np.int64)
    labels = np.array([label for label, _ in heard], np.int64)
    times = np.array([time for _, time in heard])
    costs = _costs()
    known: dict[int, float] = {}
    at = reached = 0
    while at < len(labels) and reached < len(said):
        window = labels[at : at + _WINDOW]
        ahead = said[reached : reached + round(_AHEAD * len(window)) + 50]
        pairs = _match(
            window, ahead, costs, _GAP, at + len(window) >= len(labels) and len(ahead) == len(said) - reached
        )
        final = at + len(window) >= len(labels)
        kept = pairs if final else pairs[pairs[:, 0] < _KEPT]
        for i, j in kept:
            known.setdefault(int(word_of[reached + j]), float(times[at + i]))
        if final or not len(kept):
            break
        at, reached = at + int(kept[-1, 0]) + 1, reached + int(kept[-1, 1]) + 1
    if not known:
        return np.linspace(0, end_s, len(tokens), endpoint=False)
    index = sorted(known)
    starts = np.interp(np.arange(len(tokens)), index, [known[k] for k in index])
    return np.asarray(np.maximum.accumulate(starts))


def _costs() -> np.ndarray:
    mouths = [viseme_of(phone) for phone in ARPABET]
    same = np.array([[a == b for a in mouths] for b in mouths])
    costs = np.where(same, _SAME_MOUTH, 1.0)
    np.fill_diagonal(costs, 0.0)
    return costs


@njit(cache=True)
def _match(heard: np.ndarray, said: np.ndarray, costs: np.ndarray, gap: float, to_the_end: bool) -> np.ndarray:
    """(K, 2) indices of equal phones on the cheapest path through all of `heard` and, unless to_the_end, a beginning of
    `said` that is as long as it is cheapest."""
    n, m = len(heard), len(said)
    total = np.zeros((n + 1, m + 1))
    total[0] = gap * np.arange(m + 1)
    total[:, 0] = gap * np.arange(n + 1)
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            swap = total[i - 1, j - 1] + costs[heard[i - 1], said[j - 1]]
            total[i, j] = min(swap, total[i - 1, j] + gap, total[i, j - 1] + gap)
    i, j = n, m if to_the_end else int(np.argmin(total[n]))
    pairs = np.empty((min(n, m), 2), np.int64)
    count = 0
    while i > 0 and j > 0:
        if total[i, j] == total[i - 1, j - 1] + costs[heard[i - 1], said[j - 1]]:
            i, j = i - 1, j - 1
            if heard[i] == said[j]:
                pairs[count, 0], pairs[count, 1] = i, j
                count += 1
        elif total[i, j] == total[i - 1, j] + gap:
            i -= 1
        else:
            j -= 1
    return pairs[:count][::-1]


def _first_word_after(audio: np.ndarray, cut: int, tokens: Sequence[str], begins: np.ndarray) -> int:
    """The first word that is said after a cut: by rough times, then by placing the words around it in the sound."""
    cut_s = cut / SAMPLE_RATE
    rough = int(np.searchsorted(begins, cut_s))
    low, high = np.searchsorted(begins, (cut_s - _NEAR_S, cut_s + _NEAR_S))
    around = [(k, name) for k in range(low, high) if pronounce(name := dictionary_form(tokens[k])) is not None]
    if not around:
        return rough
    # From the first of these words to the first that is none of them: other words would be squeezed in.
    until_s = begins[high] if high < len(tokens) else len(audio) / SAMPLE_RATE
    first = max(0, round((begins[low] - _ROOM_S) * SAMPLE_RATE))
    last = round((until_s + _ROOM_S) * SAMPLE_RATE)
    spans = place_words(as_float(audio[first:last]), [name for _, name in around])
    if spans is None:
        return rough
    at = (cut - first) / SAMPLE_RATE / FRAME_S
    after = [k for (k, _), span in zip(around, spans, strict=True) if (span.start + span.end) / 2 >= at]
    refined = after[0] if after else around[-1][0] + 1
    return refined if abs(refined - rough) <= _TRUSTED else rough


def _aligned(audio: np.ndarray, first: int, last: int, tokens: Sequence[str]) -> tuple[Transcription, bool]:
    """The piece's words and phones in seconds of the whole, and whether they could not be placed: words that cannot
    share the piece evenly, with the confidence of a guess, over what the loop hears."""
    sound = as_float(audio[first:last])
    begin_s = first / SAMPLE_RATE
    if not tokens:
        return _moved(decode_phones(sound), begin_s), False
    try:
        return _moved(align(sound, " ".join(tokens)), begin_s), False
    except AlignmentFailed:
        heard = decode_phones(sound)
    borders = np.linspace(0, len(sound) / SAMPLE_RATE, len(tokens) + 1)
    words = [
        Word(bare(token), float(a), float(b), GUESS_CONFIDENCE, False)
        for token, a, b in zip(tokens, borders[:-1], borders[1:], strict=True)
    ]
    return _moved(replace(heard, words=tuple(words)), begin_s), True


def _moved(part: Transcription, by_s: float) -> Transcription:
    def late(item):  # type: ignore[no-untyped-def]
        return replace(item, start_s=round(item.start_s + by_s, 6), end_s=round(item.end_s + by_s, 6))

    return Transcription(tuple(map(late, part.words)), tuple(map(late, part.phones)), part.origin)


def _joined(parts: Sequence[Transcription], origin: str) -> Transcription:
    """One after the other; silence that a cut went through is one silence again."""
    phones: list[Phone] = []
    for phone in (p for part in parts for p in part.phones):
        if phones and phones[-1].label == phone.label == SILENCE:
            sure = min(phones[-1].confidence, phone.confidence)
            phones[-1] = replace(phones[-1], end_s=phone.end_s, confidence=sure)
        else:
            phones.append(phone)
    return Transcription(tuple(w for part in parts for w in part.words), tuple(phones), origin)
