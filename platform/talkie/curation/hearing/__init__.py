"""The sound of a source: what is said in it, in which language, which phones sound when; no picture here."""

from talkie.curation.hearing.language import UNKNOWN, guess_language
from talkie.curation.hearing.listen import Heard, Hearing, Words, hear, part, understand, words_of
from talkie.curation.hearing.whisper import Said, Whisper, load_whisper

__all__ = [
    "UNKNOWN",
    "Heard",
    "Hearing",
    "Said",
    "Whisper",
    "Words",
    "guess_language",
    "hear",
    "load_whisper",
    "part",
    "understand",
    "words_of",
]
