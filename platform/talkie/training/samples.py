"""What a model in training makes of some fixed clips, as files: so that people see and hear what losses do not say.
How a task's result becomes files is the task's own (`Task.show`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from talkie.clip import Clip, Split
from talkie.systems import System
from talkie.systems.tasks import TASKS
from talkie.training.config import TrainConfig
from talkie.training.loading import Corpus, TrainingClips
from talkie.training.loading.catalogue import opened


def sample_clips(corpora: Sequence[Corpus], system: System, config: TrainConfig) -> list[Clip]:
    """The clips that samples are made of: the first of the val split, else of the training split."""
    task = TASKS.get(system.card.task)
    if task is None or not config.samples:
        return []
    split: Split = "val" if all(opened(corpus.dataset).ids("val") for corpus in corpora) else "train"
    needs = tuple(dict.fromkeys((*system.card.needs, *task.needs)))
    clips = TrainingClips(corpora, system, config.load, needs=needs, split=split)
    return [clips[number] for number in range(min(config.samples, len(clips)))]


@torch.no_grad()
def write_samples(system: System, clips: Sequence[Clip], folder: Path) -> tuple[str, ...]:
    """Generates for every clip and writes what the task shows of it; returns the files' paths."""
    task = TASKS[system.card.task]
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for clip in clips:
        result = system.eval().generate(task.request_of(clip))
        for name, content in task.show(clip, result).items():
            path = folder / f"{clip.id}.{name}"
            path.write_bytes(content)
            written.append(str(path))
    return tuple(written)
