"""The footage that probes learn from where nobody gives other: a small shoot of the stage, recorded once into the
cache. How a shoot is filmed is the stage's business."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from talkie.shards import Dataset, settings_digest
from talkie.stage import Shoot, record
from talkie.stage.record import STAGE_VERSION
from talkie.stage.shoot import parse_shoot

CLIPS = 160
"""Takes: eight of each person, of which three are of one sentence under several emotions."""
TRAINING_SHOOT: Shoot = parse_shoot(
    {
        "name": "probes",
        "seed": 51,
        "clips": CLIPS,
        "cast": {"people": 20},
        "script": {
            "emotions": ["neutral", "happy", "sad", "angry", "surprised", "afraid", "disgusted", "contempt"],
            "intensities": [3],
        },
        "rig": {"size": 96},
    },
    "the probes' shoot",
)


def shoot_digest(shoot: Shoot, clips: int) -> str:
    """What the footage is, before it is filmed: 64 hex digits."""
    return settings_digest({"stage_version": STAGE_VERSION, "clips": clips, **shoot.settings()})


def footage(folder: Path, shoot: Shoot, clips: int, say: Callable[[str], None]) -> Dataset:
    """The recorded shoot; what is missing of it is filmed by this process, and said."""

    def tell(done: int, wanted: int, seconds: float) -> None:
        if done < wanted and done % 10 == 0:
            say(f"filming the probes' footage: {done} of {wanted} clips, {seconds:.0f} s")

    # One worker: metrics must run where no Ray can be started.
    return record(folder, clips, shoot, workers=1, progress=tell)
