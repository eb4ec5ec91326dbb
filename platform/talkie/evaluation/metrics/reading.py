"""What a lip reader makes of a clip beside what was said: error rates of words, characters and visemes. The readers
are in evaluation/networks; whether lips and sound agree in time is in sync.py.

Texts are one string a clip, words parted by blanks. All functions raise BadInput for unlike numbers of clips, none, or
a truth without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import numpy as np

from talkie.errors import BadInput
from talkie.evaluation.metrics.checks import pair
from talkie.evaluation.metrics.registry import MESH, TALKING, metric

Mean = Literal["corpus", "clips"]
"""corpus: all edits over all words, the proper form. clips: mean of the clips' rates, as SPECTRE's code has it."""

_LETTER_OF = {
    "P": "p", "B": "p", "M": "p", "F": "f", "V": "f", "TH": "T", "DH": "T",
    "T": "t", "D": "t", "N": "t", "L": "t", "S": "s", "Z": "s", "SH": "S", "ZH": "S", "CH": "S", "JH": "S",
    "K": "k", "G": "k", "NG": "k", "HH": "k", "R": "r", "W": "u", "UW": "u", "UH": "u", "Y": "i", "IY": "i", "IH": "i",
    "AH": "@", "AA": "a", "AE": "a", "AW": "a", "AY": "a", "EY": "e", "EH": "E", "ER": "E", "OW": "o", "AO": "O",
    "OY": "O",
}  # fmt: skip
"""Viseme of a phone in Amazon Polly's table for American English, which SPECTRE's evaluation takes. ARPABET without
stress has one AH for Polly's schwa and its stressed vowel: both are the schwa here."""


def viseme_letters(words: Iterable[Sequence[str]]) -> str:
    """Words as ARPABET phones without stress -> one string of viseme letters, words parted by blanks, for `vwer` and
    `ver`. Raises BadInput for an unknown phone."""
    found = []
    for word in words:
        unknown = [phone for phone in word if phone not in _LETTER_OF]
        if unknown:
            raise BadInput(f"no viseme for {unknown[0]!r}", where="phones", cure="give ARPABET phones without stress")
        found.append("".join(_LETTER_OF[phone] for phone in word))
    return " ".join(found)


def edits(truth: Sequence[object], guess: Sequence[object]) -> int:
    """Fewest insertions, deletions and substitutions that turn one into the other (Levenshtein 1966)."""
    row = list(range(len(guess) + 1))
    for i, wanted in enumerate(truth, 1):
        corner, row[0] = row[0], i
        for j, found in enumerate(guess, 1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (wanted != found))
    return row[-1]


def _plain(truths: Sequence[str], guesses: Sequence[str]) -> tuple[list[str], list[str]]:
    """In upper case, with single blanks: neither is anything a lip reader can see."""
    truth, guess = ([" ".join(text.upper().split()) for text in texts] for texts in (truths, guesses))
    return truth, guess


def _counts(
    truths: Sequence[str], guesses: Sequence[str], split: Callable[[str], Sequence[str]]
) -> tuple[np.ndarray, np.ndarray]:
    """Edits (N,) and lengths of the truths (N,), in the units that `split` makes of a text."""
    if not len(truths) == len(guesses) > 0:
        raise BadInput(
            f"{len(truths)} truths, {len(guesses)} guesses", where="texts", cure="give one guess for a truth"
        )
    empty = [i for i, text in enumerate(truths) if not text.split()]
    if empty:
        raise BadInput(f"clip {empty[0]} says nothing", where="truth", cure="leave it out: its rate has no denominator")
    both = [(split(t), split(g)) for t, g in zip(truths, guesses, strict=True)]
    return np.array([edits(t, g) for t, g in both]), np.array([len(t) for t, _ in both])


def _rate(counts: tuple[np.ndarray, np.ndarray], mean: Mean) -> float:
    wrong, lengths = counts
    return float(wrong.sum() / lengths.sum()) if mean == "corpus" else float((wrong / lengths).mean())


@metric(
    "wer",
    "Word error rate of a lip reader on the clip's picture",
    unit="1",
    better="lower",
    tasks=(*TALKING, *MESH, "capture"),
    source="word edits over words; SPECTRE (Filntisis et al. 2022): AV-HuBERT large, video only; TalkLip's WER1, WER2",
    item="clip",
    network="lip_reader",
)
def wer(truths: Sequence[str], guesses: Sequence[str], mean: Mean = "corpus") -> float:
    """Rate (1 = as many edits as words; more is possible); lower is better. Say the reader, its crop and the mean."""
    return _rate(_counts(*_plain(truths, guesses), str.split), mean)


@metric(
    "cer",
    "Character error rate of a lip reader on the clip's picture",
    unit="1",
    better="lower",
    tasks=(*TALKING, *MESH, "capture"),
    source="character edits over characters, blanks counted, as jiwer does; SPECTRE",
    item="clip",
    network="lip_reader",
)
def cer(truths: Sequence[str], guesses: Sequence[str], mean: Mean = "corpus") -> float:
    """Rate; lower is better."""
    return _rate(_counts(*_plain(truths, guesses), list), mean)


@metric(
    "vwer",
    "Word error rate of viseme strings",
    unit="1",
    better="lower",
    tasks=(*TALKING, *MESH, "capture"),
    source="SPECTRE: words as strings of Polly visemes, then word edits",
    item="clip",
    network="lip_reader",
)
def vwer(truths: Sequence[str], guesses: Sequence[str], mean: Mean = "corpus") -> float:
    """Rate; lower is better. truths, guesses: what `viseme_letters` makes of them; case matters there."""
    return _rate(_counts(truths, guesses, str.split), mean)


@metric(
    "ver",
    "Viseme error rate",
    unit="1",
    better="lower",
    tasks=(*TALKING, *MESH, "capture"),
    source="SPECTRE: Polly visemes, then character edits (blanks counted)",
    item="clip",
    network="lip_reader",
)
def ver(truths: Sequence[str], guesses: Sequence[str], mean: Mean = "corpus") -> float:
    """Rate; lower is better. Arguments as of `vwer`."""
    return _rate(_counts([" ".join(t.split()) for t in truths], [" ".join(g.split()) for g in guesses], list), mean)


@metric(
    "lrw_accuracy",
    "Share of LRW clips whose word is read right",
    unit="1",
    better="higher",
    tasks=TALKING,
    source="TalkLip's ACC (Wang et al. 2023): multi-head visual-audio memory on 500 words",
    item="clip",
    network="lip_reader",
)
def word_accuracy(truth: np.ndarray, guess: np.ndarray) -> float:
    """Share in [0, 1]; higher is better. truth, guess: (N,) class numbers."""
    a, b = pair(truth, guess, (None,))
    return float((a == b).mean())


@metric(
    "viseme_accuracy",
    "Share of frames whose viseme is read right",
    unit="1",
    better="higher",
    tasks=(*TALKING, *MESH),
    source="top-1 accuracy of a frame-wise reader against the stage's phones; the platform's own",
)
def viseme_accuracy(truth: np.ndarray, guess: np.ndarray) -> float:
    """Share in [0, 1]; higher is better. truth, guess: (T,) class numbers, one a frame."""
    return word_accuracy(truth, guess)
