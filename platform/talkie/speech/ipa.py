"""The sounds that our voices' languages use, in IPA: nearest ARPABET phone, the mouth each one shows, how near it is.
Which language writes which sound how is `languages`'s business.

The label is what an American listener hears (front rounded vowels as back rounded ones: Strange et al., JASA 118,
2005); the viseme is the sound's own articulation (IPA chart, 2020 revision), because lips are seen, not heard.
"""

from __future__ import annotations

from talkie.errors import BadConfig
from talkie.speech.phones import Sound

NEAR = 0.8
"""Confidence of a label whose English sound differs in length, devoicing, diphthong or manner, not in place."""
FAR = 0.5
"""Confidence of a label whose English sound differs in place, rounding or nasality."""

_SAME, _NEAR, _FAR = 1.0, NEAR, FAR

# IPA: ARPABET labels / visemes. Rounded: close "ou", mid and open "oh". Unrounded: close "ih", mid "E", open "aa".
_CHART: dict[float, dict[str, str]] = {
    _SAME: {
        "p": "P/PP", "b": "B/PP", "m": "M/PP", "f": "F/FF", "v": "V/FF", "θ": "TH/TH", "ð": "DH/TH",
        "t": "T/DD", "d": "D/DD", "n": "N/nn", "l": "L/nn", "s": "S/SS", "z": "Z/SS", "ʃ": "SH/CH", "ʒ": "ZH/CH",
        "tʃ": "CH/CH", "dʒ": "JH/CH", "k": "K/kk", "ɡ": "G/kk", "ŋ": "NG/kk", "h": "HH/kk",
        "j": "Y/ih", "w": "W/ou", "ɹ": "R/RR",
        "iː": "IY/ih", "i": "IY/ih", "ɪ": "IH/ih", "ɛ": "EH/E", "æ": "AE/aa", "ɑː": "AA/aa", "ɑ": "AA/aa",
        "ɔː": "AO/oh", "ɔ": "AO/oh", "ʊ": "UH/ou", "uː": "UW/ou", "u": "UW/ou", "ʌ": "AH/aa", "ə": "AH/aa",
        "eɪ": "EY/E", "aɪ": "AY/aa", "aʊ": "AW/aa", "ɔɪ": "OY/oh", "əʊ": "OW/oh",
        "əl": "AH L/aa nn", "əm": "AH M/aa PP", "ən": "AH N/aa nn", "əŋ": "AH NG/aa kk",
        # Sounds in a row that one mnemonic stands for.
        "ts": "T S/DD SS", "dz": "D Z/DD SS", "iə": "IY AH/ih aa", "aɪə": "AY AH/aa aa", "aʊə": "AW AH/aa aa",
        "": "/",
    },
    _NEAR: {
        "t̪": "T/DD", "d̪": "D/DD", "ɾ": "R/DD", "r": "R/DD", "pf": "P F/PP FF", "əɹ": "AH R/aa RR", "ɜ": "AH/E",
        "ɐ": "AH/aa", "a": "AA/aa", "aː": "AA/aa", "e": "EY/E", "eː": "EY/E", "ɛː": "EH/E", "o": "OW/oh", "oː": "OW/oh",
        "ɒ": "AA/oh", "ɜː": "ER/E", "ɪə": "IH AH/ih aa", "eə": "EH AH/E aa", "ʊə": "UH AH/ou aa",
        "ɛɪ": "EY/E", "oɪ": "OY/oh", "ɔʊ": "OW/oh", "ɛʊ": "EH W/E ou", "eʊ": "EY W/E ou", "iʊ": "IY W/ih ou",
        "uɪ": "UW Y/ou ih", "ʋ": "V/FF", "ɦ": "HH/kk", "ɫ": "L/nn", "ss": "S/SS", "ŋk": "NG K/kk kk", "ʁɹ": "R/RR",
    },
    _FAR: {
        # Front rounded vowels.
        "y": "UW/ou", "yː": "UW/ou", "ʏ": "UH/ou", "ø": "UH/ou", "øː": "UH/ou", "œ": "AH/oh", "œy": "OY/oh",
        "ɔø": "OY/oh", "ɥ": "W/ou", "yʊ": "UW W/ou ou", "ʉ": "UW/ou",
        # Central and back unrounded.
        "ɨ": "IH/ih", "ɘ": "IH/ih",
        # Nasal vowels.
        "ɑ̃": "AA/aa", "ɛ̃": "AE/E", "ɔ̃": "AO/oh", "œ̃": "AH/oh", "ɐ̃": "AH/aa", "ĩ": "IY/ih", "ẽ": "EY/E",
        "õ": "OW/oh", "ũ": "UW/ou", "ɐ̃ʊ": "AW/aa", "õɪ": "OY/oh",
        # Palatals: the blade is high and the lips spread, as in Y.
        "ç": "HH/ih", "ʝ": "Y/ih", "ɲ": "N/nn", "ʎ": "L/nn", "c": "K/kk", "ɟ": "G/kk",
        "tʲ": "T/DD", "dʲ": "D/DD", "ɕ": "SH/CH", "ʑ": "ZH/CH", "tɕ": "CH/CH", "dʑ": "JH/CH",
        "ʂ": "SH/CH", "ʐ": "ZH/CH", "ɭ": "L/nn", "ɳ": "N/nn",
        # Velars and uvulars: the lips are free.
        "x": "HH/kk", "χ": "HH/kk", "ɣ": "G/kk", "q": "K/kk", "ʁ": "R/kk", "ʀ": "R/kk", "ʔ": "HH/kk",
        # Lips near each other, without the closure of B.
        "β": "V/FF", "ɸ": "F/FF", "ɬ": "L/nn",
    },
}  # fmt: skip

SOUNDS: dict[str, Sound] = {
    ipa: Sound(tuple(both.split("/")[0].split()), tuple(both.split("/")[1].split()), confidence)
    for confidence, column in _CHART.items()
    for ipa, both in column.items()
}
"""Every sound by its IPA symbol."""


def sound_of(ipa: str) -> Sound:
    """Labels and visemes of an IPA symbol of the table. Raises BadConfig for one that it lacks."""
    if ipa not in SOUNDS:
        raise BadConfig(f"no articulation is known for the sound [{ipa}]", cure="add it to talkie/speech/ipa.py")
    return SOUNDS[ipa]
