"""Who says what and how: lines dealt to a cast, so that sentence, person and emotion can be told apart.
The sentences themselves are in sentences/, what a line may be is in line.py."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from talkie.errors import BadConfig, BadInput
from talkie.stage.emotion import EMOTIONS, INTENSITIES
from talkie.stage.line import EVENTS, WORDLESS, Line
from talkie.stage.sentences import EMOTIONAL, LANGUAGES, SENTENCES

GROUP = 4
"""People who share one sentence in a block."""
ROUNDS = 3
"""Rounds of a block in which a group keeps its sentence while the emotions go round."""


def scripts(clips: int, people: int, seed: int, pack: Sequence[str] = SENTENCES["en"]) -> list[tuple[int, str]]:
    """(person, sentence of the pack) for each clip. People take turns; sentences are dealt from shuffled packs, one
    pack shared by all, so that once every sentence was spoken the next pack gives it to other people: the same text
    comes back in several voices."""
    rng = np.random.default_rng((seed, 0x5C21))
    order: list[int] = []
    while len(order) < clips:
        order.extend(rng.permutation(len(pack)).tolist())
    return [(clip % people, pack[sentence]) for clip, sentence in zip(range(clips), order, strict=False)]


def lines(
    count: int,
    people: int,
    seed: int,
    *,
    emotions: Sequence[str] = EMOTIONS,
    intensities: Sequence[int] = (1, 2, 3),
    languages: Sequence[str] = ("en",),
    events: Sequence[str] = ("speech",),
) -> list[tuple[int, Line]]:
    """(person, line) for `count` clips; people take turns, and more clips never change the earlier ones.

    Clips come in blocks of ROUNDS + 1 rounds, a round being one clip of everybody. In a block, groups of GROUP people
    share a sentence; in each of its first rounds two people of a group say it under one emotion and the others under
    the next, and emotions go round, so that the same person says the same words under ROUNDS emotions and the same
    words under the same emotion come from several people. The last round of a block is free: emotional sentences in
    even blocks and the other events, if any, in odd ones.
    Raises BadInput for no clips or people, BadConfig for values that the stage does not know."""
    _check(count, people, emotions, intensities, languages, events)
    conditions = [(e, i) for e, i in product(emotions, intensities) if e != "neutral"]
    conditions += [("neutral", 1)] if "neutral" in emotions else []
    # Without plain speech every round is one of events.
    spoken, others = "speech" in events, [e for e in events if e != "speech"]
    result: list[tuple[int, Line]] = []
    block = 0
    while len(result) < count:
        rng = np.random.default_rng((seed, block, 0x11E5))
        seats = rng.permutation(people)
        order = np.random.default_rng((seed, 0xDEA1)).permutation(len(conditions))
        deal = [conditions[i] for i in order]
        for turn in range(ROUNDS + 1):
            for person in range(people):
                free = turn == ROUNDS
                seat = int(np.flatnonzero(seats == person)[0])
                group, place = divmod(seat, GROUP)
                emotion, intensity = deal[(_window(block, group, people) + turn + place // 2) % len(deal)]
                language = languages[(block + group) % len(languages)]
                if others and (not spoken or (free and block % 2 == 1)):
                    event = others[(block + turn + seat) % len(others)]
                else:
                    event = "speech"
                text = _text(language, emotion, seed, _window(block, group, people), seat, free)
                result.append((person, _line(event, text, emotion, intensity, language, rng)))
        block += 1
    return result[:count]


def _window(block: int, group: int, people: int) -> int:
    """A number of its own for each group of each block."""
    return block * -(-people // GROUP) + group


def _text(language: str, emotion: str, seed: int, window: int, seat: int, free: bool) -> str:
    matching = EMOTIONAL[language].get(emotion, ())
    if free and matching:
        return matching[(window + seat) % len(matching)]
    pack = SENTENCES[language]
    lap, at = divmod(window, len(pack))
    return pack[int(np.random.default_rng((seed, lap, 0x5C21)).permutation(len(pack))[at])]


def _line(event: str, text: str, emotion: str, intensity: int, language: str, rng: np.random.Generator) -> Line:
    seconds = float(np.round(rng.uniform(2.5, 6.0), 2))
    return Line("" if event in WORDLESS else text, emotion, intensity, language, event, seconds)


def _check(
    count: int,
    people: int,
    emotions: Sequence[str],
    intensities: Sequence[int],
    languages: Sequence[str],
    events: Sequence[str],
) -> None:
    if count < 1 or people < 1:
        raise BadInput(f"{count} clips of {people} people", cure="ask for at least one of each")
    known: tuple[tuple[str, Sequence[object], Sequence[object]], ...] = (
        ("emotion", emotions, EMOTIONS),
        ("intensity", intensities, INTENSITIES),
        ("language", languages, LANGUAGES),
        ("event", events, EVENTS),
    )
    for name, given, valid in known:
        if not given:
            raise BadConfig(f"no {name} given", cure=f"use some of {', '.join(map(str, valid))}")
        for value in given:
            if value not in valid:
                raise BadConfig(f"no {name} {value!r}", cure=f"use some of {', '.join(map(str, valid))}")
