"""What a run would take, before it starts: memory of a worker and time, phase by phase, from a few steps measured here
or from stated floating point operations per second. Nothing is trained and nothing is written."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

import torch
from pydantic import BaseModel
from torch import Tensor

from talkie.errors import RunFailed
from talkie.systems import Phase, System, load_system, make_config
from talkie.systems.contract import Batch
from talkie.training.config import TrainConfig
from talkie.training.costs import counted
from talkie.training.deepspeed_setup import check_machine
from talkie.training.loading import Corpus, Loader, TrainingClips
from talkie.training.loading.catalogue import opened
from talkie.training.optimisers import make_optimiser, moments_of
from talkie.training.run import corpora_of

WARM, MEASURED = 2, 5
"""Steps run before the clock starts, and steps that it is read over: their median counts."""
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
    corpora = [Corpus(dataset, weight) for dataset, weight in corpora_of(data)]
    before = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    try:
        torch.manual_seed(config.seed)
        system = cls(system_config)
        system.prepare(TrainingClips(corpora, cls, config.load))
        base, engine_s = _bare_worker(config.system)
        phases = [
            _phase(system, phase, config, corpora, base, engine_s, tflops)
            for phase in system.phases()
            if not phase.fitted
        ]
    finally:
        torch.set_num_threads(before)
    return Estimate(
        system=config.system,
        workers=config.workers,
        phases=phases,
        memory_mb=max((p.memory_mb for p in phases), default=base / 2**20),
        seconds=sum(p.seconds for p in phases),
    )


def _phase(
    system: System,
    phase: Phase,
    config: TrainConfig,
    corpora: list[Corpus],
    base: float,
    engine_s: float,
    tflops: float | None,
) -> PhaseEstimate:
    size = phase.batch_size or config.batch_size
    drawn = replace(phase, steps=WARM + MEASURED)
    load = config.load.model_copy(update={"loaders": 0})
    each = size // config.accumulate
    with Loader(corpora, system, drawn, load, seed=config.seed, batch_size=each, world=config.workers) as loader:
        batches = [loader.batch(step) for step in range(WARM + MEASURED)]
    system.train()
    system.recompute = config.recompute
    times, flops, activations = _steps(system, phase, config, batches)
    step_s = times * config.accumulate + engine_s
    if tflops is not None:
        step_s = flops * config.accumulate / (tflops * 1e12 * EFFICIENCY)
    trained = _trained(system, phase)
    cache = 0.0
    if phase.sampling.whole:
        # Examples are kept by clip: no more of them than there are clips, however many steps.
        clips = sum(len(opened(corpus.dataset).ids(phase.sampling.split)) for corpus in corpora)
        example = sum(_bytes(batch) for batch in batches) / sum(len(batch["ids"]) for batch in batches)
        cache = min(config.load.cache_mb * 2**20, example * min(clips, size * phase.steps))
    memory = base + _state_bytes(system, phase, config) + activations + cache
    return PhaseEstimate(
        phase=phase.name,
        steps=phase.steps,
        parameters=trained,
        flops=flops * config.accumulate,
        memory_mb=memory / 2**20,
        step_s=step_s,
        seconds=step_s * phase.steps,
    )


def _steps(system: System, phase: Phase, config: TrainConfig, batches: list[Batch]) -> tuple[float, float, float]:
    """(seconds, floating point operations, bytes kept for the backward pass) of one step of all roles on one part of a
    worker's slice. The weights move, as they would."""
    roles = {
        role: {n: p for n, p in system.named_parameters() if spec.selects(n)} for role, spec in phase.optimisers.items()
    }
    made = {role: make_optimiser(parameters, phase.optimisers[role]) for role, parameters in roles.items()}
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(config.precision)
    kept: dict[int, int] = {}
    peak = 0

    def note(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    weights = {p.untyped_storage().data_ptr() for p in system.parameters()}
    times: list[float] = []
    flops: list[float] = []

    def step(number: int, batch: Batch) -> None:
        nonlocal peak
        batch["step"], batch["steps"] = number, phase.steps
        for role, optimiser in made.items():
            for name, parameter in system.named_parameters():
                parameter.requires_grad_(name in roles[role])
            low = torch.autocast("cpu", dtype or torch.bfloat16, enabled=dtype is not None)
            with low, torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
                losses = system.losses(batch, phase.name, role)
            torch.stack([loss.float() for loss in losses.values()]).sum().backward()
            optimiser.step()
            optimiser.zero_grad()
            peak = max(peak, sum(size for place, size in kept.items() if place not in weights))
            kept.clear()

    for number, batch in enumerate(batches):
        began = time.perf_counter()
        if number == 0:
            with counted(flops):
                step(number, batch)
        else:
            step(number, batch)
        times.append(time.perf_counter() - began)
    measured = sorted(times[WARM:])
    return measured[len(measured) // 2], flops[0], float(peak)


def _trained(system: System, phase: Phase) -> int:
    names = {n for spec in phase.optimisers.values() for n, _ in system.named_parameters() if spec.selects(n)}
    return sum(p.numel() for n, p in system.named_parameters() if n in names)


def _state_bytes(system: System, phase: Phase, config: TrainConfig) -> float:
    """Weights, gradients, moments and means of a worker, and the copies that a checkpoint takes."""
    stage, world = config.zero_stage, config.workers
    whole = float(sum(t.numel() * t.element_size() for t in system.state_dict().values()))
    total = 0.0
    for spec in phase.optimisers.values():
        own = 4.0 * sum(p.numel() for n, p in system.named_parameters() if spec.selects(n))
        moments = len(moments_of(spec)) * own
        total += own / (world if stage >= 2 else 1)
        # ZeRO keeps the weights that it updates apart from the module's.
        total += (moments + (own if stage else 0.0)) / (world if stage else 1)
        total += moments if world == 1 or stage == 0 else moments / world
    means = 4.0 * _trained(system, phase) if phase.ema else 0.0
    # The module, the loader's copy, the fresh one that is handed on, and the copy that a checkpoint writes.
    return total + 2 * means + whole * 3 + whole / (world if stage == 3 else 1)


def _bytes(batch: Batch) -> float:
    return float(sum(v.numel() * v.element_size() for v in batch.values() if isinstance(v, Tensor)))


def _bare_worker(slug: str) -> tuple[float, float]:
    """(bytes of a worker that has everything imported and nothing loaded, seconds that the engine adds to a step), both
    measured in a process of its own."""
    command = [sys.executable, "-m", "talkie.training.bare_worker", slug]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise RunFailed(f"a worker that is to be measured ended with: {last}", cure="train without --estimate")
    kilobytes, seconds = map(float, done.stdout.split()[-2:])
    return kilobytes * 1024, seconds
