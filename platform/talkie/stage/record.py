"""`talkie record`: films a shoot on Ray and commits shards in which every field is ground truth.

One take is a pure function of (shoot, number): workers share nothing, a run that was stopped continues, and the bytes
do not depend on how many workers there were."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from talkie.clip import FPS, ClipRecord, Crop, Source, Sync, clip_id
from talkie.errors import BadInput
from talkie.shards import Dataset, Ledger, LedgerEntry, RawClip, commit, existing_dataset
from talkie.shards.atomic import write_atomically
from talkie.stage.budget import check
from talkie.stage.film import Members, film, presentation_labels, stage_take
from talkie.stage.footage import film_footage, raw_footage_of
from talkie.stage.lighting import lit
from talkie.stage.shoot import Shoot
from talkie.stage.sound import sound_of
from talkie.stage.spool import Spool
from talkie.stage.take import Take
from talkie.stage.workers import each_take

STAGE_VERSION = "4"

Progress = Callable[[int, int, float], None]
"""Called with (takes done, takes wanted, seconds of footage done)."""


@dataclass(frozen=True)
class Filmed:
    """What a worker brings back: the clip, if the shoot makes clips, and files of raw footage by name."""

    clip: RawClip | None
    files: dict[str, bytes] = field(default_factory=dict)
    frames: int = 0


def record(
    out: Path,
    clips: int,
    shoot: Shoot,
    *,
    footage: bool = False,
    workers: int | None = None,
    progress: Progress = lambda done, total, seconds: None,
) -> Dataset:
    """Brings the folder to `clips` takes of the shoot and returns its dataset.

    With `footage`, or where the shoot is one of raw footage, `out/footage` receives `NAME.mp4` with sound as a camera
    would have made it, `NAME.txt` (what was said), `NAME.json` (what a curator may be told) and `NAME.truth.npz` /
    `NAME.truth.json`. Raises BadInput, BadConfig, SettingsConflict before anything is filmed."""
    if clips < 1:
        raise BadInput("at least one clip must be asked for", where="--clips")
    settings = {"tool": "record", "stage_version": STAGE_VERSION, **shoot.settings()}
    check(shoot, clips, workers or 1, out)
    dataset = existing_dataset(out, settings) or commit(out, [], settings=settings)
    ledger, spool = Ledger(out), Spool(out)
    raw = footage or shoot.footage is not None
    done = _done(dataset, ledger, spool, footage=raw)
    digests = {number: take_digest(settings, number) for number in range(clips)}
    todo = [number for number in range(clips) if digests[number] not in done]
    seconds = dataset.seconds
    progress(clips - len(todo), clips, seconds)
    entries: list[LedgerEntry] = []
    try:
        for count, (number, filmed) in enumerate(each_take(film_take, shoot, clips, todo, raw, workers), 1):
            _write_files(out / "footage", filmed.files)
            if filmed.clip is not None:
                spool.keep(digests[number], filmed.clip)
            else:
                entries.append(_entry(settings, digests[number], f"{take_name(number)}.mp4", [], raw))
            seconds += filmed.frames / FPS
            progress(clips - len(todo) + count, clips, seconds)
    finally:
        # Also on Ctrl-C: what was filmed is committed.
        dataset = _commit(out, ledger, settings, spool, entries, raw)
    return dataset


def _done(dataset: Dataset, ledger: Ledger, spool: Spool, *, footage: bool) -> set[str]:
    """Digests of the takes that need no filming: those in shards and those kept by a run that was killed. A take
    recorded without its footage counts only where none is wanted."""
    steps = ("footage",) if footage else ("film", "footage")
    known = {e.sha256 for e in ledger.entries() if set(e.clips) <= dataset.entries.keys() and e.step in steps}
    return known | (set() if footage else spool.digests())


def _commit(
    out: Path, ledger: Ledger, settings: dict, spool: Spool, entries: list[LedgerEntry], footage: bool
) -> Dataset:
    kept = [(digest, spool.take(digest)) for digest in sorted(spool.digests())]
    dataset = commit(out, [clip for _, clip in kept], settings=settings)
    entries = entries + [_entry(settings, d, c.record.source.name, [c.record.id], footage) for d, c in kept]
    ledger.append(*entries)
    spool.clear()
    return dataset


def _entry(settings: dict, digest: str, name: str, clips: list[str], footage: bool) -> LedgerEntry:
    return LedgerEntry(
        sha256=digest,
        name=name,
        uri=f"stage:{STAGE_VERSION}/{settings['name']}/{settings['seed']}/{name}",
        status="done",
        step="footage" if footage else "film",
        clips=clips,
        versions={"stage": STAGE_VERSION},
    )


def take_digest(settings: dict, number: int) -> str:
    """What makes two takes the same: their shoot and their number."""
    return hashlib.sha256(json.dumps([settings, number], sort_keys=True).encode()).hexdigest()


def take_name(number: int) -> str:
    """The file name of a take's footage, without suffix."""
    return f"take-{number:05d}"


def film_take(shoot: Shoot, clips: int, number: int, footage: bool = False) -> Filmed:
    """One take of the shoot with the truth of every field; with `footage`, also as a raw file would hold it."""
    if shoot.footage is not None:
        files, frames = film_footage(shoot, clips, number, take_name(number))
        return Filmed(None, files, frames)
    take = stage_take(shoot, clips, number)
    heard = sound_of(shoot, number, take.performance.audio, take.performance.transcription)
    members, pictures = film(shoot, take, heard.audio)
    clip = RawClip(_record(shoot, take, members, heard.labels | lit(shoot, number, take.person.look).labels), members)
    files = raw_footage_of(take, clip, pictures, heard.audio, take_name(number)) if footage else {}
    return Filmed(clip, files, len(take))


def _record(shoot: Shoot, take: Take, members: Members, truth: dict[str, str]) -> ClipRecord:
    """The clip's json; truth: labels of how it was lit and recorded."""
    frames, seconds = len(take), len(take) / FPS
    digest = hashlib.sha256(members["flac"] + members["head.npz"] + members["mp4"]).hexdigest()
    person, line = take.person, take.line
    labels = {
        "voice": person.voice.variant,
        "emotion": line.emotion,
        "intensity": str(line.intensity),
        "event": line.event,
        "events": "; ".join(f"{e.kind} {e.start_s:.3f} {e.end_s:.3f}" for e in take.performance.events),
        "shoot": shoot.name,
        **presentation_labels(shoot, take.number),
        **truth,
    }
    return ClipRecord(
        id=clip_id(digest, 0.0, seconds),
        source=Source(
            uri=f"stage:{STAGE_VERSION}/{shoot.name}/{shoot.seed}/{take.number}",
            name=f"{take_name(take.number)}.mp4",
            sha256=digest,
            start_s=0.0,
            end_s=seconds,
        ),
        frames=frames,
        identity=person.name,
        language=line.language,
        licence="CC0-1.0",
        consent="synthetic",
        split=person.split,
        labels=labels,
        crop=Crop(size=shoot.rig.size, boxes=[(0.0, 0.0, float(shoot.rig.size))] * frames),
        sync=Sync(offset_s=0.0, confidence=1.0, method="stage truth"),
        transcript_origin="script",
        phones_origin=take.performance.transcription.origin,
        tools={"stage": STAGE_VERSION, "head": take.track.model, "voice": "espeak-ng"},
        tool_licences={"stage": "Apache-2.0", "head": _head_licence(take.track.model), "voice": "GPL-3.0-or-later"},
    )


def _head_licence(model: str) -> str:
    """The licence of a head model by its name; FLAME's terms depend on the release that the user holds."""
    if model.startswith("talkie-head"):
        return "Apache-2.0"
    return "MIT" if model == "ict-facekit" else "agreement"


def _write_files(folder: Path, files: dict[str, bytes]) -> None:
    if files:
        folder.mkdir(parents=True, exist_ok=True)
    # The video comes last: it is what says that the take is complete.
    for name in sorted(files, key=lambda n: (n.endswith(".mp4"), n)):
        write_atomically(folder / name, files[name])
