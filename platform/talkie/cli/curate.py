"""The command that turns footage into shards: options become one checked configuration, progress a live table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from talkie.cli.output import Json, causes, checked, console, print_json, print_table
from talkie.cli.progress import live_table
from talkie.errors import BadConfig

if TYPE_CHECKING:
    from talkie.curation import CurateConfig, CurationEvent, CurationSummary


def curate(
    sources: Annotated[
        list[str] | None,
        typer.Argument(help="Files, folders, globs, s3:// and web addresses, manifests, .txt lists of addresses."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder that receives shards, index and ledger.")] = ...,  # type: ignore[assignment]
    recipe: Annotated[
        str, typer.Option(help="What is kept: a named recipe, or a YAML file of your own.")
    ] = "permissive",
    dataset: Annotated[str | None, typer.Option(help="Sources are the root of this public data set.")] = None,
    option: Annotated[list[str] | None, typer.Option(help="Option of the data set, NAME=VALUE.")] = None,
    system: Annotated[
        list[str] | None, typer.Option("--for", help="Make just the labels that this system needs; repeatable.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="A network for a label, NAME=PATH or NAME=PATH:LICENCE; repeatable.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Ray actors; default: one a core.", min=1)] = None,
    memory: Annotated[
        str | None, typer.Option(help="Most that a machine may hold, such as 8GB; default: 80 % of what is free.")
    ] = None,
    step_timeout: Annotated[float, typer.Option(help="Seconds for one piece of a source.", min=1)] = 3600.0,
    replay: Annotated[bool, typer.Option("--replay", help="Only try dead letters again.")] = False,
    cause: Annotated[str | None, typer.Option(help="Of --replay: only dead letters with this cause.")] = None,
    metrics_port: Annotated[int | None, typer.Option(help="Serve Prometheus metrics on this port of loopback.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 where there are dead letters.")] = False,
    min_clip: Annotated[float | None, typer.Option(help="Shortest clip in seconds; default: the recipe's.")] = None,
    max_clip: Annotated[float | None, typer.Option(help="Longest clip in seconds; default: the recipe's.")] = None,
    size: Annotated[int | None, typer.Option(help="Side of the crop in pixels; default: the recipe's.")] = None,
    max_source: Annotated[float, typer.Option(help="Longest source in seconds; longer ones are refused.")] = 14400.0,
    json: Json = False,
) -> None:
    """Turn footage into shards: shots, people, crops, labels, scores, verdicts. What is done is not done again.

    Beside `name.mp4` may lie `name.txt` (transcript), `name.wav` or `name.flac` (its sound) and `name.json` (identity,
    language, licence, consent, split).

    Example: `talkie curate footage 'more/*.mov' --out shards --recipe latentsync`
    """
    from talkie.curation import CurateConfig

    if cause is not None and not replay:
        raise BadConfig("is an option of --replay", where="--cause", cure="add --replay")
    config = checked(
        CurateConfig,
        recipe=_recipe(recipe, system or [], {"least_s": min_clip, "most_s": max_clip}, size),
        models=dict(_networks(model or [])),
        max_source_s=max_source,
    )
    summary = curate_shown(
        sources or [],
        out,
        config,
        dataset=dataset,
        options=dict(_pairs(option or [], "--option")),
        workers=workers,
        memory_bytes=None if memory is None else _bytes(memory),
        step_timeout_s=step_timeout,
        replay=(cause or True) if replay else False,
        metrics_port=metrics_port,
    )
    if json:
        print_json(summary.model_dump(mode="json"))
    else:
        _show(summary, out)
    if strict and summary.dead_letters:
        raise typer.Exit(1)


def curate_shown(
    sources: Sequence[str | Path],
    out: Path,
    config: CurateConfig,
    *,
    metrics_port: int | None = None,
    **options: Any,
) -> CurationSummary:
    """Curation under a live table, and served metrics where a port is given."""
    from talkie.curation import curate as run
    from talkie.curation.books.metrics import CurationMetrics, served

    metrics = CurationMetrics()
    with ExitStack() as stack:
        if metrics_port is not None:
            port = stack.enter_context(served(metrics, metrics_port))
            console.print(f"metrics: http://127.0.0.1:{port}/metrics", highlight=False)
        show = stack.enter_context(live_table())

        def tell(event: CurationEvent) -> None:
            metrics.follow(event)
            if event.status is not None:
                note = f"{event.clips} clips out of {event.footage_s:.0f} s, {event.rate:.1f} s/s"
                show(event.status, note)
            elif event.kind == "settling":
                console.print("settling: identities, near duplicates, shards", highlight=False)

        return run(sources, out, config, on_event=tell, **options)


def _show(summary: CurationSummary, out: Path) -> None:
    print_table(
        f"curated in {out}",
        ("sources", "done before", "done now", "dead", "refused", "new clips", "all clips", "s of footage", "minutes"),
        [(summary.sources, summary.already_done, summary.done, summary.dead, summary.refused, summary.clips,
          summary.clips_total, f"{summary.footage_s:.0f}", f"{summary.wall_s / 60:.1f}")],
    )  # fmt: skip
    if summary.drops:
        rows = sorted(summary.drops.items(), key=lambda drop: -drop[1])
        print_table("dropped", ("reason", "how often"), rows)
    if summary.dead_letters:
        print_table("dead letters", ("source", "cause", "what happened"), causes(summary.dead_letters))
    after = f"next: talkie report {out}, talkie inspect {out}, talkie drops {out}"
    console.print("nothing to do" if summary.nothing_to_do else after, highlight=False)


def _recipe(name: str, systems: list[str], lengths: Mapping[str, float | None], size: int | None) -> Any:
    """The recipe with what the command line changes of it."""
    from talkie.curation.judgement.recipes import changed, load_recipe

    over: dict[str, Any] = {"clip": {k: v for k, v in lengths.items() if v is not None}}
    if size is not None:
        over["crop"] = {"size": size}
    if systems:
        from talkie.curation.annotators import makers_of
        from talkie.systems import load_system

        over["labels"] = makers_of({field for slug in systems for field in load_system(slug).card.needs})
    recipe = load_recipe(name)
    if recipe.labels:
        # Late: the annotators bring torch and more, which a recipe without labels does without.
        from talkie.curation.annotators import annotator_kinds

        recipe = load_recipe(name, annotator_kinds())
    return changed(recipe, over)


def _networks(values: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    for name, value in _pairs(values, "--model"):
        path, _, licence = value.rpartition(":")
        yield name, {"path": path, "licence": licence} if path else {"path": value}


def _pairs(values: list[str], where: str) -> Iterator[tuple[str, str]]:
    for value in values:
        name, equals, rest = value.partition("=")
        if not (name and equals and rest):
            raise BadConfig(f"{value!r} is not NAME=VALUE", where=where)
        yield name, rest


def _bytes(text: str) -> int:
    """8GB, 500MB, 2GiB or a plain number of bytes."""
    units = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
    number = text.rstrip("BbIiGgMmKk ").strip()
    unit = text[len(number) :].strip().upper()
    try:
        return round(float(number) * units[unit])
    except (ValueError, KeyError) as error:
        raise BadConfig(
            f"{text!r} is no amount of memory", where="--memory", cure="write it as 8GB or 500MB"
        ) from error


COMMANDS = (curate,)
