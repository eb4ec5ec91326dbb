"""The names of speech sounds: ARPABET phones, the viseme each one shows, and the ARPABET of espeak-ng's phonemes.
Times are not known here; they come from `synthesis` and `alignment`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from talkie.errors import BadInput

SILENCE = "SIL"

_VISEME_OF = {
    "SIL": "sil",
    "P": "PP", "B": "PP", "M": "PP",
    "F": "FF", "V": "FF",
    "TH": "TH", "DH": "TH",
    "T": "DD", "D": "DD",
    "K": "kk", "G": "kk", "NG": "kk", "HH": "kk",
    "CH": "CH", "JH": "CH", "SH": "CH", "ZH": "CH",
    "S": "SS", "Z": "SS",
    "N": "nn", "L": "nn",
    "R": "RR", "ER": "RR",
    "AA": "aa", "AE": "aa", "AH": "aa", "AW": "aa", "AY": "aa",
    "EH": "E", "EY": "E",
    "IH": "ih", "IY": "ih", "Y": "ih",
    "AO": "oh", "OW": "oh", "OY": "oh",
    "UH": "ou", "UW": "ou", "W": "ou",
}  # fmt: skip

ARPABET: tuple[str, ...] = (*sorted(set(_VISEME_OF) - {SILENCE}), SILENCE)
"""The 39 phones of the CMU dictionary without stress, in alphabetical order, then SIL."""

VOWELS = frozenset(("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"))

VISEMES: tuple[str, ...] = (
    "sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou",
)  # fmt: skip
"""The 15 viseme classes of MPEG-4 (ISO/IEC 14496-2, table C.1) under the names that Oculus LipSync gave them."""


def viseme_of(phone: str) -> str:
    """The viseme class of an ARPABET phone. MPEG-4 names no class for HH, NG, W and Y and none for vowels it lacks:
    they take that of the nearest mouth (NG its velar stop, W and Y their vowels, AE and AH the open mouth)."""
    return _VISEME_OF[phone]


@dataclass(frozen=True)
class Sound:
    """One sound of espeak-ng as phones: its ARPABET labels (none where it is part of the phone before it), the viseme
    that each shows, and how well the labels name it: 1 where English has the sound."""

    labels: tuple[str, ...]
    visemes: tuple[str, ...]
    confidence: float = 1.0


_ESPEAK: dict[str, str] = {
    # Vowels. An r-coloured vowel is its vowel and R, or ER; a syllabic consonant is AH and the consonant (CMU's habit).
    "i": "IY", "i:": "IY", "I": "IH", "I2": "IH", "I#": "IH", "I2#": "IH",
    "e": "EH", "E": "EH", "E2": "EH", "E#": "EH", "e#": "EH", "eI": "EY", "e:": "EY",
    "a": "AE", "aa": "AE", "a2": "AE", "A:": "AA", "A#": "AA", "A~": "AA", "0": "AA", "0#": "AA", "02": "AA",
    "O": "AO", "O:": "AO", "O2": "AO", "O~": "AO", "o": "OW", "o:": "OW", "oU": "OW", "oU#": "OW",
    "u": "UW", "u:": "UW", "U": "UH", "V": "AH",
    "@": "AH", "@-": "AH", "@2": "AH", "@5": "AH", "@#": "AH", "a#": "AH", "a#2": "AH",
    "aI": "AY", "aU": "AW", "OI": "OY",
    "3": "ER", "3:": "ER", "VR": "ER", "A@": "AA R", "O@": "AO R", "o@": "AO R", "e@": "EH R",
    "i@": "IY AH", "i@3": "IH R", "IR": "IH R", "U@": "UH R", "aI@": "AY AH", "aI3": "AY ER", "aU@": "AW ER",
    "@L": "AH L", "l-": "AH L", "m-": "AH M", "n-": "AH N", "N-": "AH NG",
    # Stops and affricates. The flap of "water" and the glottal stop of "button" are T, as CMU spells them.
    "p": "P", "b": "B", "t": "T", "t2": "T", "t#": "T", "t[": "T", "?": "T", "d": "D", "d#": "D", "d[": "D",
    "*": "D", "k": "K", "c": "K", "q": "K", "g": "G", "tS": "CH", "tS;": "CH", "dZ": "JH", "dZ;": "JH",
    # Fricatives; the last of "Bach" is K, as English speakers say it.
    "f": "F", "v": "V", "v#": "V", "T": "TH", "D": "DH", "s": "S", "s.": "S", "s;": "S", "z": "Z", "z#": "Z",
    "z.": "Z", "z;": "Z", "z/2": "Z", "S": "SH", "S;": "SH", "Z": "ZH", "Z;": "ZH", "h": "HH", "x": "K", "X": "K",
    # Nasals, liquids, glides.
    "m": "M", "n": "N", "n.": "N", "n^": "N", "N": "NG", "r": "R", "r-": "R", "r/": "R", "R": "R", "R2": "R",
    "R3": "R", "r.": "R", "l": "L", "l/": "L", "l/2": "L", "l/3": "L", "l^": "L", "l.": "L", "L": "L", "L/": "L",
    "l#": "L", "w": "W", "w#": "W", "j": "Y",
    # The glide inside "seeing" belongs to the vowel before it.
    ";": "",
}  # fmt: skip
"""espeak-ng's mnemonics of its en-us phoneme table (its docs/phonemes.md) -> ARPABET, blank-separated."""

AMERICAN: Mapping[str, Sound] = {
    mnemonic: Sound(tuple(labels.split()), tuple(map(viseme_of, labels.split())))
    for mnemonic, labels in _ESPEAK.items()
}
"""The sounds of American English by espeak-ng's mnemonic; those of other languages are `languages`'s."""

STRESS_MARKS = "',%=!"


def arpabet_of_word(mnemonics: Iterable[str]) -> list[tuple[str, ...]]:
    """ARPABET of one word's American phonemes: for each phoneme none, one or two phones.

    Raises BadInput for a sound that no English word has.
    """
    return [sound.labels for sound in name_sounds(mnemonics, AMERICAN, "English")]


def name_sounds(mnemonics: Iterable[str], table: Mapping[str, Sound], language: str) -> list[Sound]:
    """The sound of each of one word's espeak-ng phonemes.

    A linking R that espeak-ng writes after a phone that has one already ("e@ r" in "derring") has no label: it is
    part of the phone before it, as glides inside vowels are. Raises BadInput for a mnemonic that the table lacks.
    """
    result: list[Sound] = []
    last = ""
    for mnemonic in mnemonics:
        name = mnemonic.lstrip(STRESS_MARKS)
        if name not in table and name.endswith(":"):
            name = name[:-1]  # espeak-ng's length mark after a whole phoneme
        if name not in table:
            raise BadInput(f"espeak-ng's sound {mnemonic!r} is none of {language}", cure=f"use {language} text")
        sound = table[name]
        if sound.labels == ("R",) and last in ("R", "ER"):
            sound = Sound((), ())
        result.append(sound)
        last = sound.labels[-1] if sound.labels else last
    return result
