"""Commands that make and show data: record, curate, inspect."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from talkie.cli.output import Json, checked, console, meter, print_json, print_table

if TYPE_CHECKING:
    from talkie.curation import CurateConfig, CurationSummary
    from talkie.shards import Dataset, LedgerEntry
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

    Presets: speech, emotion, multiview, hands, body, imu, spoof, recognition, footage, wild, bench.

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


def curate(
    sources: Annotated[list[str], typer.Argument(help="Files, folders and globs.")],
    out: Annotated[Path, typer.Option(help="Folder that receives shards, index and ledger.")],
    workers: Annotated[int | None, typer.Option(help="Ray actors; default: one a core.", min=1)] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Try dead letters of earlier runs again.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 where there are dead letters.")] = False,
    min_clip: Annotated[float, typer.Option(help="Shortest clip in seconds.")] = 1.0,
    max_source: Annotated[float, typer.Option(help="Longest source in seconds; longer ones are refused.")] = 600.0,
    size: Annotated[int, typer.Option(help="Side of the crop in pixels.")] = 256,
    json: Json = False,
) -> None:
    """Turn footage into shards: resample, track, crop, fit the head, align phones. What is done is not done again.

    Beside `name.mp4` may lie `name.txt` (transcript), `name.wav` or `name.flac` (its sound) and `name.json` (identity,
    language, licence, consent, split).

    Example: `talkie curate footage 'more/*.mov' --out shards`
    """
    from talkie.curation import CurateConfig

    config = checked(CurateConfig, min_clip_s=min_clip, max_source_s=max_source, crop={"size": size})
    summary = curate_shown(sources, out, config, workers=workers, retry=retry)
    if json:
        print_json(summary.model_dump(mode="json"))
    else:
        print_table(
            f"curated in {out}",
            ("sources", "done before", "done now", "dead", "duplicates", "drops", "new clips", "all clips"),
            [(summary.sources, summary.already_done, summary.done, summary.dead, summary.duplicates,
              sum(summary.drops.values()), summary.clips, summary.clips_total)],
        )  # fmt: skip
        if summary.dead_letters:
            print_table("dead letters", ("source", "cause", "what happened"), _causes(summary.dead_letters))
        console.print("nothing to do" if summary.nothing_to_do else f"next: talkie inspect {out}", highlight=False)
    if strict and summary.dead_letters:
        raise typer.Exit(1)


def curate_shown(
    sources: Sequence[str | Path], out: Path, config: CurateConfig, *, workers: int | None = None, retry: bool = False
) -> CurationSummary:
    """Curation under a live line with rate, failures and time left."""
    from talkie.curation import CurationEvent
    from talkie.curation import curate as run

    with meter("sources") as bar:

        def show(event: CurationEvent) -> None:
            failed = f", {event.failed} dead" if event.failed else ""
            note = f"{event.clips} clips{failed}, {event.footage_s:.0f} s of footage, {event.rate:.1f} s/s"
            bar.update(event.done, event.total, doing="curating", note=note)

        return run(sources, out, config, workers=workers, retry_dead=retry, on_event=show)


def _causes(entries: list[LedgerEntry]) -> list[tuple[str, str, str]]:
    return [(entry.name, entry.cause or "", entry.message or "") for entry in entries]


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
            print_table(title, ("source", "cause", "what happened"), _causes(entries))
    for name, meaning in report.score_meaning.items():
        console.print(f"{name}: {meaning}", highlight=False)


COMMANDS = (record, curate, inspect)
