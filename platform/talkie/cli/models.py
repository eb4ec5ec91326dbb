"""Commands on systems and models: zoo, evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from talkie.cli.output import Home, Json, console, meter, print_json, print_table

if TYPE_CHECKING:
    from talkie.evaluation.evaluate import EvaluationReport

Data = Annotated[
    str, typer.Option(help="Folder of shards, from `talkie record` or `talkie curate`, or where it was published.")
]


def zoo(
    system: Annotated[str | None, typer.Argument(help="One system, for its card and presets.")] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """List the systems that can be trained and the models that were, or show one system's card.

    Example: `talkie zoo unitalker`
    """
    from talkie.experiments import list_models
    from talkie.systems import load_system, systems

    if system is not None:
        cls = load_system(system)
        card = cls.card.model_dump() | {"presets": {k: v.model_dump() for k, v in cls.presets.items()}}
        if json:
            print_json(card)
        else:
            print_table(cls.card.title, ("", ""), [(k, _short(v)) for k, v in card.items()])
        return
    cards = [cls.card for cls in systems().values()]
    models = list_models(home)
    if json:
        print_json(
            {
                "systems": [card.model_dump() for card in cards],
                "models": [
                    {"name": m.name, "version": m.version, "system": m.system, "digest": m.digest} for m in models
                ],
            }
        )
        return
    print_table("systems", ("slug", "task", "paper", "title"), [(c.slug, c.task, c.paper, c.title) for c in cards])
    if models:
        print_table("models", ("name", "version", "digest"), [(m.name, m.version, m.digest[:12]) for m in models])


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{k}: {v}" for k, v in value.items())
    return ", ".join(value) if isinstance(value, (tuple, list)) else str(value)


def evaluate(
    model: Annotated[str, typer.Argument(help="Name, name/version, name@alias, or a model's folder.")],
    data: Data,
    seed: Annotated[int, typer.Option(help="Seed of the shuffled control.", min=0)] = 0,
    claims: Annotated[bool, typer.Option("--claims", help="Also measure the claims of the system's card.")] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Measure a model on held-out clips, beside its trivial baseline and its shuffled control.

    Example: `talkie evaluate unitalker --data stage --json`
    """
    report = evaluate_shown(model, data, home, seed=seed, claims=claims)
    if json:
        print_json(report.model_dump(mode="json"))
    else:
        print_report(report)


def evaluate_shown(
    model: str, data: str | Path, home: Path | None, *, seed: int = 0, claims: bool = False
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
        )


def print_report(report: EvaluationReport) -> None:
    """The rows of a report, one metric a column, and its claims."""
    metrics = report.rows[0].measurements
    rows = [
        (row.subject, *(f"{m.value:.3g} [{m.low:.3g}, {m.high:.3g}]" if m.low is not None else f"{m.value:.3g}"
                        for m in row.measurements.values()))
        for row in report.rows
    ]  # fmt: skip
    columns = ("", *(f"{name} ({m.unit})" for name, m in metrics.items()))
    print_table(f"{report.model} on {report.clips} clips of {report.identities} held-out people", columns, rows)
    for name, gain in report.gains.items():
        console.print(f"{name}: {gain:.3g} better", highlight=False)
    if report.claims:
        claims = [(c.name, "holds" if c.holds else "fails", c.measured.value, c.statement) for c in report.claims]
        print_table("claims", ("claim", "", "measured", "statement"), claims)


COMMANDS = (zoo, evaluate)
