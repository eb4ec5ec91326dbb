"""CREMA-D: 91 actors, 12 sentences, six emotions at up to three levels; `VideoFlash/*.flv` and `AudioWAV/*.wav`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from talkie_datasets.base import Counts, Dataset, Item, Skipped, key_from, printable
from talkie_datasets.files import files, first_of, trouble_with
from talkie_datasets.text import table

SENTENCES = {
    "IEO": "It's eleven o'clock",
    "TIE": "That is exactly what happened",
    "IOM": "I'm on my way to the meeting",
    "IWW": "I wonder what this is about",
    "TAI": "The airplane is almost full",
    "MTI": "Maybe tomorrow it will be cold",
    "IWL": "I would like a new alarm clock",
    "ITH": "I think I have a doctor's appointment",
    "DFA": "Don't forget a jacket",
    "ITS": "I think I've seen this before",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}
EMOTIONS = {"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": "unspecified", "X": "unspecified"}


@dataclass(frozen=True)
class CREMAD(Dataset):
    """Names say everything: `1001_DFA_ANG_XX` is actor, sentence, emotion, level. No official split.

    A clone without Git LFS holds pointers of about 130 bytes; those are skipped as such."""

    slug = "crema_d"
    title = "CREMA-D"
    licence = "ODbL-1.0"
    gate = "open: the authors' repository, with Git LFS"
    yields = "one video per performance, with its wav and its text"
    sentinels = ("VideoFlash",)
    languages = ("en",)
    expected = Counts(records=7_442, identities=91)
    counts_verified = True
    layout_verified = True
    talks = True

    def find(self, root: Path) -> Iterator[Item]:
        people = self._people(root / "VideoDemographics.csv")
        for path in files(root / "VideoFlash", frozenset((".flv", ".mp4"))):
            yield self._performance(root, path, people)

    def _performance(self, root: Path, path: Path, people: dict[str, dict[str, str]]) -> Item:
        match = re.fullmatch(r"(\d{4})_([A-Z]{3})_([A-Z]{3})_([A-Z]{1,2})", path.stem)
        if match is None:
            return Skipped(printable(path), "bad_name", "not <actor>_<sentence>_<emotion>_<level>")
        actor, sentence, emotion, level = match.groups()
        for code, known in ((sentence, SENTENCES), (emotion, EMOTIONS), (level, LEVELS)):
            if code not in known:
                return Skipped(printable(path), "unknown_label", f"CREMA-D has no code {code!r}")
        person = people.get(actor, {})
        sound = first_of(root / "AudioWAV" / f"{path.stem}.wav")
        return self.take(
            path,
            key_from(path.stem),
            subject=actor,
            text=SENTENCES[sentence],
            # A wav that is itself only a pointer is none; the film has its own track.
            audio_uri=None if sound is None or trouble_with(sound) else sound,
            labels={
                "emotion": EMOTIONS[emotion],
                "intensity": LEVELS[level],
                "sentence": sentence,
                "sex": person.get("Sex", "").lower() or None,
                "age": person.get("Age") or None,
            },
        )

    @staticmethod
    def _people(path: Path) -> dict[str, dict[str, str]]:
        return {row.get("ActorID", ""): row for _, row in table(path)} if path.is_file() else {}
