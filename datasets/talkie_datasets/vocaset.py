"""VOCASET: 12 speakers' heads as FLAME meshes of 5,023 vertices, in the authors' arrays or as one file per sentence."""

from __future__ import annotations

import re
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from talkie.clip import Split
from talkie.errors import BadInput
from talkie.heads.restricted_pickle import read_pickle
from talkie_datasets.base import Counts, Dataset, Item, Skipped, key_from, printable
from talkie_datasets.files import files, first_of, npy_shape, vertices_trouble

PEOPLE: dict[str, Split] = {
    "FaceTalk_170728_03272_TA": "train",
    "FaceTalk_170904_00128_TA": "train",
    "FaceTalk_170725_00137_TA": "train",
    "FaceTalk_170915_00223_TA": "train",
    "FaceTalk_170811_03274_TA": "train",
    "FaceTalk_170913_03279_TA": "train",
    "FaceTalk_170904_03276_TA": "train",
    "FaceTalk_170912_03278_TA": "train",
    "FaceTalk_170811_03275_TA": "val",
    "FaceTalk_170908_03277_TA": "val",
    "FaceTalk_170809_00138_TA": "test",
    "FaceTalk_170731_00024_TA": "test",
}
"""Speakers in the order of the set's one-hot vectors, with the authors' split."""
VERTICES = 5023
FPS_OFFICIAL = 60.0
FPS_SENTENCES = 30.0


@dataclass(frozen=True)
class VOCASET(Dataset):
    """Where `vertices_npy` exists, its files at 30 fps are taken, else spans of `data_verts.npy` at 60 fps.

    No pickle is run: the frame index `subj_seq_to_idx.pkl` goes through talkie's restricted reader, which admits plain
    values and numbers only; the templates are given as a path. The authors' sound is a pickle of its own, which
    `export_sound` turns into the `wav/<speaker>_<sentence>.wav` that is looked for beside either form."""

    slug = "vocaset"
    title = "VOCASET"
    licence = "non-commercial"
    terms = "VOCA dataset licence"
    gate = "registration at the VOCA project page, MPI for Intelligent Systems"
    yields = "one mesh sequence per sentence; the authors' split by person"
    sentinels = ("vertices_npy|data_verts.npy", "vertices_npy|subj_seq_to_idx.pkl")
    languages = ("en",)
    expected = Counts(identities=12)
    counts_verified = True
    layout_verified = True

    def find(self, root: Path) -> Iterator[Item]:
        if (root / "vertices_npy").is_dir():
            for path in files(root / "vertices_npy", frozenset((".npy",))):
                yield self._file(root, path)
        else:
            yield from self._spans(root)

    def _file(self, root: Path, path: Path) -> Item:
        match = re.fullmatch(r"(FaceTalk_\d+_\d+_TA)_(sentence\d\d)", path.stem)
        if match is None or match[1] not in PEOPLE:
            return Skipped(printable(path), "bad_name", "not <speaker>_sentence<NN>.npy of a known speaker")
        trouble = vertices_trouble(path, VERTICES)
        if trouble is not None:
            return Skipped(printable(path), "broken", trouble)
        return self._record(root, path, match[1], match[2], FPS_SENTENCES)

    def _spans(self, root: Path) -> Iterator[Item]:
        path = root / "data_verts.npy"
        try:
            count = npy_shape(path)[0]
        except (OSError, ValueError) as error:
            raise BadInput(f"cannot be read: {error}", where=str(path), cure="download it again") from error
        index = read_pickle(root / "subj_seq_to_idx.pkl")
        for person in sorted(index):
            for sentence in sorted(index[person]):
                where = f"{root / 'subj_seq_to_idx.pkl'}:{person}/{sentence}"
                places = sorted(int(place) for place in index[person][sentence].values())
                if person not in PEOPLE:
                    yield Skipped(where, "unknown_label", "no speaker of the set")
                elif not places or places[-1] - places[0] != len(places) - 1:
                    yield Skipped(where, "missing_frames", f"its {len(places)} frames do not lie side by side")
                elif places[-1] >= count:
                    yield Skipped(where, "broken", f"points to frame {places[-1]} of {count}")
                else:
                    span = {"start_s": places[0] / FPS_OFFICIAL, "end_s": (places[-1] + 1) / FPS_OFFICIAL}
                    yield self._record(root, path, person, sentence, FPS_OFFICIAL, **span)

    def _record(self, root: Path, path: Path, person: str, sentence: str, fps: float, **span: Any) -> Item:
        return self.take(
            path,
            key_from(person, sentence),
            kind="vertices",
            subject=person,
            split=PEOPLE[person],
            fps=fps,
            audio_uri=first_of(root / "wav" / f"{person}_{sentence}.wav"),
            labels={"sentence": sentence, "topology": "FLAME"},
            annotations={"templates": first_of(root / "templates.pkl")},
            **span,
        )


def export_sound(root: str | Path) -> int:
    """Writes `wav/<speaker>_<sentence>.wav` from the authors' `raw_audio_fixed.pkl`; the number of files written.

    The whole pickle (about 29 minutes of 16-bit sound) is in memory meanwhile. It goes through the restricted reader:
    nothing of it is run. Raises BadInput where it holds anything but numbers under the expected names."""
    path = Path(root, "raw_audio_fixed.pkl")
    written = 0
    for person, sentences in sorted(read_pickle(path).items()):
        for sentence, sound in sorted(sentences.items()):
            try:
                samples, rate = np.asarray(sound["audio"]), int(sound["sample_rate"])
            except (KeyError, TypeError, ValueError) as error:
                raise BadInput(f"no sound of {person}/{sentence}", where=str(path), cure="get it anew") from error
            if samples.dtype != np.int16 or samples.ndim != 1:
                raise BadInput(f"{person}/{sentence} is no 16-bit mono sound", where=str(path), cure="get it anew")
            place = Path(root, "wav", f"{person}_{sentence}.wav")
            place.parent.mkdir(exist_ok=True)
            with wave.open(str(place), "wb") as out:
                out.setparams((1, 2, rate, len(samples), "NONE", ""))
                out.writeframes(samples.astype("<i2").tobytes())
            written += 1
    return written
