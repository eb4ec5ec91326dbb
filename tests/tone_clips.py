"""Clips whose truth is known by construction: a tone whose loudness opens the jaw. For tests of learning from sound."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from talkie.clip import FPS, SAMPLES_PER_FRAME, ClipRecord, HeadTrack, Source
from talkie.heads import ARKIT_NAMES, builtin_head
from talkie.media.encode import encode_flac
from talkie.shards import RawClip, commit, encode_field

JAW_OPEN = ARKIT_NAMES.index("jawOpen")
MOUTH_FUNNEL = ARKIT_NAMES.index("mouthFunnel")


def tone_clip(seed: int, identity: str = "ann", split: str = "train", frames: int = 40) -> RawClip:
    """A clip whose jaw angle (0.25 rad), jawOpen and mouthFunnel are the envelope of a 300 to 500 Hz tone."""
    draw = np.random.default_rng(seed)
    knots = draw.uniform(0, 1, frames // 5 + 2)
    envelope = np.interp(np.arange(frames), np.arange(len(knots)) * 5, knots).astype(np.float32)
    time = np.arange(frames * SAMPLES_PER_FRAME) / (SAMPLES_PER_FRAME * FPS)
    loudness = np.interp(time * FPS - 0.5, np.arange(frames), envelope)
    tone = np.sin(2 * np.pi * draw.uniform(300, 500) * time)
    # Normalising a clip hides its level, so a steady low hum gives the loudness something to stand against.
    audio = 0.5 * loudness * tone + 0.05 * np.sin(2 * np.pi * 100 * time)
    flac = encode_flac(audio.astype(np.float32))
    digest = hashlib.sha256(flac + identity.encode()).hexdigest()
    record = ClipRecord(
        id=digest[:16],
        source=Source(uri=f"tone:{seed}", name=f"tone {seed}", sha256=digest, start_s=0, end_s=frames / FPS),
        frames=frames,
        identity=identity,
        split=split,
    )
    return RawClip(record, {"flac": flac, "head.npz": encode_field("head.npz", track_of(envelope, identity))})


def track_of(envelope: np.ndarray, identity: str = "ann") -> HeadTrack:
    """A head that opens its mouth as far as `envelope` (T,) in [0, 1] says."""
    model = builtin_head()
    frames = len(envelope)
    person = np.random.default_rng(int.from_bytes(identity.encode(), "big") % 2**32)
    expression = np.zeros((frames, len(ARKIT_NAMES)), np.float32)
    expression[:, JAW_OPEN] = 0.3 * envelope
    expression[:, MOUTH_FUNNEL] = envelope
    jaw = np.zeros((frames, 3), np.float32)
    jaw[:, 0] = 0.25 * envelope
    still = np.zeros((frames, 3), np.float32)
    return HeadTrack(
        identity=person.normal(0, 0.5, len(model.identity_names)).astype(np.float32),
        expression=expression,
        jaw=jaw,
        neck=still,
        left_eye=still,
        right_eye=still,
        rotation=still,
        translation=still,
        K=np.tile(np.eye(3, dtype=np.float32), (frames, 1, 1)),
        R=np.diag([1, -1, -1]).astype(np.float32),
        t=np.array([0, 0, 0.7], np.float32),
        residual=np.zeros(frames, np.float32),
        model=model.name,
    )


def tone_dataset(folder: Path, train: int = 12, test: int = 4, frames: int = 40) -> Path:
    """Committed shards of clips by three people of the train split and two of the test split; clips vary in length."""
    people = [("train", ("ann", "bea", "cid"), train), ("test", ("dan", "eva"), test)]
    clips = [
        tone_clip(100 * k + i, names[i % len(names)], split, frames - 5 * (i % 3))
        for k, (split, names, count) in enumerate(people)
        for i in range(count)
    ]
    commit(folder, clips, settings={"maker": "tones"})
    return folder
