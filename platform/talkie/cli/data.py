"""Commands that film data and list it: record, inspect."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from talkie.cli.output import Json, causes, console, meter, print_json, print_table

if TYPE_CHECKING:
    from talkie.shards import Dataset
    from talkie.stage import Shoot


def record(
    out: Annotated[Path, typer.Argument(help="Folder that receives the shards.")],
    preset: Annotated[str, typer.Option(help="A named shoot, or a YAML file that describes one.")] = "speech",
    clips: Annotated[
        int | None, typer.Option(help="How many clips the folder shall hold; default: the preset's.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Everything follows from it; default: the preset's.")] = None,
    people: Annotated[int | None, typer.Option(help="Size of the cast; every fifth is held out for test.")] = None,
    size: Annotated[int | None, typer.Option(help="Side of the picture in pixels.")] = None,
    head: Annotated[str | None, typer.Option(help="Head model to film: a file or folder; default: built in.")] = None,
    footage: Annotated[bool, typer.Option("--footage", help="Also write MP4s with sound and truth files.")] = False,
    contact_sheet: Annotated[
        Path | None, typer.Option(help="Also write 24 frames of this cast as one PNG; with --clips 0, nothing else.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; default: all cores.", min=1)] = None,
    json: Json = False,
) -> None:
    """Film synthetic people, with the truth of every label.

    Presets: speech, emotion, multiview, hands, body, imu, spoof, recognition, footage, wild, commands,
    bench.

    Example: `talkie record stage --preset emotion --clips 60 --seed 1`
    """
    from talkie.stage import load_shoot, write_contact_sheet

    shoot = load_shoot(preset, **{"seed": seed, "cast.people": people, "rig.size": size, "cast.head": head})
    if contact_sheet is not None:
        write_contact_sheet(shoot, contact_sheet)
        console.print(f"contact sheet: {contact_sheet}", highlight=False)
        if clips == 0:
            return
    dataset = record_shown(out, shoot.clips if clips is None else clips, shoot, footage=footage, workers=workers)
    identities = len({c.identity for c in dataset.entries.values()})
    result = {
        "folder": str(out),
        "preset": shoot.name,
        "clips": len(dataset),
        "seconds": dataset.seconds,
        "identities": identities,
        "shards": len(dataset.index.shards),
        "digest": dataset.digest,
    }
    if json:
        print_json(result)
        return
    print_table(
        f"recorded in {out}",
        ("clips", "seconds", "people", "shards"),
        [(len(dataset), f"{dataset.seconds:.1f}", identities, len(dataset.index.shards))],
    )
    after = f"talkie curate {out / 'footage'} --out SHARDS" if shoot.footage else f"talkie train SYSTEM --data {out}"
    console.print(f"next: {after} (talkie zoo lists the systems)", highlight=False)


def record_shown(out: Path, clips: int, shoot: Shoot, *, footage: bool = False, workers: int | None = None) -> Dataset:
    """Recording under a live line."""
    from talkie.stage import record as run

    with meter("clips") as bar:

        def progress(done: int, total: int, seconds: float) -> None:
            bar.update(done, total, doing="filming", note=f"{seconds:.0f} s of footage")

        return run(out, clips, shoot, footage=footage, workers=workers, progress=progress)


def inspect(
    folder: Annotated[Path, typer.Argument(help="Folder of shards.")],
    json: Json = False,
) -> None:
    """List every clip, every dead letter and every drop of a folder, with its cause.

    Example: `talkie inspect shards --json`
    """
    from talkie.curation import inspect_dataset

    report = inspect_dataset(folder)
    if json:
        print_json(report.model_dump(mode="json"))
        return
    clips = [
        (c.id, c.source, f"{c.seconds:.2f}", c.frames, c.identity, c.split, " ".join(c.fields),
         " ".join(f"{name}={value:.3g}" for name, value in c.scores.items()))
        for c in report.clips
    ]  # fmt: skip
    columns = ("clip", "source", "seconds", "frames", "identity", "split", "fields", "scores")
    print_table(f"{folder}: {len(clips)} clips, {report.seconds:.1f} s, digest {report.digest[:12]}", columns, clips)
    for title, entries in (("dead letters", report.dead), ("drops", report.drops)):
        if entries:
            print_table(title, ("source", "cause", "what happened"), causes(entries))
    for name, meaning in report.score_meaning.items():
        console.print(f"{name}: {meaning}", highlight=False)


COMMANDS = (record, inspect)
