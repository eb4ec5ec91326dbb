"""Sentences of our own by language: a neutral pack that covers the language's sounds, and emotional ones.
Who says which is decided in script.py."""

from __future__ import annotations

from talkie.stage.sentences import de, en, es, fr, it

SENTENCES: dict[str, tuple[str, ...]] = {
    "en": en.SENTENCES,
    "de": de.SENTENCES,
    "fr": fr.SENTENCES,
    "es": es.SENTENCES,
    "it": it.SENTENCES,
}
"""By language tag (BCP 47): together they hold every phone of the language."""

EMOTIONAL: dict[str, dict[str, tuple[str, ...]]] = {
    "en": en.EMOTIONAL,
    "de": de.EMOTIONAL,
    "fr": fr.EMOTIONAL,
    "es": es.EMOTIONAL,
    "it": it.EMOTIONAL,
}
"""By language and emotion: what somebody in that state would say."""

LANGUAGES: tuple[str, ...] = tuple(SENTENCES)

__all__ = ["EMOTIONAL", "LANGUAGES", "SENTENCES"]
