"""`talkie evaluate`: a model's figures on held-out clips. What is measured is in `talkie.evaluation`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from talkie.cli.output import Home, Json, console, meter, print_json, print_table
from talkie.errors import BadInput

if TYPE_CHECKING:
    from talkie.evaluation.evaluate import EvaluationReport

Data = Annotated[
    str, typer.Option(help="Folder of shards, from `talkie record` or `talkie curate`, or where it was published.")
]
Probes = Annotated[
    bool,
    typer.Option(
        "--probes", help="Judge videos with the stage's probes too, trained at first use: stage_lse_c and so on."
    ),
]
ProbeData = Annotated[
    str | None, typer.Option(help="Shards that the probes learn from; default: a shoot that the stage films, once.")
]
Networks = Annotated[
    list[str] | None,
    typer.Option(
        "--network",
        metavar="NAME=FILE[,FILE]",
        help="A published network to judge videos with: syncnet, arcface, lpips, inception, i3d.",
    ),
]


def evaluate(
    model: Annotated[str, typer.Argument(help="Name, name/version, name@alias, or a model's folder.")],
    data: Data,
    seed: Annotated[int, typer.Option(help="Seed of the shuffled control.", min=0)] = 0,
    claims: Annotated[bool, typer.Option("--claims", help="Also measure the claims of the system's card.")] = False,
    probes: Probes = False,
    probe_data: ProbeData = None,
    network: Networks = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Measure a model on held-out clips, beside its trivial baseline and its shuffled control.

    Example: `talkie evaluate unitalker --data stage --json`
    """
    judges = judges_from(probes, probe_data, network)
    report = evaluate_shown(model, data, home, seed=seed, claims=claims, **judges)
    if json:
        print_json(report.model_dump(mode="json"))
    else:
        print_report(report)


def judges_from(probes: bool, probe_data: str | None, networks: Sequence[str] | None) -> dict[str, Any]:
    """The options on judges as arguments of `evaluate` and `bench`. Raises BadInput for one that does not parse."""
    if probe_data is not None and not probes:
        raise BadInput("data for probes, and no probes", where="--probe-data", cure="add --probes")
    named: dict[str, list[Path]] = {}
    for text in networks or ():
        name, equals, files = text.partition("=")
        if not equals or not files:
            raise BadInput(f"{text!r} names no file", where="--network", cure="write NAME=FILE, as arcface=w600k.onnx")
        named[name] = [Path(file) for file in files.split(",")]
    return {"probes": probes, "probe_data": probe_data, "networks": named}


def evaluate_shown(
    model: str, data: str | Path, home: Path | None, *, seed: int = 0, claims: bool = False, **judges: Any
) -> EvaluationReport:
    """Evaluation under a live line."""
    from talkie.evaluation import evaluate as run

    with meter("clips") as bar:
        return run(
            model,
            data,
            home,
            seed=seed,
            claims=claims,
            on_progress=lambda done, total: bar.update(done, total, doing="measuring"),
            **judges,
        )


def print_report(report: EvaluationReport) -> None:
    """The rows of a report, one metric a column, what could not be measured, and its claims."""
    metrics = {name: m.unit for row in report.rows for name, m in row.measurements.items()}
    rows = [(row.subject, *(_shown(row, name) for name in metrics)) for row in report.rows]
    columns = ("", *(f"{name} ({unit})" for name, unit in metrics.items()))
    print_table(f"{report.model} on {report.clips} clips of {report.identities} held-out people", columns, rows)
    for name, gain in report.gains.items():
        console.print(f"{name}: {gain:.3g} better", highlight=False)
    for row in report.rows:
        for name, why in row.unmeasured.items():
            console.print(f"{row.subject} has no {name}: {why}", highlight=False)
    if report.claims:
        claims = [(c.name, "holds" if c.holds else "fails", c.measured.value, c.statement) for c in report.claims]
        print_table("claims", ("claim", "", "measured", "statement"), claims)


def _shown(row: Any, name: str) -> str:
    found = row.measurements.get(name)
    if found is None:
        return "–"
    return f"{found.value:.3g} [{found.low:.3g}, {found.high:.3g}]" if found.low is not None else f"{found.value:.3g}"


COMMANDS = (evaluate,)
