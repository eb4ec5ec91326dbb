"""The contenders of work item B, each a process that serves epochs when it is told to: talkie and five others, which
are imported late, each from an environment of its own. Who asks is bench_loader.py.

    python loader_contenders.py NAME FOLDER LOADERS      then numbers of samples on stdin, a line each
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from loader_work import BATCH, SAMPLES, collate, cpu_seconds, decode, resident_mb

Epochs = Callable[[int], Iterable[dict[str, Any]]]
"""The batches of an epoch, by its number."""


def talkie(folder: Path, loaders: int, rank: int = 0, world: int = 1, at: int = 0) -> Epochs:
    """Over the same tars, through the catalogue and index that `index_for_talkie` has put beside them."""
    from loader_talkie import loader

    made = loader(folder, loaders, rank, world, at, BATCH)
    steps = SAMPLES // BATCH
    return lambda epoch: (made.batch(step) for step in range(max(at, epoch * steps), (epoch + 1) * steps))


def webdataset(folder: Path, loaders: int) -> Epochs:
    import webdataset as wds

    data = wds.WebDataset(_tars(folder), shardshuffle=100, nodesplitter=None).shuffle(1000)
    data = data.map(lambda s: decode(s["jpg"], s["json"], s["wav"])).batched(BATCH, collation_fn=collate)
    made = wds.WebLoader(data, batch_size=None, num_workers=loaders, persistent_workers=loaders > 0)
    return lambda epoch: made


def torchdata(folder: Path, loaders: int) -> Epochs:
    """StatefulDataLoader over the members' offsets, which it has no reader for of its own."""
    import tarfile

    import torch
    from torchdata.stateful_dataloader import StatefulDataLoader

    class Tars(torch.utils.data.Dataset):
        def __init__(self) -> None:
            self.places: dict[str, dict[str, tuple[str, int, int]]] = {}
            for path in _tars(folder):
                with tarfile.open(path) as tar:
                    for info in tar:
                        key, _, field = info.name.partition(".")
                        self.places.setdefault(key, {})[field] = (path, info.offset_data, info.size)
            self.keys = sorted(self.places)

        def __len__(self) -> int:
            return len(self.keys)

        def __getitem__(self, number: int) -> dict[str, Any]:
            place = self.places[self.keys[number]]
            with open(place["jpg"][0], "rb") as file:
                return decode(*(_read(file, *place[field][1:]) for field in ("jpg", "json", "wav")))

    made = StatefulDataLoader(
        Tars(), BATCH, shuffle=True, num_workers=loaders, collate_fn=collate, persistent_workers=loaders > 0
    )
    return lambda epoch: made


def litdata(folder: Path, loaders: int) -> Epochs:
    from litdata import StreamingDataLoader, StreamingDataset

    class Decoded(StreamingDataset):
        def __getitem__(self, index: Any) -> dict[str, Any]:
            item = super().__getitem__(index)
            return decode(item["jpg"], item["json"], item["wav"])

    data = Decoded(str(folder / "litdata"), shuffle=True)
    made = StreamingDataLoader(
        data, batch_size=BATCH, num_workers=loaders, collate_fn=collate, persistent_workers=loaders > 0
    )
    return lambda epoch: made


def streaming(folder: Path, loaders: int) -> Epochs:
    from streaming import StreamingDataset
    from torch.utils.data import DataLoader

    class Decoded(StreamingDataset):
        def __getitem__(self, index: Any) -> dict[str, Any]:
            item = super().__getitem__(index)
            return decode(item["jpg"], item["json"], item["wav"])

    data = Decoded(local=str(folder / "mds"), shuffle=True, batch_size=BATCH)
    made = DataLoader(data, BATCH, num_workers=loaders, collate_fn=collate, persistent_workers=loaders > 0)
    return lambda epoch: made


def energon(folder: Path, loaders: int) -> Epochs:
    from megatron import energon as me

    class Encoder(me.DefaultTaskEncoder):
        decoder = None

        @me.stateless
        def encode_sample(self, sample: Any) -> dict[str, Any]:
            return decode(sample["jpg"], sample["json"], sample["wav"])

        def batch(self, samples: list[Any]) -> Any:
            return collate(samples)

        def encode_batch(self, batch: Any) -> Any:
            return batch

    @me.stateless
    def as_it_is(sample: dict[str, Any]) -> dict[str, Any]:
        return sample

    Encoder.cookers = [me.Cooker(as_it_is)]
    config = me.WorkerConfig(rank=0, world_size=1, num_workers=loaders)
    data = me.get_train_dataset(
        str(folder / "energon"), worker_config=config, batch_size=BATCH, shuffle_buffer_size=1000,
        max_samples_per_sequence=100, task_encoder=Encoder(),
    )  # fmt: skip
    batches: Iterator[Any] = iter(me.get_loader(data))
    return lambda epoch: (next(batches) for _ in range(SAMPLES // BATCH))


CONTENDERS = {f.__name__: f for f in (talkie, webdataset, torchdata, litdata, streaming, energon)}


def prepare(name: str, folder: Path) -> None:
    """What a library wants on disk beside or instead of the tars."""
    if name == "litdata":
        import litdata

        litdata.optimize(
            raw_sample, list(raw_samples(folder)), str(folder / "litdata"), chunk_bytes="16MB", num_workers=1
        )
    elif name == "streaming":
        from streaming import MDSWriter

        with MDSWriter(out=str(folder / "mds"), columns=dict.fromkeys(("jpg", "json", "wav"), "bytes")) as out:
            for sample in raw_samples(folder):
                out.write(raw_sample(sample))
    elif name == "energon":
        _prepare_energon(folder)
    elif name == "talkie":
        from loader_talkie import index

        index(folder)


def _prepare_energon(folder: Path) -> None:
    import subprocess

    place = folder / "energon"
    place.mkdir()
    for tar in _tars(folder):
        os.link(tar, place / Path(tar).name)
    tool = Path(sys.executable).with_name("energon")
    command = [tool, "prepare", str(place), "--non-interactive", "--split-ratio", "1,0,0", "--num-workers", "1"]
    subprocess.run([*command, "--sample-type", "CrudeWebdataset"], check=True, stdin=subprocess.DEVNULL)


def raw_samples(folder: Path) -> Iterator[dict[str, bytes]]:
    import tarfile

    for path in _tars(folder):
        with tarfile.open(path) as tar:
            sample: dict[str, bytes] = {}
            for info in tar:
                sample[info.name.partition(".")[2]] = tar.extractfile(info).read()  # type: ignore[union-attr]
                if len(sample) == 3:
                    yield sample
                    sample = {}


def raw_sample(sample: dict[str, bytes]) -> dict[str, bytes]:
    return sample


def _read(file: Any, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)


def _tars(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.glob("*.tar"))


def serve(name: str, folder: Path, loaders: int) -> None:
    """Answers a number of samples with one line of JSON: seconds, CPU seconds, seconds to the first batch, ids,
    resident MB. Epochs follow one another without end."""
    began = time.perf_counter()
    epochs = CONTENDERS[name](folder, loaders)
    endless = (batch for epoch in itertools.count() for batch in epochs(epoch))
    print(json.dumps({"built_s": time.perf_counter() - began}), flush=True)
    cpu = cpu_seconds()
    for line in sys.stdin:
        start, first, ids, check = time.perf_counter(), 0.0, [], 0
        while len(ids) < int(line):
            batch = next(endless)
            first = first or time.perf_counter() - start
            ids += batch["ids"]
            check += int(batch["picture"][0, 0, 0, 0]) + len(batch["sound"])
        # What workers prepared ahead while others had their turn is this turn's: time is counted from the last answer.
        before, cpu = cpu, cpu_seconds()
        taken = {"seconds": time.perf_counter() - start, "cpu_s": cpu - before, "first_s": first}
        print(json.dumps({**taken, "ids": ids, "resident_mb": resident_mb(), "check": check}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        prepare(sys.argv[2], Path(sys.argv[3]))
    else:
        serve(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
        sys.stdout.flush()
        os._exit(0)  # some libraries' threads and shared memory hold a process up at its end
