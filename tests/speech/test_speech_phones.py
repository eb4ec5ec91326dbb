"""Names of sounds: ARPABET, visemes, and what espeak-ng's phonemes are in ARPABET."""

import difflib
import random

import pocketsphinx
import pytest

from talkie.errors import BadInput
from talkie.speech.espeak import phonemise
from talkie.speech.phones import ARPABET, SILENCE, VISEMES, VOWELS, arpabet_of_word, viseme_of


def cmu_words(count: int) -> dict[str, list[str]]:
    """Words of the CMU dictionary that pocketsphinx carries, with their first pronunciation."""
    path = f"{pocketsphinx.get_model_path()}/en-us/cmudict-en-us.dict"
    with open(path) as lines:
        entries = dict(line.split(maxsplit=1) for line in lines if "(" not in line)
    plain = sorted(word for word in entries if word.isalpha() and len(word) > 2)
    return {word: entries[word].split() for word in random.Random(0).sample(plain, count)}


def test_there_are_39_phones_and_silence_and_each_has_a_viseme():
    assert len(ARPABET) == 40
    assert ARPABET[-1] == SILENCE
    assert {viseme_of(phone) for phone in ARPABET} == set(VISEMES)
    assert set(ARPABET) > VOWELS


@pytest.mark.parametrize(("phone", "viseme"), [("B", "PP"), ("V", "FF"), ("SH", "CH"), ("UW", "ou"), ("SIL", "sil")])
def test_lips_that_look_alike_share_a_viseme(phone, viseme):
    assert viseme_of(phone) == viseme


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("judge", "JH AH JH"),
        ("water", "W AO T ER"),
        ("button", "B AH T AH N"),
        ("little", "L IH T AH L"),
        ("cars", "K AA R Z"),
        ("hurry", "HH ER IY"),
        ("fire", "F AY ER"),
        ("choice", "CH OY S"),
    ],
)
def test_espeak_pronounces_in_arpabet_as_the_cmu_dictionary_does(word, phones):
    spoken = [p for group in arpabet_of_word(phonemise([word])[0]) for p in group]
    assert " ".join(spoken) == phones


def test_every_sound_of_english_words_has_an_arpabet_phone_and_mostly_the_dictionarys():
    words = cmu_words(2000)
    found = [[p for group in arpabet_of_word(mnemonics) for p in group] for mnemonics in phonemise(list(words))]
    same = [
        difflib.SequenceMatcher(None, a, b, autojunk=False).ratio() for a, b in zip(words.values(), found, strict=True)
    ]
    assert {p for word in found for p in word} <= set(ARPABET)
    assert sum(same) / len(same) > 0.8  # the rest are names, and unstressed vowels that the two write differently


def test_a_sound_that_english_lacks_is_an_error():
    with pytest.raises(BadInput):
        arpabet_of_word(["t", "yy"])
