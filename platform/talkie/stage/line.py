"""A line of the script: what one person does in one clip, and the check that the stage can play it."""

from __future__ import annotations

from dataclasses import dataclass

from talkie.errors import BadConfig
from talkie.stage.emotion import check_emotion
from talkie.stage.sentences import LANGUAGES

EVENTS: tuple[str, ...] = ("speech", "pause", "hesitation", "laughter", "listening", "silence")
"""What a clip may be: plain speech; speech with a silent pause, a filled one, or a laugh; listening with nods; and
sitting still. The last two have no text."""
WORDLESS = frozenset({"listening", "silence"})
LONGEST_S = 120.0


@dataclass(frozen=True)
class Line:
    """text: what is said, empty for a wordless event and for laughter alone; intensity: 1 to 3 (neutral: 1);
    seconds: length of a wordless event. Raises BadConfig for values that the stage does not know."""

    text: str = ""
    emotion: str = "neutral"
    intensity: int = 1
    language: str = "en"
    event: str = "speech"
    seconds: float = 4.0

    def __post_init__(self) -> None:
        check_emotion(self.emotion, self.intensity)
        if self.language not in LANGUAGES:
            raise BadConfig(f"no sentences in language {self.language!r}", cure=f"use one of {', '.join(LANGUAGES)}")
        if self.event not in EVENTS:
            raise BadConfig(f"no event {self.event!r}", cure=f"use one of {', '.join(EVENTS)}")
        spoken = any(character.isalnum() for character in self.text)
        if self.event in WORDLESS and spoken:
            raise BadConfig(f"{self.event} has no text, but was given {self.text!r}", cure="leave the text empty")
        if self.event not in WORDLESS | {"laughter"} and not spoken:
            raise BadConfig(f"{self.event} without a text", cure="give a text with at least one word")
        if not 0.5 <= self.seconds <= LONGEST_S:
            raise BadConfig(f"a line of {self.seconds} s", cure=f"use 0.5 to {LONGEST_S:g} seconds")
