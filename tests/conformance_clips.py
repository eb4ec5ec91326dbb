"""Eight clips of talking heads with every field whose truth is known without filming a stage: what the conformance test
trains on. A system that needs another field gets it added here."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from talkie.clip import FPS, Clip, Phone, Transcription
from talkie.heads import builtin_head, project_landmarks
from talkie.shards import Dataset, RawClip, commit, encode_field, open_dataset
from tone_clips import tone_clip
from tone_pictures import filmed

PEOPLE = (("train", "ann"), ("train", "bea"), ("val", "cleo"), ("test", "dan"))
FRAMES, SIZE = 30, 64
LABELS = {"emotion": ("happy", "sad"), "spoof": ("genuine", "attack")}
"""Labels by attribute: the first for a person's first clip, the second for their second."""


def conformance_clips(folder: Path) -> Dataset:
    """Two clips of each person, the second one later in time: mp4, flac, head.npz, landmarks.npy, phones.json, txt,
    mask.mp4."""
    commit(folder, [_clip(number) for number in range(2 * len(PEOPLE))], settings={})
    return open_dataset(folder)


def _clip(number: int) -> RawClip:
    split, who = PEOPLE[number // 2]
    raw = tone_clip(number, who, split, FRAMES)
    seen = filmed(raw.decode(("flac", "head.npz")), SIZE, look=len(who))
    labels = {name: values[number % 2] for name, values in LABELS.items()}
    fields = {
        "head.npz": seen.fields["head.npz"],
        "landmarks.npy": project_landmarks(builtin_head(), seen.fields["head.npz"]).astype(np.float32),
        "phones.json": _phones(seen),
        "mask.mp4": seen.fields["mask.mp4"],
        "txt": f"la {number}",
    }
    members = {name: encode_field(name, value) for name, value in fields.items()}
    record = seen.record.model_copy(update={"labels": labels})
    return RawClip(record, {**raw.members, "mp4": seen.fields["mp4"], **members})


def _phones(clip: Clip) -> Transcription:
    """An open vowel while the mouth is more than half open, silence otherwise."""
    open_wide = clip.fields["head.npz"].jaw[:, 0] > 0.125
    turns = [0, *(np.flatnonzero(np.diff(open_wide.astype(int))) + 1).tolist(), len(open_wide)]
    phones = (
        Phone("AA" if open_wide[first] else "SIL", "aa" if open_wide[first] else "sil", first / FPS, end / FPS)
        for first, end in itertools.pairwise(turns)
    )
    return Transcription((), tuple(phones), "tones")
