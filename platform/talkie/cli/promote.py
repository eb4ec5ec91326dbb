"""Commands on registered models and their records: models, promote, sync."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from talkie.cli.output import Home, Json, console, print_json, print_table


def models(
    name: Annotated[str | None, typer.Argument(help="Only this model.")] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """List every version of every registered model with its aliases, run and services.

    Example: `talkie models unitalker`
    """
    from talkie.experiments.registry import list_versions

    found = list_versions(name, home)
    if json:
        print_json([asdict(version) for version in found])
        return
    rows = [
        (v.name, v.version, " ".join(v.aliases) or "-", v.digest[:12], v.run, ", ".join(v.deployed) or "-", v.forced)
        for v in found
    ]
    print_table("models", ("name", "version", "aliases", "digest", "run", "deployed", "forced because"), rows)


def promote(
    model: Annotated[str, typer.Argument(help="Name, name/version or name@alias.")],
    to: Annotated[str, typer.Option("--to", help="The alias that is to point at it, such as champion.")],
    use: Annotated[str, typer.Option(help="What for: commercial or research.")] = "research",
    force: Annotated[bool, typer.Option("--force", help="Overrule what speaks against it; needs --reason.")] = False,
    reason: Annotated[str, typer.Option(help="Why it is overruled; kept with the version.")] = "",
    bench: Annotated[
        Path | None, typer.Option(help="A zoo.json with its measurement; default: the records of its run.")
    ] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Point an alias at a model, if it was measured and its data and labels may be used so.

    Example: `talkie promote unitalker/3 --to champion --use commercial`
    """
    from talkie.errors import BadInput
    from talkie.experiments.promotion import promote as run

    if use not in ("commercial", "research"):
        raise BadInput(f"no use {use!r}", where="--use", cure="use commercial or research")
    if force != bool(reason.strip()):
        raise BadInput("--force and --reason go together", where="--reason", cure="say why, or drop both")
    meant: Any = use
    done = run(model, to, home, use=meant, reason=reason.strip() or None, table=bench)
    if json:
        print_json(asdict(done))
        return
    for one in done.overruled:
        console.print(f"[yellow]overruled:[/yellow] {escape(one.message)}", highlight=False)
    before = f"was version {done.before}" if done.before is not None else "is new"
    console.print(f"{done.model} is now {done.alias!r} for {done.use} use (the alias {before})", highlight=False)
    if done.bench is not None:
        console.print(f"measured by {done.bench}", highlight=False)


def sync(home: Home = None, json: Json = False) -> None:
    """Send metrics that wait on disk because MLflow did not answer.

    Example: `talkie sync`
    """
    from talkie.experiments.sync import sync as run

    done = run(home)
    if json:
        print_json([asdict(one) for one in done])
        return
    rows = [(one.run, one.sent, one.waiting, one.status or "-") for one in done]
    if rows:
        print_table("sent", ("run", "values sent", "still waiting", "ended"), rows)
    else:
        console.print("nothing waits", highlight=False)
    for one in done:
        if one.waiting:
            text = f"{one.run}: MLflow never heard of it; the same `talkie train … --resume` sends its values"
            console.print(text, highlight=False, soft_wrap=True)


COMMANDS = (models, promote, sync)
