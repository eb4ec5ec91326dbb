"""Which annotators a run uses and in which order: all that were asked for, after those whose findings they need."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from talkie.clip import FIELDS
from talkie.curation.draft import Annotator, Toolbox
from talkie.curation.judgement.duplicates import PictureFingerprint, SoundFingerprint
from talkie.curation.judgement.recipes import CurationRecipe
from talkie.curation.judgement.scores import SCORES
from talkie.curation.labels.picture import picture_annotators
from talkie.curation.labels.sound import sound_annotators
from talkie.curation.people import people_annotators
from talkie.errors import BadConfig

FINGERPRINTS = ("face_fingerprint", "picture_fingerprint", "sound_fingerprint")
"""Annotators that every run has: what is there twice, and who is who, is told by them."""
ALWAYS = frozenset(("json", "mp4", "flac", "landmarks.npy", "head.npz", "phones.json", "txt"))
"""Members that a clip has without an annotator, where its source has what they need."""


def annotator_kinds() -> dict[str, type[Annotator]]:
    """Every annotator by its name in a recipe."""
    prints: dict[str, type[Annotator]] = {kind.name: kind for kind in (PictureFingerprint, SoundFingerprint)}
    return {**sound_annotators(), **people_annotators(), **picture_annotators(), **SCORES, **prints}


def in_order(kinds: Iterable[type[Annotator]], all_kinds: Mapping[str, type[Annotator]]) -> list[type[Annotator]]:
    """The kinds with those that they need, each after what it needs, else in the order of `all_kinds`.

    Raises BadConfig for a need that nobody meets, and for a circle."""
    makers = {made: kind for kind in all_kinds.values() for made in (*kind.fields, *kind.scores)}
    rank = {kind: number for number, kind in enumerate(all_kinds.values())}
    placed: list[type[Annotator]] = []

    def place(kind: type[Annotator], waiting: tuple[type[Annotator], ...]) -> None:
        if kind in placed:
            return
        if kind in waiting:
            raise BadConfig(f"annotators need each other: {' '.join(k.name for k in (*waiting, kind))}")
        for need in kind.needs:
            if need in ALWAYS:
                continue
            if need not in makers:
                raise BadConfig(f"annotator {kind.name!r} needs {need!r}, which nothing makes")
            place(makers[need], (*waiting, kind))
        placed.append(kind)

    for kind in sorted(set(kinds), key=rank.__getitem__):
        place(kind, ())
    return placed


def makers_of(fields: Collection[str]) -> list[str]:
    """The names of the annotators that make the named members, in order of the members.

    Raises BadConfig for a member that curation cannot estimate: only the stage, or a rig, writes it."""
    makers = {made: name for name, kind in annotator_kinds().items() for made in kind.fields}
    wanted = [field for field in FIELDS if field in fields and field not in ALWAYS]
    for field in wanted:
        if field not in makers:
            raise BadConfig(
                f"{field} cannot be estimated from footage", cure="film it on the stage, or bring it with the data set"
            )
    return list(dict.fromkeys(makers[field] for field in wanted))


def annotators_of(recipe: CurationRecipe, tools: Toolbox) -> list[Annotator]:
    """The annotators of a recipe, made: its labels, its scores, those that its filters need, and fingerprints.

    Raises BadConfig for a label that is none or lacks its network, MissingExtra where a package is missing."""
    kinds = annotator_kinds()
    unknown = [name for name in recipe.labels if name not in kinds]
    if unknown:
        raise BadConfig(f"no label {unknown[0]!r}", where=recipe.name, cure=f"there are {', '.join(kinds)}")
    needed = {need for judge in recipe.judges() for need in judge.needs}
    wanted = [
        kind
        for name, kind in kinds.items()
        if name in FINGERPRINTS or name in recipe.labels or name in recipe.scores or not needed.isdisjoint(kind.scores)
    ]
    return [kind.made(tools) for kind in in_order(wanted, kinds)]
