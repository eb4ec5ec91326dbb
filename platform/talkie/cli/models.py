"""Commands on systems and models: zoo, train, evaluate."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from talkie.cli.output import Home, Json, checked, console, meter, print_json, print_table
from talkie.errors import BadConfig

if TYPE_CHECKING:
    from talkie.evaluation.evaluate import EvaluationReport
    from talkie.experiments import TrainedModel

Data = Annotated[Path, typer.Option(help="Folder of shards, from `talkie record` or `talkie curate`.")]


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


def train(
    system: Annotated[str, typer.Argument(help="A system of `talkie zoo`.")],
    data: Data,
    preset: Annotated[str, typer.Option(help="Sizes and schedule: tiny or paper.")] = "tiny",
    name: Annotated[str | None, typer.Option(help="Name of the run; default: system and preset.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint of the run.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of weights and order.", min=0)] = 0,
    workers: Annotated[int, typer.Option(help="Ray Train workers.", min=1)] = 1,
    batch_size: Annotated[int, typer.Option(help="Clips per step, over all workers.", min=1)] = 16,
    zero_stage: Annotated[int, typer.Option(help="DeepSpeed ZeRO stage.", min=0, max=3)] = 0,
    checkpoint_every: Annotated[int, typer.Option(help="Steps between checkpoints.", min=1)] = 100,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the system, NAME=VALUE; may be repeated.")
    ] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Train a system on shards; the model is tracked and registered in MLflow.

    Example: `talkie train unitalker --data stage --set steps=300`
    """
    from talkie.training import TrainConfig

    config = checked(
        TrainConfig,
        system=system,
        preset=preset,
        overrides=dict(_setting(word) for word in set_ or []),
        seed=seed,
        workers=workers,
        batch_size=batch_size,
        zero_stage=zero_stage,
        checkpoint_every=checkpoint_every,
    )
    trained = run_training_shown(config, data, home, name, resume)
    result = {
        "model": str(trained.model),
        "folder": str(trained.model.path),
        "digest": trained.model.digest,
        "run": trained.run_id,
        "steps": trained.result.steps,
        "seconds": trained.result.seconds,
        "losses": trained.result.losses,
        "data": trained.result.data,
    }
    if json:
        print_json(result)
    else:
        print_table(
            "trained",
            ("model", "steps", "seconds", "loss", "digest"),
            [(trained.model, trained.result.steps, f"{trained.result.seconds:.1f}", sum(trained.result.losses.values()),
              trained.model.digest[:12])],
        )  # fmt: skip
        console.print(f"next: talkie evaluate {trained.model} --data {data}", highlight=False)


def _setting(word: str) -> tuple[str, Any]:
    """NAME=VALUE as a name and a JSON value, or a string where it is no JSON. Raises BadConfig."""
    name, equals, text = word.partition("=")
    if not equals or not name:
        raise BadConfig(f"{word!r} is no NAME=VALUE", where="--set", cure="write for instance --set steps=300")
    try:
        return name, jsonlib.loads(text)
    except jsonlib.JSONDecodeError:
        return name, text


def run_training_shown(
    config: Any, data: Path, home: Path | None, name: str | None = None, resume: bool = False
) -> TrainedModel:
    """Tracked training under a live line with loss, rate and time left."""
    from talkie.experiments import run_training
    from talkie.training import TrainEvent

    with meter("steps") as bar:

        def show(event: TrainEvent) -> None:
            note = f"loss {event.loss:.4f}, {event.samples_per_s:.0f} clips/s" if event.losses else ""
            bar.update(event.step, event.steps, doing=f"training {event.phase}".rstrip(), note=note)

        return run_training(config, data, home, name, resume, show)


def evaluate(
    model: Annotated[str, typer.Argument(help="Name, name/version, name@alias, or a model's folder.")],
    data: Data,
    seed: Annotated[int, typer.Option(help="Seed of the shuffled control.", min=0)] = 0,
    claims: Annotated[bool, typer.Option("--claims", help="Also measure the claims of the system's card.")] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Measure a model on held-out identities, beside the mean-motion baseline and a shuffled-audio control.

    Example: `talkie evaluate unitalker --data stage --json`
    """
    report = evaluate_shown(model, data, home, seed=seed, claims=claims)
    if json:
        print_json(report.model_dump(mode="json"))
    else:
        print_report(report)


def evaluate_shown(
    model: str, data: Path, home: Path | None, *, seed: int = 0, claims: bool = False
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
    for name, share in report.reductions.items():
        console.print(f"{name}: {share:.0%}", highlight=False)
    if report.claims:
        claims = [(c.name, "holds" if c.holds else "fails", c.measured.value, c.statement) for c in report.claims]
        print_table("claims", ("claim", "", "measured", "statement"), claims)


COMMANDS = (zoo, train, evaluate)
