"""`talkie record`: films a cast speaking and commits shards in which every field is ground truth.

One clip is a pure function of (settings, number): workers share nothing, and a run that was stopped continues."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from talkie.clip import FPS, ClipRecord, Crop, HeadTrack, Source, Sync, clip_id
from talkie.errors import BadInput
from talkie.heads import builtin_head
from talkie.media import encode_flac, encode_mp4
from talkie.shards import Index, Ledger, LedgerEntry, RawClip, commit, encode_field, existing_index
from talkie.shards.atomic import write_atomically
from talkie.stage.cast import Person, cast
from talkie.stage.film import frames_of, landmarks_of, shoot
from talkie.stage.performance import Performance, perform
from talkie.stage.script import scripts

STAGE_VERSION = "1"
_COMMIT_EVERY = 32


class StageConfig(BaseModel):
    """What the stage films. The number of clips is no setting: a folder may grow by asking for more."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(0, ge=0)
    people: int = Field(20, ge=1, le=10_000, description="size of the cast; every fifth person is held out for test")
    size: int = Field(256, ge=64, le=2048, multiple_of=2, description="side of the square picture in pixels")

    def settings(self) -> dict[str, Any]:
        return {"tool": "record", "stage_version": STAGE_VERSION, **self.model_dump()}


Progress = Callable[[int, int, float], None]
"""Called with (clips done, clips wanted, seconds of footage done)."""


def record(
    out: Path,
    clips: int,
    config: StageConfig,
    *,
    footage: bool = False,
    workers: int | None = None,
    progress: Progress = lambda done, total, seconds: None,
) -> Index:
    """Brings the folder to `clips` clips and returns its index. With `footage`, `out/footage` also receives
    `NAME.mp4` with sound as a camera would have made it, `NAME.txt` (what was said), `NAME.json` (identity, licence,
    consent, split) and `NAME.truth.npz`. Raises BadInput, SettingsConflict."""
    if clips < 1:
        raise BadInput("at least one clip must be asked for", where="--clips")
    settings = config.settings()
    index = existing_index(out, settings) or commit(out, [], settings=settings)
    ledger = Ledger(out)
    step = "footage" if footage else "film"
    known = {e.sha256 for e in ledger.entries() if set(e.clips) <= index.clips.keys() and e.step in (step, "footage")}
    todo = [n for n in range(clips) if _take_digest(settings, n) not in known]
    done, seconds = clips - len(todo), sum(c.frames for c in index.clips.values()) / FPS
    progress(done, clips, seconds)
    batch: list[tuple[int, RawClip]] = []
    try:
        for number, clip in _takes(config, clips, todo, out / "footage" if footage else None, workers):
            batch.append((number, clip))
            done, seconds = done + 1, seconds + clip.record.seconds
            progress(done, clips, seconds)
            if len(batch) == _COMMIT_EVERY:
                index = _commit(out, ledger, settings, batch, step)
                batch = []
    finally:
        # Also on Ctrl-C: what was filmed is kept.
        if batch:
            index = _commit(out, ledger, settings, batch, step)
    return index


def _commit(
    out: Path, ledger: Ledger, settings: dict[str, Any], batch: Iterable[tuple[int, RawClip]], step: str
) -> Index:
    takes = sorted(batch)
    index = commit(out, [clip for _, clip in takes], settings=settings)
    ledger.append(
        *(
            LedgerEntry(
                sha256=_take_digest(settings, number),
                name=clip.record.source.name,
                uri=clip.record.source.uri,
                status="done",
                step=step,
                clips=[clip.record.id],
                versions=clip.record.tools,
            )
            for number, clip in takes
        )
    )
    return index


def _take_digest(settings: dict[str, Any], number: int) -> str:
    return hashlib.sha256(json.dumps([settings, number], sort_keys=True).encode()).hexdigest()


def take_name(number: int) -> str:
    """The file name of a take's footage, without suffix."""
    return f"take-{number:05d}"


def _takes(
    config: StageConfig, clips: int, todo: list[int], footage: Path | None, workers: int | None
) -> Iterator[tuple[int, RawClip]]:
    """Films the takes on all cores; in this process where there is only one to film."""
    if footage is not None:
        footage.mkdir(parents=True, exist_ok=True)
    workers = min(workers or len(os.sched_getaffinity(0)), len(todo))
    if workers <= 1:
        yield from ((n, film_take(config, clips, n, footage)) for n in todo)
        return
    # Fork is unsafe once torch or numba have started threads.
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_one_thread)
    try:
        jobs = {pool.submit(film_take, config, clips, n, footage): n for n in todo}
        for job in as_completed(jobs):
            yield jobs.pop(job), job.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@lru_cache(maxsize=2)
def _cast(people: int, seed: int) -> list[Person]:
    return cast(builtin_head(), people, seed)


def film_take(config: StageConfig, clips: int, number: int, footage: Path | None = None) -> RawClip:
    """One clip with the truth of every field, and its footage where a folder is given."""
    model = builtin_head()
    who, text = scripts(clips, config.people, config.seed)[number]
    person = _cast(config.people, config.seed)[who]
    rng = np.random.default_rng((config.seed, number, 0xF11A))
    performance = perform(person, text, rng)
    track = shoot(model, person, performance, config.size, rng)
    pictures = np.stack(list(frames_of(model, person, track, config.size)))
    members = {
        "mp4": encode_mp4(pictures, FPS),
        "flac": encode_flac(performance.audio),
        "landmarks.npy": encode_field("landmarks.npy", landmarks_of(model, track)),
        "head.npz": encode_field("head.npz", track),
        "phones.json": encode_field("phones.json", performance.transcription),
        "txt": encode_field("txt", text),
    }
    clip = RawClip(_record(config, person, number, performance, track, members), members)
    if footage is not None:
        _write_footage(footage / take_name(number), clip, pictures, performance)
    return clip


def _record(
    config: StageConfig,
    person: Person,
    number: int,
    performance: Performance,
    track: HeadTrack,
    members: dict[str, bytes],
) -> ClipRecord:
    frames = len(performance)
    digest = hashlib.sha256(members["flac"] + members["head.npz"]).hexdigest()
    seconds = frames / FPS
    return ClipRecord(
        id=clip_id(digest, 0.0, seconds),
        source=Source(
            uri=f"stage:{STAGE_VERSION}/{config.seed}/{config.people}/{number}",
            name=f"{take_name(number)}.mp4",
            sha256=digest,
            start_s=0.0,
            end_s=seconds,
        ),
        frames=frames,
        identity=person.name,
        language="en",
        licence="CC0-1.0",
        consent="synthetic",
        split=person.split,
        labels={"voice": person.voice.variant},
        crop=Crop(size=config.size, boxes=[(0.0, 0.0, float(config.size))] * frames),
        sync=Sync(offset_s=0.0, confidence=1.0, method="stage truth"),
        transcript_origin="script",
        phones_origin=performance.transcription.origin,
        tools={"stage": STAGE_VERSION, "head": track.model, "voice": "espeak-ng"},
    )


def _write_footage(stem: Path, clip: RawClip, pictures: np.ndarray, performance: Performance) -> None:
    record = clip.record
    sidecar = record.model_dump(include={"identity", "language", "licence", "consent", "split"})
    head = clip.decode(("head.npz", "landmarks.npy"))
    truth = {k: v for k, v in vars(head.fields["head.npz"]).items() if k != "model"}
    truth |= {"landmarks": head.fields["landmarks.npy"], "model": np.array(record.tools["head"])}
    truth |= {"phones": np.array(clip.members["phones.json"].decode()), "clip": np.array(record.id)}
    write_atomically(stem.with_suffix(".txt"), performance.text.encode() + b"\n")
    write_atomically(stem.with_suffix(".json"), json.dumps(sidecar, indent=1).encode() + b"\n")
    write_atomically(stem.with_suffix(".truth.npz"), encode_field("npz", truth))
    # The video comes last: it is what says that the take is complete.
    write_atomically(stem.with_suffix(".mp4"), encode_mp4(pictures, FPS, audio=performance.audio))
