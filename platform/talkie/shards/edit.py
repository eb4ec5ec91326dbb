"""New datasets out of old ones: parts, unions, further labels, plain files. Video and sound are copied, never encoded.

Every function reads members through their digests, so that a damaged byte is an error and not a copy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from talkie.clip import FIELDS
from talkie.errors import BadInput, SettingsConflict
from talkie.shards.atomic import write_atomically
from talkie.shards.catalog import ClipEntry
from talkie.shards.dataset import Dataset, open_dataset
from talkie.shards.fields import RawClip, encode_record
from talkie.shards.lock import sole_writer
from talkie.shards.members import Chosen, Overlaid
from talkie.shards.writer import MAX_SHARD_BYTES, commit

Keep = Callable[[str, ClipEntry], bool]
"""Whether a clip, given by its id and its entry of the catalogue, is meant."""


def subset(
    dataset: Dataset,
    out: Path,
    keep: Keep,
    *,
    fields: Sequence[str] | None = None,
    max_shard_bytes: int = MAX_SHARD_BYTES,
) -> Dataset:
    """The clips that `keep` wants as a dataset of their own in `out`, whole or with some fields only.

    Raises BadInput where no clip is left, for an unknown field, and for `out` being the dataset itself."""
    if str(out.resolve()) == str(Path(dataset.where).resolve()):
        raise BadInput("is the dataset itself", where=str(out), cure="choose another folder")
    unknown = [f for f in fields or () if f not in FIELDS]
    if unknown:
        raise BadInput(f"no field {unknown[0]!r}", cure=f"fields are {', '.join(f for f in FIELDS if f[:4] != 'view')}")
    chosen = [i for i, entry in dataset.entries.items() if keep(i, entry)]
    if not chosen:
        raise BadInput("no clip is left", where=dataset.where)
    settings = {"tool": "subset", "of": dataset.digest, "fields": sorted(fields) if fields is not None else None}
    settings |= {"clips": hashlib.sha256("\n".join(sorted(chosen)).encode()).hexdigest()}
    clips = (_with_fields(dataset.raw(i), fields) for i in chosen)
    return commit(out, clips, settings=settings, max_shard_bytes=max_shard_bytes)


def merge(datasets: Sequence[Dataset], out: Path, *, max_shard_bytes: int = MAX_SHARD_BYTES) -> Dataset:
    """The union of datasets in `out`. Where all were made with the same settings the result has them too, and can be
    gone on with. Raises SettingsConflict where one id stands for two different clips."""
    if not datasets:
        raise BadInput("nothing to merge", cure="give at least one dataset")
    digests: dict[str, tuple[str, Dataset]] = {}
    for dataset in datasets:
        for clip, entry in dataset.entries.items():
            digest = _digest(entry)
            first, theirs = digests.setdefault(clip, (digest, dataset))
            if first != digest:
                raise SettingsConflict(
                    f"clip {clip} differs between {theirs.where} and {dataset.where}",
                    cure="they were made with different settings or labels: merge one of them only",
                )
    same = all(dataset.index.settings == datasets[0].index.settings for dataset in datasets)
    settings = datasets[0].index.settings if same else {"tool": "merge", "of": sorted(d.digest for d in datasets)}
    clips = (dataset.raw(clip) for clip, (_, dataset) in digests.items())
    return commit(out, clips, settings=settings, max_shard_bytes=max_shard_bytes)


def annotate(
    dataset: Dataset,
    field: str,
    label: Callable[[RawClip], bytes | None],
    tool: str,
    *,
    again: bool = False,
    held_bytes: int = MAX_SHARD_BYTES,
    max_shard_bytes: int = MAX_SHARD_BYTES,
) -> Dataset:
    """Adds one member to every clip that lacks it, in place; `tool` (name and version) goes into the record.

    label: the encoded member of a clip, or None where there is none to give. Each time `held_bytes` of labels have come
    together they are committed, and a run that was stopped goes on from there. again: clips that have the member get a
    new one. The folder is held alone, and its clips are those of that time: what was removed since `dataset` was opened
    does not come back. Raises BadInput for a field that is no label of the vocabulary, StorageConflict where another
    process writes here."""
    if field not in FIELDS or field in ("json", "mp4"):
        raise BadInput(f"{field!r} is no label that can be added", cure="see the table of clip members")
    with sole_writer(dataset.folder, "annotate"):
        current = open_dataset(dataset.folder)
        wanted = [i for i in current.ids() if again or field not in current.entries[i].members]
        return _annotate(current, wanted, field, label, tool, held_bytes, max_shard_bytes)


def _annotate(
    current: Dataset,
    wanted: Sequence[str],
    field: str,
    label: Callable[[RawClip], bytes | None],
    tool: str,
    held_bytes: int,
    max_shard_bytes: int,
) -> Dataset:
    folder, settings = current.folder, current.index.settings
    fresh, held = list[RawClip](), 0
    for clip in wanted:
        # From the newest state: a commit may have moved the clip to another shard.
        raw = current.raw(clip)
        data = label(raw)
        if data is None:
            continue
        record = raw.record.model_copy(update={"tools": {**raw.record.tools, field: tool}})
        fresh.append(RawClip(record, Overlaid(raw.members, {field: data})))
        held += len(data)
        if held > held_bytes:
            current, fresh, held = (
                commit(folder, fresh, settings=settings, max_shard_bytes=max_shard_bytes),
                [],
                0,
            )
    return commit(folder, fresh, settings=settings, max_shard_bytes=max_shard_bytes)


def export(dataset: Dataset, folder: Path, *, fields: Sequence[str] | None = None) -> int:
    """Every member as a plain file `<clip id>.<field>`, the record as `<clip id>.json`; returns how many clips.

    What is there with the right bytes is left as it is. Raises BadInput where the folder cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"cannot be created: {error.strerror}", where=str(folder)) from error
    for clip in dataset.ids():
        raw = _with_fields(dataset.raw(clip), fields)
        for name, data in [(f, raw.members[f]) for f in raw.members] + [("json", encode_record(raw.record))]:
            path = folder / f"{clip}.{name}"
            if not path.is_file() or path.read_bytes() != data:
                write_atomically(path, data)
    listing = {"digest": dataset.digest, "clips": dataset.ids()}
    write_atomically(folder / "export.json", json.dumps(listing, indent=1).encode())
    return len(dataset)


def _digest(entry: ClipEntry) -> str:
    return hashlib.sha256(
        "".join(f"{f} {entry.members[f].sha256}\n" for f in sorted(entry.members)).encode()
    ).hexdigest()


def _with_fields(clip: RawClip, fields: Sequence[str] | None) -> RawClip:
    return clip if fields is None else RawClip(clip.record, Chosen(clip.members, fields))
