"""RAVDESS: 24 actors who speak and sing two statements under eight emotions, `Actor_XX/MM-VC-EE-II-SS-RR-AA.mp4`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from talkie_datasets.base import Counts, Dataset, Item, Skipped, key_of, printable
from talkie_datasets.files import files, first_of, folders

SOUND_AND_PICTURE, PICTURE_ONLY, SOUND_ONLY = "01", "02", "03"
CHANNELS = {"01": "speech", "02": "song"}
EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgust",
    "08": "surprised",
}
INTENSITIES = {"01": "normal", "02": "strong"}
STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}


@dataclass(frozen=True)
class RAVDESS(Dataset):
    """Of a performance the film with sound (01) is taken; the silent film (02) only where there is no such one, with
    the wav (03) as its sound. Actors' folders may lie one level down, as the archives unpack. No official split."""

    slug = "ravdess"
    title = "RAVDESS"
    licence = "CC-BY-NC-SA-4.0"
    gate = "open: the RAVDESS record on Zenodo"
    yields = "one video per performance, spoken or sung, with its text"
    sentinels = ("Actor_[0-9][0-9]|*/Actor_[0-9][0-9]",)
    languages = ("en",)
    expected = Counts(identities=24)
    counts_verified = True
    layout_verified = True
    talks = True

    def find(self, root: Path) -> Iterator[Item]:
        for folder in folders(root):
            homes = [folder] if re.fullmatch(r"Actor_\d\d", folder.name) else folders(folder)
            for actor in homes:
                if re.fullmatch(r"Actor_\d\d", actor.name):
                    for path in files(actor, frozenset((".mp4",))):
                        yield self._performance(root, path)

    def _performance(self, root: Path, path: Path) -> Item:
        codes = path.stem.split("-")
        if len(codes) != 7 or not all(re.fullmatch(r"\d\d", code) for code in codes):
            return Skipped(printable(path), "bad_name", "not seven numbers of two digits")
        modality, channel, emotion, intensity, statement, repetition, actor = codes
        if f"Actor_{actor}" != path.parent.name:
            return Skipped(printable(path), "bad_name", f"names actor {actor} and lies with {path.parent.name}")
        for code, known in (
            (channel, CHANNELS),
            (emotion, EMOTIONS),
            (intensity, INTENSITIES),
            (statement, STATEMENTS),
        ):
            if code not in known:
                return Skipped(printable(path), "unknown_label", f"no meaning of {code!r} in {path.stem}")
        rest = path.stem[2:]
        sound = None
        if modality == PICTURE_ONLY:
            if (path.parent / f"{SOUND_AND_PICTURE}{rest}.mp4").exists():
                return Skipped(printable(path), "duplicate", "the same film without its sound")
            sound = first_of(path.parent / f"{SOUND_ONLY}{rest}.wav")
        return self.take(
            path,
            key_of(root, path),
            subject=actor,
            text=STATEMENTS[statement],
            audio_uri=sound,
            labels={
                "emotion": EMOTIONS[emotion],
                "intensity": INTENSITIES[intensity],
                "channel": CHANNELS[channel],
                "repetition": str(int(repetition)),
                "sex": "male" if int(actor) % 2 else "female",
            },
        )
