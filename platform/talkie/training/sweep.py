"""Tries settings on Ray Tune: each trial is a whole training run, tracked where there is a home for its records; the
best is the one with the lowest validation. What a run is lies in run.py."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from talkie.cluster import start_ray
from talkie.errors import BadConfig, TalkieError
from talkie.shards import open_dataset
from talkie.training.config import TrainConfig
from talkie.training.deepspeed_setup import check_machine
from talkie.training.events import TrainEvent
from talkie.training.run import train

_LOG = re.compile(r"log\(([^,]+),([^,]+)\)")


class Trial(BaseModel):
    """One try: the settings that differ, the lowest validation (None: it failed, and `error` says why), and the model
    that it has registered, where it was tracked."""

    number: int
    settings: dict[str, Any]
    score: float | None = None
    model: str | None = None
    error: str | None = None


def parse_space(words: Iterable[str]) -> dict[str, Any]:
    """NAME=A,B,C (each value is tried) or NAME=log(LOW,HIGH) (drawn, evenly in the logarithm). Raises BadConfig."""
    space: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not name or not equals or not text:
            raise BadConfig(f"{word!r} is no NAME=VALUES", where="--sweep", cure="write for instance steps=100,200")
        drawn = _LOG.fullmatch(text.replace(" ", ""))
        if drawn:
            low, high = float(drawn[1]), float(drawn[2])
            if not 0 < low < high:
                raise BadConfig(f"{text!r}: a logarithm needs 0 < LOW < HIGH", where="--sweep", cure="mend the bounds")
            space[name] = ("log", low, high)
        else:
            space[name] = ("grid", [_value(part) for part in text.split(",")])
    return space


def run_sweep(
    config: TrainConfig, data: Path | str, out: Path, space: Mapping[str, Any], trials: int, home: Path | None = None
) -> list[Trial]:
    """Trains once for every combination of the grids (times `trials` where a value is drawn); returns the trials, best
    first. With a `home` each is a tracked run of its own there, called after `out` and its number; without one it lies
    in a folder under `out`. Trials that are finished are not trained again.

    Raises BadConfig for a setting that no run has, and for what this machine cannot run."""
    check_machine(config)
    config = config if config.validate_every else config.model_copy(update={"validate_every": config.checkpoint_every})
    for name, choice in space.items():
        _changed(config, {name: choice[1][0] if choice[0] == "grid" else choice[1]})
    draws = any(choice[0] == "log" for choice in space.values())
    out.mkdir(parents=True, exist_ok=True)
    if home:
        from talkie.experiments.home import Home
        from talkie.experiments.tracking import plain_client

        # The tables of fresh records are made here: trials that begin together would make them twice.
        plain_client(Home.at(home))
    with start_ray() as cluster:
        from ray import tune

        places = {"grid": lambda c: tune.grid_search(c[1]), "log": lambda c: tune.loguniform(c[1], c[2])}
        tuner = tune.Tuner(
            # The trial itself only waits, and its workers take the CPUs; Ray Tune wants it to ask for something.
            tune.with_resources(_trial, {"cpu": 0, "memory": 2**20}),
            param_space={
                "settings": {name: places[choice[0]](choice) for name, choice in space.items()},
                "config": config.model_dump_json(),
                "data": open_dataset(data).address,
                "out": str(out.resolve()),
                "home": str(home) if home else None,
            },
            tune_config=tune.TuneConfig(
                metric="score",
                mode="min",
                num_samples=trials if draws else 1,
                max_concurrent_trials=max(1, cluster.cpus // config.workers),
                search_alg=tune.search.BasicVariantGenerator(random_state=config.seed),
            ),
            run_config=tune.RunConfig(name="tune", storage_path=str(out.resolve()), verbose=0),
        )
        results: Any = tuner.fit()
    found = [_told(number, result) for number, result in enumerate(results)]
    found.sort(key=lambda trial: (trial.score is None, trial.score or 0.0))
    (out / "sweep.json").write_text(json.dumps([trial.model_dump() for trial in found], indent=1))
    return found


def _told(number: int, result: Any) -> Trial:
    """A trial from what Ray Tune keeps of it."""
    metrics = result.metrics or {}
    score = metrics.get("score")
    sound = score is not None and math.isfinite(score)
    error = metrics.get("failure") or (str(result.error).splitlines()[-1] if result.error else None)
    return Trial(
        number=number,
        settings=dict(result.config["settings"]) if result.config else {},
        score=score if sound else None,
        model=metrics.get("model"),
        error=error or None,
    )


def _trial(space: dict[str, Any]) -> None:
    """One run inside Ray Tune; reports its lowest validation, or why it failed."""
    from ray import tune

    scores: list[float] = []

    def note(event: TrainEvent) -> None:
        if event.kind == "validation":
            scores.append(event.loss)

    config = _changed(TrainConfig.model_validate_json(space["config"]), space["settings"])
    out, number = Path(space["out"]), int(tune.get_context().get_trial_id().rsplit("_", 1)[-1])
    try:
        if space["home"]:
            from talkie.experiments import run_training

            name = f"{out.name}-{number:02d}"
            trained = run_training(config, space["data"], Path(space["home"]), name, resume=True, on_event=note)
            result, told = trained.result, {"model": str(trained.model)}
        else:
            result, told = train(config, space["data"], out / f"trial-{number:02d}", resume=True, on_event=note), {}
        tune.report({"score": min(scores, default=sum(result.losses.values())), **told})
    except TalkieError as error:
        tune.report({"score": float("inf"), "failure": str(error)})


def _changed(config: TrainConfig, settings: Mapping[str, Any]) -> TrainConfig:
    """A run's settings with some replaced: "train.NAME" is the run's own, any other name the system's."""
    values = config.model_dump()
    for name, value in settings.items():
        place = values if name.startswith("train.") else values["overrides"]
        *parents, last = name.removeprefix("train.").split(".")
        for parent in parents:
            place = place.setdefault(parent, {})
        if place is values and last not in values:
            raise BadConfig(f"no setting is called {last!r}", where="--sweep", cure="look at `talkie train --help`")
        place[last] = value
    return TrainConfig.model_validate(values)


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return {"true": True, "false": False}.get(text, text)
