"""What `bench_kill` looks at: processes by their part, files that are not what they say, a ledger that is whole."""

from __future__ import annotations

import contextlib
import hashlib
from itertools import islice
from pathlib import Path

import cv2
import psutil

from talkie.errors import NotADataset
from talkie.media import encode_mp4, read_audio, read_video
from talkie.shards import Ledger, open_dataset

SOURCES, FRAMES, SIZE = 4, 27, 160


def film(clip: Path, folder: Path) -> None:
    """Short pieces of one clip."""
    folder.mkdir()
    frames = [
        cv2.resize(frame, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        for _, _, frame in islice(read_video(clip), SOURCES * FRAMES)
    ]
    sound = read_audio(clip)
    assert sound is not None
    for number in range(SOURCES):
        first, end = number * FRAMES, (number + 1) * FRAMES
        (folder / f"{number}.mp4").write_bytes(encode_mp4(frames[first:end], audio=sound[first * 640 : end * 640]))


def descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def workers_of(pid: int) -> list[psutil.Process]:
    """The actors of the engine below a process."""
    return [p for p in descendants(pid) if _command(p).startswith("ray::EngineActor")]


def raylets(pid: int) -> list[psutil.Process]:
    return [p for p in descendants(pid) if _command(p).split(" ")[0].endswith("/raylet")]


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def visible(out: Path) -> dict[str, str]:
    """Digests of what a reader of the folder sees, without the books, whose order is that of the work."""
    books = ("ledger.jsonl", "history.jsonl")
    files = sorted(p for p in out.iterdir() if not p.name.startswith(".") and p.name not in books)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def partial_files(out: Path) -> list[str]:
    """Shards that are not what their names say, and an index whose shards do not verify."""
    if not out.is_dir():
        return []
    shards = [name for name in out.glob("talkie-*.tar") if not name.name.startswith(".")]
    wrong = [path.name for path in shards if not _digest_of(path).startswith(path.stem.rsplit("-", 1)[1])]
    # Nothing is committed yet, or it is replaced while it is read.
    with contextlib.suppress(NotADataset, FileNotFoundError):
        open_dataset(out).verify()
    return wrong


def _digest_of(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return path.stem.rsplit("-", 1)[1]


def hidden_leftovers(out: Path) -> list[str]:
    return [path.name for path in out.iterdir() if path.name.startswith(".")]


def ledger_is_whole(out: Path) -> bool:
    """Every source is done, once, in its newest attempt."""
    latest = Ledger(out).latest()
    return len(latest) == SOURCES and all(
        [e.status for e in entries].count("done") == 1 and entries[-1].status == "done" for entries in latest.values()
    )
