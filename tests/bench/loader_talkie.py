"""talkie as a contender of work item B: the index of plain tars, and a system that decodes their samples."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path
from typing import Any, ClassVar

from loader_work import collate, decode_picture, decode_sound

from talkie.shards.catalog import Member, encode_catalog, entry_of
from talkie.shards.fields import decode_record
from talkie.shards.index import Index, ShardEntry, write_index
from talkie.systems import Card, Optimiser, Phase, System, SystemConfig
from talkie.training.loading import Corpus, LoadConfig, Loader


def index(folder: Path) -> None:
    """Puts catalogues and the commit record beside plain tars, so that the reader takes them as its own. The writer
    would have: it knows the members of clips alone, and jpeg and wav are none."""
    shards = []
    for path in sorted(folder.glob("*.tar")):
        members: dict[str, dict[str, Member]] = {}
        records = {}
        with tarfile.open(path) as tar:
            for info in tar:
                key, _, field = info.name.partition(".")
                data = tar.extractfile(info).read()  # type: ignore[union-attr]
                digest = hashlib.sha256(data).hexdigest()
                members.setdefault(key, {})[field] = Member(offset=info.offset_data, size=info.size, sha256=digest)
                if field == "json":
                    records[key] = decode_record(data)
        catalog = encode_catalog((key, entry_of(records[key], "", found)) for key, found in members.items())
        shard = ShardEntry(
            name=path.name,
            prefix="",
            size=path.stat().st_size,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            catalog=hashlib.sha256(catalog).hexdigest(),
            clips=len(members),
        )
        (folder / shard.catalog_name).write_bytes(catalog)
        shards.append(shard)
    write_index(folder, Index(shards=shards))


class Samples(System):
    """Takes a sample as every contender does."""

    card: ClassVar[Card] = Card(slug="samples", title="", paper="", task="", licence="", needs=("json", "jpg", "wav"))
    Config: ClassVar = SystemConfig
    presets: ClassVar = {}
    constants: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        super().__init__(SystemConfig())

    def prepare(self, clips: Any) -> None: ...
    def restore(self, constants: Any) -> None: ...
    def generate(self, request: Any) -> None: ...
    def phases(self) -> tuple[Phase, ...]:
        return ()

    def example(self, clip: Any, draw: Any) -> dict[str, Any]:
        raw = clip.fields.raw
        return {"id": clip.id, "picture": decode_picture(raw("jpg")), "sound": decode_sound(raw("wav"))}

    def collate(self, examples: Any) -> dict[str, Any]:
        return collate(list(examples))


def loader(folder: Path, loaders: int, rank: int, world: int, at: int, batch_size: int) -> Loader:
    """Nothing is kept from epoch to epoch, as with the others."""
    phase = Phase("item-b", 1_000_000, {"model": Optimiser(1e-3)})
    config = LoadConfig(loaders=loaders, cache_mb=0)
    return Loader(
        [Corpus(folder)], Samples(), phase, config,
        seed=0, batch_size=batch_size, rank=rank, world=world, start_step=at,
    )  # fmt: skip
