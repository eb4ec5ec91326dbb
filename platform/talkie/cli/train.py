"""The command train: a run, its estimate, or a sweep over settings. What a setting means is in `talkie.training`."""

from __future__ import annotations

import difflib
import json as jsonlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from talkie.cli.evaluate import Data
from talkie.cli.output import Home, Json, checked, console, meter, print_json, print_table
from talkie.errors import BadConfig

if TYPE_CHECKING:
    from talkie.experiments import TrainedModel
    from talkie.training import TrainConfig


def train(
    system: Annotated[str, typer.Argument(help="A system of `talkie zoo`.")],
    data: Data,
    preset: Annotated[str, typer.Option(help="Sizes and schedule: tiny or paper.")] = "tiny",
    name: Annotated[str | None, typer.Option(help="Name of the run; default: system and preset.")] = None,
    from_: Annotated[
        str | None, typer.Option("--from", help="A model to begin with: NAME, NAME@ALIAS, NAME/3, or a folder.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint of the run.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of weights and order.", min=0)] = 0,
    workers: Annotated[int, typer.Option(help="Ray Train workers.", min=1)] = 1,
    batch_size: Annotated[int, typer.Option(help="Clips per step, over all workers.", min=1)] = 16,
    zero_stage: Annotated[int, typer.Option(help="DeepSpeed ZeRO stage.", min=0, max=3)] = 0,
    checkpoint_every: Annotated[int, typer.Option(help="Steps between checkpoints.", min=1)] = 100,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="NAME=VALUE: a setting of the system, or train.NAME=VALUE, train.load.NAME=VALUE; repeatable."
        ),
    ] = None,
    profile: Annotated[bool, typer.Option("--profile", help="Leave a trace of some steps, for Perfetto.")] = False,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Say what memory and time it would take, and start nothing.")
    ] = False,
    tflops: Annotated[
        float | None, typer.Option(help="For --estimate: 10^12 operations a second of another device.", min=0)
    ] = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option("--sweep", help="NAME=A,B,C or NAME=log(LOW,HIGH): try values of a setting; repeatable."),
    ] = None,
    trials: Annotated[int, typer.Option(help="Trials of a sweep that draws values.", min=1)] = 8,
    home: Home = None,
    json: Json = False,
) -> None:
    """Train a system on shards; the model is tracked and registered in MLflow.

    Example: `talkie train unitalker --data stage --set steps=300 --set train.precision=bf16`
    """
    options: dict[str, Any] = {"seed": seed, "workers": workers, "batch_size": batch_size, "zero_stage": zero_stage}
    options |= {"checkpoint_every": checkpoint_every, "profile": profile}
    if from_ is not None:
        from talkie.experiments import resolve_model

        options |= {"start": resolve_model(from_, home).path}
    config = config_of(system, preset, options, set_ or [])
    if estimate:
        _estimate(config, data, tflops, json)
    elif sweep:
        _sweep(config, data, sweep, trials, home, name, json)
    else:
        _train(config, data, home, name, resume, json)


def _train(config: TrainConfig, data: str, home: Path | None, name: str | None, resume: bool, json: bool) -> None:
    trained = run_training_shown(config, data, home, name, resume)
    result = trained.result
    if json:
        print_json(
            {
                "model": str(trained.model),
                "folder": str(trained.model.path),
                "digest": trained.model.digest,
                "run": trained.run_id,
                "steps": result.steps,
                "seconds": result.seconds,
                "losses": result.losses,
                "data": result.data,
                "samples": result.samples,
                "validation": result.validation,
            }
        )
        return
    loss = sum(result.losses.values())
    row = (trained.model, result.steps, f"{result.seconds:.1f}", loss, trained.model.digest[:12])
    print_table("trained", ("model", "steps", "seconds", "loss", "digest"), [row])
    if result.validation:
        console.print(f"validated {result.validation}", highlight=False)
    console.print(f"next: talkie evaluate {trained.model} --data {data}", highlight=False)


def run_training_shown(
    config: Any, data: str | Path, home: Path | None, name: str | None = None, resume: bool = False
) -> TrainedModel:
    """Tracked training under a live line with loss, rate and time left."""
    from talkie.experiments import run_training
    from talkie.training import TrainEvent

    with meter("steps") as bar:

        def show(event: TrainEvent) -> None:
            note = f"loss {event.loss:.4f}, {event.samples_per_s:.0f} clips/s" if event.kind == "step" else ""
            bar.update(event.step, event.steps, doing=f"training {event.phase}".rstrip(), note=note)

        return run_training(config, data, home, name, resume, show)


def _estimate(config: TrainConfig, data: str, tflops: float | None, json: bool) -> None:
    from talkie.training.estimate import estimate

    found = estimate(config, data, tflops)
    if json:
        print_json(found.model_dump(mode="json"))
        return
    rows = [(p.phase, p.steps, p.parameters, f"{p.memory_mb:.0f}", p.step_s, f"{p.seconds:.0f}") for p in found.phases]
    columns = ("phase", "steps", "trained parameters", "memory (MB)", "s/step", "seconds")
    print_table(f"{found.system} on {found.workers} workers", columns, rows)
    print_table("in all", ("memory per worker (MB)", "seconds"), [(f"{found.memory_mb:.0f}", f"{found.seconds:.0f}")])


def _sweep(
    config: TrainConfig,
    data: str | Path,
    words: list[str],
    trials: int,
    home: Path | None,
    name: str | None,
    json: bool,
) -> None:
    from talkie.experiments.home import Home as Homes
    from talkie.training.sweep import parse_space, run_sweep

    place = Homes.at(home)
    out = place.run(name or f"{config.system}-{config.preset}-sweep")
    found = run_sweep(config, data, out, parse_space(words), trials, place.path)
    if json:
        print_json([trial.model_dump(mode="json") for trial in found])
        return
    rows = [
        (t.number, ", ".join(f"{k}={v}" for k, v in t.settings.items()), t.score, t.model or "", t.error or "")
        for t in found
    ]
    print_table("trials, best first", ("trial", "settings", "score", "model", ""), rows)
    best = found[0]
    if best.score is not None:
        console.print(f"best: trial {best.number}, {rows[0][1]}, model {best.model}", highlight=False)


def config_of(system: str, preset: str, options: dict[str, Any], words: Iterable[str]) -> TrainConfig:
    """The settings of a run from options and NAME=VALUE words. Raises BadConfig, suggesting the nearest name."""
    from talkie.training import TrainConfig

    overrides: dict[str, Any] = {}
    values: dict[str, Any] = dict(options)
    for word in words:
        name, value = _setting(word)
        place, path = (values, name.removeprefix("train.")) if name.startswith("train.") else (overrides, name)
        if place is values:
            _check_name(TrainConfig, path)
        *parents, last = path.split(".")
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return checked(TrainConfig, system=system, preset=preset, overrides=overrides, **values)


def _check_name(kind: Any, path: str) -> None:
    head, _, rest = path.partition(".")
    known = kind.model_fields
    if head not in known:
        close = difflib.get_close_matches(head, known, n=1)
        cure = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(sorted(known))}"
        raise BadConfig(f"no setting is called {head!r}", where=f"--set train.{path}", cure=cure)
    if rest and hasattr(known[head].annotation, "model_fields"):
        _check_name(known[head].annotation, rest)


def _setting(word: str) -> tuple[str, Any]:
    """NAME=VALUE as a name and a JSON value, or a string where it is no JSON. Raises BadConfig."""
    name, equals, text = word.partition("=")
    if not equals or not name:
        raise BadConfig(f"{word!r} is no NAME=VALUE", where="--set", cure="write for instance --set steps=300")
    try:
        return name, jsonlib.loads(text)
    except jsonlib.JSONDecodeError:
        return name, text


COMMANDS = (train,)
