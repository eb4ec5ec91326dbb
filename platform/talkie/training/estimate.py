"""What a run would take, before it starts: memory of a worker and time, phase by phase, from a few steps tried here
(trial.py) or from stated floating point operations per second. Nothing is left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from talkie.errors import RunFailed
from talkie.shards import Dataset
from talkie.systems import Phase, System, load_system, load_weights, make_config
from talkie.training.config import TrainConfig
from talkie.training.deepspeed_setup import check_machine
from talkie.training.handover import Folders
from talkie.training.optimisers import moments_of
from talkie.training.run import corpora_for, prepare
from talkie.training.trial import RESULT, SETTINGS, Tried

EFFICIENCY = 0.35
"""Share of a device's stated operations that training reaches where it cannot be measured: the middle of what
published runs of transformers report (PaLM, arXiv 2204.02311, table 3: 21 to 46 %)."""


class PhaseEstimate(BaseModel):
    """One phase. memory_mb: peak of a worker; step_s: seconds of a step; flops: operations of a worker's step."""

    phase: str
    steps: int
    parameters: int
    flops: float
    memory_mb: float
    step_s: float
    seconds: float


class Estimate(BaseModel):
    """A whole run: the largest memory of a worker and all seconds of its steps."""

    system: str
    workers: int
    phases: list[PhaseEstimate]
    memory_mb: float
    seconds: float


def estimate(config: TrainConfig, data: Any, tflops: float | None = None) -> Estimate:
    """tflops: 10^12 operations per second of the device that is meant, at the precision that is meant; None: this
    machine, measured with `config.threads` threads. Raises what `train` raises before it starts."""
    if tflops is None:
        check_machine(config)
    cls = load_system(config.system)
    system_config = make_config(cls, config.preset, config.overrides)
    corpora = corpora_for(cls, data)
    plain = config if tflops is None else _plain(config)
    with tempfile.TemporaryDirectory(prefix="talkie-estimate-") as folder:
        folders = Folders(Path(folder))
        prepare(config, cls, system_config, corpora, folders)
        system = load_weights(folders.prepared)
        tries = {one.phase: one for one in _tried(plain, corpora, folders)}
    phases = [_phase(system, p, config, plain, corpora, tries[p.name], tflops) for p in system.phases() if not p.fitted]
    return Estimate(
        system=config.system,
        workers=config.workers,
        phases=phases,
        memory_mb=max((p.memory_mb for p in phases), default=0.0),
        seconds=sum(p.seconds for p in phases),
    )


def _plain(config: TrainConfig) -> TrainConfig:
    """What this machine can try of a run that is meant for another one."""
    plain = {"offload": "none", "compile": False, "zero_stage": 0, "gpus_per_worker": 0}
    low = {} if config.precision == "fp32" else {"precision": "bf16"}
    return config.model_copy(update=plain | low)


def _phase(
    system: System,
    phase: Phase,
    config: TrainConfig,
    plain: TrainConfig,
    corpora: Sequence[tuple[Dataset, float | None]],
    tried: Tried,
    tflops: float | None,
) -> PhaseEstimate:
    """`plain`: the settings that were tried, on one worker."""
    size = phase.batch_size or config.batch_size
    clips = min(sum(len(dataset.ids(phase.sampling.split)) for dataset, _ in corpora), size * phase.steps)
    kept = min(config.load.cache_mb * 2**20, tried.clip_bytes * clips)
    step_s = tried.step_s + _wait_s(tried, config, phase, kept / max(1.0, tried.clip_bytes * clips))
    step_s += tried.first_s / phase.steps + tried.save_s / config.checkpoint_every
    if tflops is not None:
        step_s = tried.operations / (tflops * 1e12 * EFFICIENCY)
    elsewhere = _state_bytes(system, phase, config.zero_stage, config.workers)
    memory = tried.memory + kept + elsewhere - _state_bytes(system, phase, plain.zero_stage, 1)
    return PhaseEstimate(
        phase=phase.name,
        steps=phase.steps,
        parameters=_trained(system, phase),
        flops=tried.operations,
        memory_mb=memory / 2**20,
        step_s=step_s,
        seconds=step_s * phase.steps,
    )


def _wait_s(tried: Tried, config: TrainConfig, phase: Phase, room: float) -> float:
    """Seconds that a step waits for its batch, in the mean over a phase. `room`: share of the clips that the memory has
    room for: those are drawn fast once they have come."""
    new = min(1.0, tried.epoch / config.workers / phase.steps)
    again = (1 - new) * room
    drawing = tried.warm_s * again + tried.cold_s * (1 - again)
    if not config.load.loaders:
        return drawing
    # Threads share what cores the steps leave.
    threads = min(config.load.loaders, max(1, (os.cpu_count() or 1) // config.workers - config.threads))
    return max(0.0, drawing / threads - tried.step_s)


def _trained(system: System, phase: Phase) -> int:
    names = {n for spec in phase.optimisers.values() for n, _ in system.named_parameters() if spec.selects(n)}
    return sum(p.numel() for n, p in system.named_parameters() if n in names)


def _state_bytes(system: System, phase: Phase, stage: int, world: int) -> float:
    """Weights, gradients and moments of a worker, as far as they depend on the ZeRO stage and on the workers."""
    whole = float(sum(t.numel() * t.element_size() for t in system.state_dict().values()))
    total = whole / (world if stage == 3 else 1)
    for spec in phase.optimisers.values():
        own = 4.0 * sum(p.numel() for n, p in system.named_parameters() if spec.selects(n))
        moments = len(moments_of(spec)) * own
        total += own / (world if stage >= 2 else 1)
        # ZeRO keeps the weights that it updates apart from the module's.
        total += (moments + (own if stage else 0.0)) / (world if stage else 1)
        # A stage of 0 averages in a buffer of its own.
        total += own if world > 1 and not stage else 0.0
    return total


def _tried(config: TrainConfig, corpora: Sequence[tuple[Dataset, float | None]], folders: Folders) -> list[Tried]:
    """Tries the phases of the prepared system in a process of its own."""
    settings = {
        "config": config.model_dump(mode="json"),
        "corpora": [(dataset.address, weight) for dataset, weight in corpora],
    }
    (folders.out / SETTINGS).write_text(json.dumps(settings))
    command = [sys.executable, "-m", "talkie.training.trial", str(folders.out)]
    unseen = {} if config.gpus_per_worker else {"CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | unseen)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise RunFailed(f"a worker that is to be measured ended with: {last}", cure="train without --estimate")
    return [Tried.model_validate(one) for one in json.loads((folders.out / RESULT).read_text())]
