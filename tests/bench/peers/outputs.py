"""What a run of the common work item has left in its folder, in the same words for all. Nothing is run here."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av


@dataclass(frozen=True)
class Output:
    """clips: frames of each, by the name of its mp4; sizes: WIDTHxHEIGHT, and rates seen; sound: clips that have it;
    twice: names in more than one place; partial: files that cannot be read to the end; digest: of the tars' bytes;
    named: everything that tables, ledgers and logs in the folder say, to look for a source in."""

    clips: dict[str, int]
    sizes: dict[str, int]
    rates: dict[float, int]
    sound: int
    twice: int
    partial: list[str]
    digest: str
    named: str

    @property
    def frames(self) -> int:
        return sum(self.clips.values())


def read(folder: Path) -> Output:
    """The output in a folder: every tar in it, and the text that lies beside."""
    clips, sizes, rates, sound, twice = dict[str, int](), Counter(), Counter(), set[str](), 0
    partial, digest = list[str](), hashlib.sha256()
    for tar in sorted(folder.rglob("*.tar")):
        data = tar.read_bytes()
        # Names that are drawn anew in each run are no difference of content; what is in the tars counts.
        digest.update(data)
        try:
            for name, member in _members(data):
                stem = name.rsplit(".", 1)[0]
                if name.endswith(".flac"):
                    sound.add(stem)
                if not name.endswith(".mp4"):
                    continue
                frames, size, rate, has_sound = _picture(member)
                twice += stem in clips
                clips[stem] = frames
                sizes[size] += 1
                rates.update([] if rate is None else [rate])
                if has_sound:
                    sound.add(stem)
        except (tarfile.TarError, EOFError, av.error.FFmpegError) as error:
            partial.append(f"{tar.name}: {error}")
    text = [path.read_text(errors="replace") for path in folder.rglob("*") if path.suffix in (".jsonl", ".txt", ".log")]
    return Output(
        clips, dict(sizes), dict(rates), len(sound & clips.keys()), twice, partial, digest.hexdigest(), "\n".join(text)
    )


def _members(data: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for info in tar:
            handle = tar.extractfile(info)
            if handle is not None:
                yield info.name, handle.read()


def _picture(data: bytes) -> tuple[int, str, float | None, bool]:
    """Frames (counted, not believed), size, rate of the grid (one frame has none), whether there is a sound track."""
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        size, has_sound = f"{stream.width}x{stream.height}", bool(container.streams.audio)
        times = sorted(float(p.pts * p.time_base) for p in container.demux(stream) if p.pts is not None)
    rate = round((len(times) - 1) / (times[-1] - times[0]), 2) if len(times) > 1 else None
    return len(times), size, rate, has_sound
