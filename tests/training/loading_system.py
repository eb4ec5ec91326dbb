"""A system for tests of the loader, which trains nothing and notes what it was given; and small corpora for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from talkie.clip import ClipRecord, Source
from talkie.shards import RawClip, commit
from talkie.systems import Card, Optimiser, Phase, Sampling, System, SystemConfig
from talkie.training.loading import Corpus, LoadConfig, Loader


class Noting(System):
    """Its examples hold what was drawn: id, window, references, partners, a random number of each draw."""

    card: ClassVar[Card] = Card(slug="noting", title="", paper="", task="", licence="", needs=("txt",))
    Config: ClassVar = SystemConfig
    presets: ClassVar = {}
    constants: ClassVar[dict[str, Any]] = {}

    def __init__(self, look=None):
        super().__init__(SystemConfig())
        self.look = look

    def prepare(self, clips): ...
    def restore(self, constants): ...
    def generate(self, request): ...
    def phases(self):
        return ()

    def example(self, clip, draw):
        return {
            "id": clip.id,
            "record": clip.record,
            "window": draw.window,
            "references": draw.references,
            "partners": {name: partner.record for name, partner in draw.partners.items()},
            "partner_windows": dict(draw.partner_windows),
            "random": draw.rng.random(),
            "progress": draw.progress,
            "seen": self.look(clip, draw) if self.look else clip.fields["txt"],
        }

    def collate(self, examples):
        names = [name for name in examples[0] if name != "id"]
        columns = {name: [e[name] for e in examples] for name in names}
        return {"ids": [e["id"] for e in examples], **columns, "dice": torch.rand(()).item()}


def phase(name: str = "all", steps: int = 1000, **sampling: Any) -> Phase:
    return Phase(name, steps, {"model": Optimiser(1e-3)}, sampling=Sampling(**sampling))


def clip(number: int, *, members: dict[str, bytes] | None = None, **record: Any) -> RawClip:
    """Clip `number` of 25 frames by a person of its own, unless `record` says otherwise."""
    fields = {
        "id": f"{number:016x}",
        "source": Source(uri=f"file:{number}", name=f"{number}.mp4", sha256=f"{number:064x}", start_s=0, end_s=1),
        "frames": 25,
        "identity": f"person-{number}",
        "split": "train",
        **record,
    }
    return RawClip(ClipRecord(**fields), {"txt": f"clip {number}".encode()} if members is None else members)


def corpus(folder: Path, count: int = 10, first: int = 0, **record: Any) -> Corpus:
    """A committed corpus of clips `first` and following; a value that is callable is asked for each number."""
    numbers = range(first, first + count)
    clips = [clip(n, **{k: v(n) if callable(v) else v for k, v in record.items()}) for n in numbers]
    commit(folder, clips, settings={})
    return Corpus(folder)


def loader(corpora: list[Corpus] | Corpus, load: dict[str, Any] | None = None, look=None, **options: Any) -> Loader:
    """A loader of `Noting`; `options` are the sampling's or the loader's."""
    own = {k: options.pop(k) for k in ("seed", "batch_size", "rank", "world", "start_step") if k in options}
    corpora = [corpora] if isinstance(corpora, Corpus) else corpora
    made = phase(**options)
    return Loader(corpora, Noting(look), made, LoadConfig(**(load or {})), **{"seed": 0, "batch_size": 8, **own})


def collected(made: Loader, steps: range, name: str = "ids") -> list[Any]:
    """What a loader's batches hold under a name, end to end; it is closed."""
    with made:
        return [value for step in steps for value in made.batch(step)[name]]


def numbers(ids: list[str]) -> np.ndarray:
    """The numbers of clips by their ids, with or without windows."""
    return np.array([int(i.split("@")[0], 16) for i in ids])
