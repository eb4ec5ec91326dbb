"""Commands that make and show data: record, curate, inspect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkie.cli.output import Json, console, meter, print_json, print_table
from talkie.clip import FPS


def record(
    out: Annotated[Path, typer.Argument(help="Folder that receives the shards.")],
    clips: Annotated[int, typer.Option(help="How many clips the folder shall hold.", min=1)] = 60,
    seed: Annotated[int, typer.Option(help="Everything follows from it.", min=0)] = 0,
    people: Annotated[int, typer.Option(help="Size of the cast; every fifth is held out for test.", min=1)] = 20,
    size: Annotated[int, typer.Option(help="Side of the picture in pixels.")] = 256,
    footage: Annotated[bool, typer.Option("--footage", help="Also write MP4s with sound and truth files.")] = False,
    workers: Annotated[int | None, typer.Option(help="Processes; default: all cores.", min=1)] = None,
    json: Json = False,
) -> None:
    """Film synthetic people speaking, with the truth of every label.

    Example: `talkie record stage --clips 60 --seed 1 --footage`
    """
    from talkie.stage import StageConfig
    from talkie.stage import record as run

    with meter("clips") as bar:

        def progress(done: int, total: int, seconds: float) -> None:
            bar.update(done, total, doing="filming", note=f"{seconds:.0f} s of footage")

        index = run(
            out,
            clips,
            StageConfig(seed=seed, people=people, size=size),
            footage=footage,
            workers=workers,
            progress=progress,
        )
    seconds = sum(c.frames for c in index.clips.values()) / FPS
    identities = len({c.identity for c in index.clips.values()})
    result = {
        "folder": str(out),
        "clips": len(index.clips),
        "seconds": seconds,
        "identities": identities,
        "shards": len(index.shards),
        "digest": index.digest,
    }
    if json:
        print_json(result)
    else:
        print_table(
            f"recorded in {out}",
            ("clips", "seconds", "people", "shards"),
            [(len(index.clips), f"{seconds:.1f}", identities, len(index.shards))],
        )
        console.print(f"next: talkie train SYSTEM --data {out} (talkie zoo lists the systems)", highlight=False)


def curate() -> None:
    """Turn footage into shards."""


def inspect(
    folder: Annotated[Path, typer.Argument(help="Folder of shards.")],
    json: Json = False,
) -> None:
    """List every clip, every dead letter and every drop of a folder, with its cause.

    Example: `talkie inspect shards --json`
    """


COMMANDS = (record, curate, inspect)
