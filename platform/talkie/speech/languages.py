"""The languages that our voices speak: espeak-ng's voice for each, and what sound each of its mnemonics is, in IPA.
What a sound looks like and which ARPABET phone is nearest to it is `ipa`'s business."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from talkie.errors import BadConfig, BadInput
from talkie.speech.ipa import sound_of
from talkie.speech.phones import AMERICAN, Sound, name_sounds

_SHARED: dict[str, str] = {
    # Vowels.
    "@": "ə", "@-": "ə", "3": "ɐ", "a": "a", "e": "e", "i": "i", "o": "o", "u": "u", "y": "y", "I": "ɪ", "I2": "ɪ",
    "E": "ɛ", "E2": "ɛ", "E#": "ɛ", "O": "ɔ", "U": "ʊ", "A": "ɑ", "A:": "ɑː", "Y": "ø", "W": "œ", "a#": "a",
    "i:": "iː", "I:": "iː", "E-": "ɛ", "O:": "ɔː", "u:": "uː",
    "e:": "eː", "o:": "oː", "y:": "yː", "Y:": "øː", "a:": "aː", "a/": "a", "e/": "ɛ",
    "o/": "ɔ", "i/": "i", "aI": "aɪ", "aU": "aʊ", "eI": "eɪ", "EI": "ɛɪ", "OI": "ɔɪ", "oI": "oɪ", "uI": "uɪ",
    "eU": "eʊ", "EU": "ɛʊ", "iU": "iʊ", "oU": "ɔʊ", "A~": "ɑ̃", "E~": "ɛ̃", "O~": "ɔ̃", "W~": "œ̃", "e~": "ẽ",
    "i~": "ĩ", "o~": "õ", "u~": "ũ", "m-": "əm", "n-": "ən", "N-": "əŋ", "l-": "əl", "r-": "əɹ",
    # Stops and affricates.
    "p": "p", "b": "b", "t": "t", "d": "d", "t[": "t̪", "d[": "d̪", "t2": "t", "k": "k", "g": "ɡ", "c": "c", "J": "ɟ",
    "q": "q", "?": "ʔ", "tS": "tʃ", "dZ": "dʒ", "tS;": "tɕ", "dZ;": "dʑ", "ts": "ts", "dz": "dz", "ts;": "tɕ",
    "dz;": "dʑ", "t;": "tʲ", "d;": "dʲ", "ts2": "ts", "pF": "pf", "t3": "t", "p2": "p",
    # Fricatives.
    "f": "f", "v": "v", "v#": "ʋ", "T": "θ", "D": "ð", "s": "s", "z": "z", "ss": "ss", "z2": "z", "z3": "z",
    "S": "ʃ", "Z": "ʒ", "s.": "ʂ", "z.": "ʐ", "s;": "ɕ", "z;": "ʑ", "S;": "ɕ", "Z;": "ʑ", "C": "ç", "J^": "ʝ",
    "x": "x", "X": "χ", "Q": "ɣ", "Q^": "ʝ", 'Q"': "ʁ", "B": "β", "h": "h", "l#": "ɬ", "s#": "ʃ",
    # Nasals, liquids, glides. A lone ";" is the glide of the vowel before it.
    "m": "m", "n": "n", "n2": "n", "n.": "ɳ", "n^": "ɲ", "N": "ŋ", "l": "l", "l/": "l", "l/2": "l", "l/3": "l",
    "l2": "l", "L": "ɫ", "L/": "ɫ", "l^": "ʎ", "l.": "ɭ", "r": "ɾ", "*": "ɾ", "**": "ɾ", "r/": "ɾ", "R": "r",
    "R2": "r", "R3": "r", "r.": "ɾ", 'r"': "ʁ", "j": "j", "w": "w", "w2": "w", ";": "",
}  # fmt: skip
"""What espeak-ng's mnemonics are in most languages (its docs/phonemes.md)."""

_BRITISH = {
    "3": "ə", "@2": "ə", "@5": "ə", "@#": "ə", "a#": "ə", "a#2": "ə", "I#": "ɪ", "I2#": "ɪ", "i": "i", "a": "æ",
    "aa": "æ", "a2": "æ", "0": "ɒ", "0#": "ɒ", "02": "ɒ", "V": "ʌ", "O2": "ɔ", "e": "ɛ", "e#": "ɛ", "e:": "eɪ",
    "A@": "ɑː", "A#": "ɑː", "A~": "ɑː", "O:": "ɔː", "O@": "ɔː", "o@": "ɔː", "O~": "ɔ", "o": "əʊ", "o:": "əʊ",
    "oU": "əʊ", "oU#": "əʊ", "3:": "ɜː", "e@": "eə", "i@": "ɪə", "i@3": "ɪə", "IR": "ɜː", "VR": "ɜː", "U@": "ʊə",
    "aI@": "aɪə", "aI3": "aɪə", "aU@": "aʊə", "@L": "əl", "x": "k", "X": "k", "r": "ɹ", "r-": "ɹ", "r/": "ɹ",
    "R": "ɹ", "R2": "ɹ", "R3": "ɹ", "*": "d", "t#": "t", "d#": "d", "z#": "z", "z/2": "z", "w#": "w", "?": "t",
    "n^": "n", "l^": "l", "L": "l", "L/": "l",
}  # fmt: skip


@dataclass(frozen=True)
class Language:
    """code: BCP 47, lower case. espeak: its voice's name. own: IPA of mnemonics that differ from most languages'."""

    code: str
    name: str
    espeak: str
    own: Mapping[str, str]


LANGUAGES: dict[str, Language] = {
    language.code: language
    for language in (
        Language("en-us", "American English", "en-us", {}),
        Language("en-gb", "British English", "en", _BRITISH),
        Language("de", "German", "de", {
            "y": "ʏ", "E:": "ɛː", "Y": "œ", "W": "œ", "OY": "ɔø", "UR": "ʊə", "iR": "ɪə", "i2": "i",
            "g#": "ç", "r-": "ɐ", "A:": "aː",
        }),
        Language("fr", "French", "fr", {
            "r": "ʁ", "r/": "ʁ", "r2": "ʁ", "r/2": "ʁ", "R": "ʁ", "a-": "a", "e-": "e", "y-": "y", "W2": "œ",
            "j.": "j", "j/": "j", "w/": "w", "I": "ɪ", "V": "ʌ",
        }),
        Language("es", "Spanish", "es", {"Y": "ø"}),
        # A short vowel that espeak-ng puts before a tapped r is part of that r.
        Language("it", "Italian", "it", {
            "@-": "ɾ", "i#": "i", "k~": "k", "g~": "ɡ", "tS~": "tʃ", "dZ~": "dʒ", "S~": "ʃ", "Q~": "ɣ",
        }),
        Language("pt", "Portuguese", "pt", {
            "&": "ɐ", "&/": "ɐ", "&~": "ɐ̃", "&U~": "ɐ̃ʊ", "oI~": "õɪ", "y": "ɨ", "x": "ʁ", "R": "ɹ", "r-": "ɹ",
        }),
        Language("nl", "Dutch", "nl", {"8": "œ", "e#": "ɛ", "Wy": "œy", "VU": "aʊ", "yU": "yʊ"}),
        Language("pl", "Polish", "pl", {"y": "ɨ"}),
    )
}  # fmt: skip
"""All languages that can be spoken, by code."""

_SWITCHES = {"en": "en-gb", "fr-fr": "fr", "pt-pt": "pt", **{code: code for code in LANGUAGES}}
"""Where espeak-ng takes a foreign word ("weekend" in French) from another language, its event says "(en)"."""


def language_of(code: str) -> Language:
    """The language of a code. Raises BadConfig for one that cannot be spoken."""
    if code not in LANGUAGES:
        raise BadConfig(f"no language {code!r}", cure=f"use one of {', '.join(LANGUAGES)}")
    return LANGUAGES[code]


@cache
def sounds_of(code: str) -> Mapping[str, Sound]:
    """The sounds of a language by espeak-ng's mnemonic. Raises BadConfig for one that cannot be spoken."""
    language = language_of(code)
    if code == "en-us":
        return AMERICAN
    return {mnemonic: sound_of(ipa) for mnemonic, ipa in {**_SHARED, **language.own}.items()}


def name_words(words: Iterable[list[str]], code: str) -> list[list[Sound]]:
    """The sounds of each word's mnemonics; a switch into another language has none, and lasts until the next.

    Raises BadInput for a mnemonic, or a switch, that is not known.
    """
    result: list[list[Sound]] = []
    spoken = code
    for word in words:
        named: list[Sound] = []
        run: list[str] = []
        for mnemonic in [*word, ""]:
            if mnemonic and not _is_switch(mnemonic):
                run.append(mnemonic)
                continue
            named += name_sounds(run, sounds_of(spoken), LANGUAGES[spoken].name)
            run = []
            if mnemonic:
                spoken = _switched(mnemonic)
                named.append(Sound((), ()))
        result.append(named)
    return result


def check_script(text: str) -> None:
    """Raises BadInput for a letter that is not Latin: espeak-ng would name it instead of reading the word."""
    for character in text:
        if character.isalpha() and "LATIN" not in unicodedata.name(character, "") and character not in "ªºµ":
            raise BadInput(f"{character!r} is no Latin letter", where=repr(text), cure="write the text in Latin script")


def _is_switch(mnemonic: str) -> bool:
    return mnemonic.startswith("(")


def _switched(mnemonic: str) -> str:
    code = mnemonic.strip("()")
    if code not in _SWITCHES:
        raise BadInput(
            f"espeak-ng switches to {code!r}, which has no table of sounds", cure="leave out the foreign word"
        )
    return _SWITCHES[code]
