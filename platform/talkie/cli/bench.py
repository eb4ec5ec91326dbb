"""`talkie bench`: trains and measures systems side by side and writes the table. What is measured is in
`talkie.evaluation.bench`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from talkie.cli.evaluate import Networks, ProbeData, Probes, judges_from
from talkie.cli.output import Home, Json, console, meter, print_json, print_table

if TYPE_CHECKING:
    from talkie.training.events import OnEvent, TrainEvent


def bench(
    data: Annotated[Path, typer.Option(help="Shards to train and measure on.")],
    systems: Annotated[
        list[str] | None, typer.Argument(help="Which systems (default: all that are installed).")
    ] = None,
    preset: Annotated[str, typer.Option(help="Which preset of each.")] = "tiny",
    seeds: Annotated[int, typer.Option(help="How many seeds.", min=1)] = 3,
    claims: Annotated[bool, typer.Option(help="Also measure the claims of the cards.")] = True,
    probes: Probes = False,
    probe_data: ProbeData = None,
    network: Networks = None,
    to: Annotated[
        Path | None, typer.Option(help="Folder of zoo.json, zoo.md, zoo.html and films to bring up to date.")
    ] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Train systems and measure them side by side: baseline, control, claims, seeds, time and memory.

    Example: `talkie bench unitalker --data stage --to docs/bench`
    """
    from talkie.evaluation.bench import bench as run
    from talkie.evaluation.bench_pages import write_pages
    from talkie.evaluation.side_by_side import films_of
    from talkie.systems import load_system, system_names

    judges = judges_from(probes, probe_data, network)
    chosen = list(systems or system_names())
    for slug in chosen:
        load_system(slug)
    with meter("steps") as bar:

        def listener(slug: str, seed: int) -> OnEvent:
            def show(event: TrainEvent) -> None:
                bar.update(event.step, event.steps, doing=f"{slug}, seed {seed}: {event.phase}", note="")

            return show

        table = run(
            chosen, data, home, preset=preset, seeds=range(seeds), claims=claims, judges=judges, on_system=listener
        )
        if to is not None:
            bar.update(0, 1, doing="filming")
            write_pages(table, to, films_of(table, data, home))
    if json:
        print_json(table.model_dump(mode="json"))
        return
    rows = [
        (r.system, r.metric, *("–" if v is None else f"{v:.3g}" for v in (r.value, r.baseline, r.control)),
         "yes" if r.works else "no", f"{sum(c.holds for c in r.claims)} of {len(r.claims)}",
         "–" if r.seconds is None else f"{r.seconds:.0f}")
        for r in table.systems
    ]  # fmt: skip
    columns = ("system", "metric", "model", "baseline", "control", "works", "claims", "seconds")
    print_table(f"{preset}, {seeds} seed{'s' * (seeds > 1)}", columns, rows)
    for row in table.systems:
        if row.failed:
            console.print(f"{row.system}: {row.failed}", highlight=False)


COMMANDS = (bench,)
