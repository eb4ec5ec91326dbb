"""Commands on finished shards: verify, subset, merge, export, publish."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from talkie.cli.output import Json, console, meter, print_json, print_table

if TYPE_CHECKING:
    from talkie.shards import Dataset
    from talkie.shards.catalog import ClipEntry

Fields = Annotated[list[str] | None, typer.Option("--field", help="Only this member, such as flac; may be repeated.")]


def verify(
    folder: Annotated[str, typer.Argument(help="Folder of shards, or the address of published ones.")],
    json: Json = False,
) -> None:
    """Read every byte of every shard and check it against the commit record.

    Example: `talkie verify shards`, `talkie verify s3://bucket/corpus`
    """
    from talkie.shards import open_dataset

    dataset = open_dataset(folder)
    dataset.verify()
    size = sum(shard.size for shard in dataset.index.shards)
    if json:
        print_json({**_summary(dataset), "bytes": size, "intact": True})
        return
    console.print(
        f"{dataset.where}: {len(dataset.index.shards)} shards, {size / 1e6:.1f} MB, every byte as it was committed",
        highlight=False,
    )


def subset(
    folder: Annotated[str, typer.Argument(help="Folder of shards, or the address of published ones.")],
    out: Annotated[Path, typer.Option(help="Folder that receives the part.")],
    identity: Annotated[list[str] | None, typer.Option(help="Only this person; may be repeated.")] = None,
    split: Annotated[str | None, typer.Option(help="train, val or test.")] = None,
    language: Annotated[str | None, typer.Option(help="Language code, such as en.")] = None,
    licence: Annotated[list[str] | None, typer.Option(help="Only under this licence; may be repeated.")] = None,
    commercial: Annotated[
        bool, typer.Option("--commercial", help="Only under licences that allow commercial use.")
    ] = False,
    label: Annotated[
        list[str] | None, typer.Option(help="Only with this label, as emotion=happy; may be repeated.")
    ] = None,
    field: Fields = None,
    json: Json = False,
) -> None:
    """Copy some clips into a dataset of their own; nothing is encoded again.

    Example: `talkie subset shards --split test --commercial --out held-out`
    """
    from talkie.shards import open_dataset
    from talkie.shards import subset as run

    keep = _chooser(identity, split, language, licence, commercial, label)
    _report(run(open_dataset(folder), out, lambda clip, entry: keep(entry), fields=field), json)


def merge(
    folders: Annotated[list[str], typer.Argument(help="Folders of shards, or addresses of published ones.")],
    out: Annotated[Path, typer.Option(help="Folder that receives all clips.")],
    json: Json = False,
) -> None:
    """Put several datasets into one; nothing is encoded again.

    Example: `talkie merge january february --out winter`
    """
    from talkie.shards import merge as run
    from talkie.shards import open_dataset

    _report(run([open_dataset(folder) for folder in folders], out), json)


def export(
    folder: Annotated[str, typer.Argument(help="Folder of shards, or the address of published ones.")],
    out: Annotated[Path, typer.Option(help="Folder that receives the files.")],
    field: Fields = None,
    json: Json = False,
) -> None:
    """Write every member of every clip as a plain file, for tools that know no shards.

    Example: `talkie export shards --out files --field mp4 --field flac`
    """
    from talkie.shards import export as run
    from talkie.shards import open_dataset

    clips = run(open_dataset(folder), out, fields=field)
    if json:
        print_json({"folder": str(out), "clips": clips})
    else:
        console.print(f"{clips} clips in {out}", highlight=False)


def publish(
    folder: Annotated[Path, typer.Argument(help="Folder of shards.")],
    to: Annotated[str, typer.Argument(help="Where to: s3://bucket/prefix, another address of fsspec, or a folder.")],
    replace: Annotated[bool, typer.Option("--replace", help="Over a dataset made with other settings.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Remove shards that this state does not name.")] = False,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Do not wait for a publisher that was killed.")
    ] = False,
    json: Json = False,
) -> None:
    """Put a dataset into object storage: what is there is not sent again, and readers see the old state or the new one.

    Example: `talkie publish shards s3://bucket/corpus`
    """
    from talkie.shards import open_dataset
    from talkie.shards import publish as run

    with meter("shards") as bar:
        done = run(
            open_dataset(folder),
            to,
            replace=replace,
            prune=prune,
            take_over=take_over,
            on_object=lambda name, done, total: bar.update(done, total, doing="publishing", note=name),
        )
    if json:
        print_json(done.model_dump(mode="json"))
        return
    what = f"{done.uploaded} objects, {done.bytes_uploaded / 1e6:.1f} MB sent" if done.changed else "nothing new"
    console.print(f"{done.uri}: {done.clips} clips in {done.shards} shards, {what}", highlight=False)


def _chooser(
    identity: list[str] | None,
    split: str | None,
    language: str | None,
    licence: list[str] | None,
    commercial: bool,
    label: list[str] | None,
) -> Callable[[ClipEntry], bool]:
    from talkie.errors import BadInput
    from talkie.licences import LICENCES, licence_of

    if split not in (None, "train", "val", "test"):
        raise BadInput(f"no split {split!r}", where="--split", cure="use train, val or test")
    pairs = [tuple(pair.split("=", 1)) for pair in label or ()]
    if any(len(pair) != 2 for pair in pairs):
        raise BadInput(f"{next(p for p in label or () if '=' not in p)!r} is no label", cure="write --label name=value")
    licences = {licence_of(name).name for name in licence or ()}

    def keep(entry: ClipEntry) -> bool:
        return (
            (not identity or entry.identity in identity)
            and split in (None, entry.split)
            and language in (None, entry.language)
            and (not licences or entry.licence in licences)
            and (not commercial or (entry.licence in LICENCES and LICENCES[entry.licence].commercial is True))
            and all(entry.labels.get(name) == value for name, value in pairs)
        )

    return keep


def _summary(dataset: Dataset) -> dict[str, object]:
    return {
        "folder": dataset.where,
        "clips": len(dataset),
        "seconds": dataset.seconds,
        "identities": len({entry.identity for entry in dataset.entries.values()}),
        "shards": len(dataset.index.shards),
        "digest": dataset.digest,
    }


def _report(dataset: Dataset, json: bool) -> None:
    found = _summary(dataset)
    if json:
        print_json(found)
        return
    columns = ("clips", "seconds", "identities", "shards")
    print_table(f"in {dataset.where}", columns, [tuple(found[name] for name in columns)])


COMMANDS = (verify, subset, merge, export, publish)
