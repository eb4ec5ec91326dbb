"""Error rates against jiwer."""

import random

import jiwer
import numpy as np
import pytest

from talkie.errors import BadInput
from talkie.evaluation.metrics.reading import cer, edits, ver, viseme_accuracy, viseme_letters, vwer, wer, word_accuracy
from talkie.speech.phones import ARPABET, SILENCE

WORDS = ["bin", "blue", "at", "f", "two", "now", "lay", "green", "soon", "please"]


def texts(seed=0, count=12):
    draw = random.Random(seed)
    truth = [draw.choices(WORDS, k=draw.randint(1, 9)) for _ in range(count)]
    guess = [[w for w in draw.sample(t + draw.choices(WORDS, k=2), len(t)) if draw.random() < 0.9] for t in truth]
    return [" ".join(t) for t in truth], [" ".join(g) for g in guess]


def test_corpus_rates_are_jiwers():
    truth, guess = texts()
    upper = [t.upper() for t in truth], [g.upper() for g in guess]
    assert wer(truth, guess) == pytest.approx(jiwer.wer(*upper))
    assert cer(truth, guess) == pytest.approx(jiwer.cer(*upper))
    assert vwer(truth, guess) == pytest.approx(jiwer.wer(truth, guess))
    assert ver(truth, guess) == pytest.approx(jiwer.cer(truth, guess))


def test_clip_means_are_those_of_jiwer_on_each_clip():
    truth, guess = texts(1)
    assert wer(truth, guess, "clips") == pytest.approx(np.mean([jiwer.wer(*p) for p in zip(truth, guess, strict=True)]))
    assert cer(truth, guess, "clips") == pytest.approx(np.mean([jiwer.cer(*p) for p in zip(truth, guess, strict=True)]))


def test_case_and_blanks_do_not_count():
    assert wer(["Bin  Blue"], ["bin blue "]) == 0


def test_an_empty_guess_is_all_deletions_and_a_long_one_more_than_all():
    assert wer(["bin blue"], [""]) == 1
    assert wer(["bin"], ["lay green soon"]) == 3


def test_edits_of_known_words():
    assert edits("kitten", "sitting") == 3


def test_every_phone_but_silence_has_a_viseme_letter():
    phones = [phone for phone in ARPABET if phone != SILENCE]
    letters = viseme_letters([phones])
    assert len(letters) == len(phones)
    assert len(set(letters)) == 16
    assert viseme_letters([["B", "IH", "N"], ["P", "IH", "N"]]) == "pit pit"
    with pytest.raises(BadInput, match="'SIL'"):
        viseme_letters([["SIL"]])


def test_words_that_look_alike_cost_no_visemes():
    said, read = viseme_letters([["B", "AE", "T"]]), viseme_letters([["M", "AE", "D"]])
    assert (vwer([said], [read]), ver([said], [read])) == (0, 0)


def test_accuracy_is_the_share_of_equals():
    assert word_accuracy([1, 2, 3, 4], [1, 2, 4, 4]) == 0.75
    assert viseme_accuracy([1, 2], [1, 1]) == 0.5


def test_clips_that_say_nothing_or_have_no_answer_are_refused():
    for truth, guess, words in (([], [], "0 truths"), (["a"], [], "0 guesses"), ([" "], ["a"], "says nothing")):
        with pytest.raises(BadInput, match=words):
            wer(truth, guess)
