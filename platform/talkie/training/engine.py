"""One phase of training through DeepSpeed: an engine per optimiser role, one step over all roles, and their state as
tensors by name. The loop around it is in phase_run.py. Import only where DS_ACCELERATOR has been set."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from talkie.errors import BadConfig
from talkie.systems import Optimiser, Phase, System
from talkie.systems.contract import Batch
from talkie.systems.weights import load_state, own_state
from talkie.training.config import TrainConfig
from talkie.training.deepspeed_setup import clips_inside, import_deepspeed, settings
from talkie.training.ema import Ema
from talkie.training.gradients import Average, forget, forget_all
from talkie.training.guard import Guard
from talkie.training.optimisers import OptimiserState, RowMoments, make_optimiser, own_piece
from talkie.training.trees import nested, role_trees


@dataclass
class StepReport:
    """What a step did: named losses before the update (means over the workers), seconds by kind of work, the norm of
    each role's gradient, and, where the step was left out, why and on which clips."""

    losses: dict[str, float] = field(default_factory=dict)
    forward_s: float = 0.0
    backward_s: float = 0.0
    optimiser_s: float = 0.0
    norms: dict[str, float] = field(default_factory=dict)
    skipped: str = ""
    ids: tuple[str, ...] = ()


class PhaseEngine:
    """A system under the optimisers of one phase; `micro_batch`: clips of one part of a worker's slice; `weights`: of a
    checkpoint within the phase, which replace what `System.enter` has made."""

    def __init__(
        self,
        system: System,
        phase: Phase,
        config: TrainConfig,
        micro_batch: int,
        weights: Mapping[str, Tensor] | None = None,
    ):
        self.system, self.phase, self.config = system, phase, config
        self.guard = Guard(config.spike_factor)
        system.recompute = config.recompute
        system.train()
        system.enter(phase.name)
        if weights is not None:
            load_state(system, weights)
        self._roles = {role: _parameters(system, phase, role) for role in phase.optimisers}
        _check_shared(self._roles, phase, config)
        for parameter in system.parameters():
            parameter.requires_grad_(False)
        if config.compile:
            system.losses = torch.compile(system.losses)  # type: ignore[method-assign]
        self._modes = [(module, module.training) for module in system.modules()]
        several = config.zero_stage == 3 and len(self._roles) > 1
        self._trees = role_trees(system, self._roles, f"phase {phase.name!r}") if several else {}
        self._averages: dict[str, Average] = {}
        self._engines = {role: self._engine(role, spec, micro_batch) for role, spec in phase.optimisers.items()}
        self.states = {
            role: OptimiserState(engine, self._roles[role], phase.optimisers[role], config.zero_stage)
            for role, engine in self._engines.items()
        }
        trained = {name: p for role in self._roles.values() for name, p in role.items()}
        self.ema = Ema(trained, phase.ema) if phase.ema else None
        self._moments = RowMoments(self.states, {name: role for role, ps in self._roles.items() for name in ps})
        self._first: tuple[str, ...] = ()
        self._moves = type(system).after_step is not System.after_step

    # --- a step -------------------------------------------------------------------------------------------------

    def step(self, step: int, batches: Sequence[Batch]) -> StepReport:
        """Trains every role that acts in `step` of the phase on this worker's slice, given in its parts.

        A role whose losses the guard refuses, or whose gradient is not finite, and the roles after it, are left out.
        """
        report = StepReport()
        self._train_mode()
        batches = [_placed(batch) for batch in batches]
        for batch in batches:
            batch["step"], batch["steps"] = step, self.phase.steps
        for role, engine in self._engines.items():
            spec = self.phase.optimisers[role]
            if not spec.acts(step):
                continue
            for group in engine.optimizer.param_groups:
                group["lr"] = spec.rate(step, self.phase.steps) * group["factor"]
            with self._only(role):
                done = self._backward(role, engine, batches, report) and self._update(role, engine, spec, report)
            if not done:
                break
        else:
            if self.ema:
                self.ema.update()
            self._after_step(step)
        return report

    def _backward(self, role: str, engine: Any, batches: Sequence[Batch], report: StepReport) -> bool:
        """Gradients of all parts; False where a loss was refused."""
        sums: dict[str, float] = {}
        for number, batch in enumerate(batches, 1):
            began = time.perf_counter()
            losses = self._losses(engine, role, batch)
            values = torch.stack([loss.detach().float() for loss in losses.values()])
            mean = self._over_workers(values)
            numbers = dict(zip(losses, mean.tolist(), strict=True))
            forward = time.perf_counter()
            report.forward_s += forward - began
            verdict = self.guard.verdict(role, numbers)
            if verdict:
                report.skipped, report.ids = verdict, self._culprits(role, values, batch["ids"])
                forget_all(engine, self.config.zero_stage)
                return False
            for name, value in numbers.items():
                sums[name] = sums.get(name, 0.0) + value / len(batches)
            engine.set_gradient_accumulation_boundary(number == len(batches))
            engine.backward(torch.stack(list(losses.values())).sum())
            if number == len(batches) and role in self._averages:
                self._averages[role]()
            report.backward_s += time.perf_counter() - forward
        report.losses |= sums
        return True

    def _losses(self, engine: Any, role: str, batch: Batch) -> dict[str, Tensor]:
        if self._trees:
            return engine(nested(self._trees, role, self.system, batch, self.phase.name))
        return engine(batch, self.phase.name, role)

    def _update(self, role: str, engine: Any, spec: Optimiser, report: StepReport) -> bool:
        """The optimiser's step; False where the gradient was not finite."""
        began = time.perf_counter()
        norm: float | None = None
        if not clips_inside(self.config):
            gradients = [p.grad for p in self._roles[role].values() if p.grad is not None]
            total = torch.nn.utils.get_total_norm(gradients)
            norm = float(total)
            if not math.isfinite(norm):
                engine.zero_grad()
                report.skipped, report.ids = f"the gradient of {role} is {norm}", ()
                return False
            if spec.clip_norm:
                torch.nn.utils.clip_grads_with_norm_(self._roles[role].values(), spec.clip_norm, total)
        engine.step()
        if norm is None and engine.get_global_grad_norm() is not None:
            norm = float(engine.get_global_grad_norm())
        if norm is not None:
            report.norms[role] = norm
        report.optimiser_s += time.perf_counter() - began
        if not engine.was_step_applied() and self.config.precision != "fp16":
            report.skipped = f"the gradient of {role} is not finite"
            return False
        return True

    def _over_workers(self, values: Tensor) -> Tensor:
        """Means over the workers, so that all of them judge alike."""
        if dist.get_world_size() == 1:
            return values
        values = values.clone()
        dist.all_reduce(values)
        return values / dist.get_world_size()

    def _culprits(self, role: str, values: Tensor, ids: Sequence[str]) -> tuple[str, ...]:
        """The clips of the workers whose own loss was bad; of all, where no worker's alone was."""
        limit = self.guard.limit(role)
        total = abs(float(values.sum()))
        bad = not math.isfinite(total) or (limit is not None and total > limit)
        everybody: list[Any] = [None] * dist.get_world_size()
        dist.all_gather_object(everybody, (bad, list(ids)))
        named = [i for wrong, theirs in everybody if wrong for i in theirs]
        return tuple(named or [i for _, theirs in everybody for i in theirs])

    def _train_mode(self) -> None:
        """Training mode, except for what `enter` has put into eval mode."""
        for module, training in self._modes:
            # Assigning costs much more than looking, module by module.
            if module.training is not training:
                module.training = training

    @torch.no_grad()
    def _after_step(self, step: int) -> None:
        if not self._moves:
            return
        stage = self.config.zero_stage
        with self._whole(writing=True):
            self.system.after_step(self.phase.name, step, self._moments)
            full = {n: p.detach().clone() for ps in self._roles.values() for n, p in ps.items()} if stage else {}
        if stage:
            self._set_master_weights(full)

    def _set_master_weights(self, full: Mapping[str, Tensor]) -> None:
        """ZeRO's optimiser holds weights of its own: they follow what a system did to the parameters."""
        from deepspeed.utils import safe_set_full_fp32_param, safe_set_local_fp32_param

        for role, parameters in self._roles.items():
            with self._only(role):
                for name, parameter in parameters.items():
                    if self.config.zero_stage == 3:
                        safe_set_local_fp32_param(parameter, own_piece(parameter, full[name]))
                    else:
                        safe_set_full_fp32_param(parameter, full[name])

    @torch.no_grad()
    def evaluate(self, batch: Batch) -> dict[str, float]:
        """The losses of every role, without training anything: in eval mode, with the exponential means where the phase
        keeps them; means over the workers."""
        found: dict[str, float] = {}
        batch = _placed(batch)
        batch["step"], batch["steps"] = self.phase.steps, self.phase.steps
        self.system.eval()
        with self.ema.in_place() if self.ema else nullcontext():
            for role, engine in self._engines.items():
                losses = self._losses(engine, role, batch)
                values = self._over_workers(torch.stack([loss.detach().float() for loss in losses.values()]))
                numbers = dict(zip(losses, values.tolist(), strict=True))
                self._first = self._first or tuple(numbers)
                found |= numbers
        return found

    def loss_names(self) -> tuple[str, ...]:
        """The names of the first role's losses, once `evaluate` has seen them."""
        return self._first

    # --- state --------------------------------------------------------------------------------------------------

    def weights(self, mean: bool = False) -> dict[str, Tensor]:
        """Copies of the system's own parameters and buffers, whole on every worker whatever the ZeRO stage; `mean`:
        with the exponential means in the place of what is trained, where the phase keeps them."""
        with ExitStack() as stack:
            if mean and self.ema:
                stack.enter_context(self.ema.in_place())
            stack.enter_context(self._whole())
            return own_state(self.system)

    def optimiser_tensors(self) -> dict[str, dict[str, Tensor]]:
        """By role, the optimiser's memory; every worker calls this."""
        found = {}
        for role, state in self.states.items():
            with self._only(role):
                found[role] = state.tensors()
        return found

    def load_optimisers(self, tensors: Mapping[str, Mapping[str, Tensor]]) -> None:
        for role, state in self.states.items():
            with self._only(role):
                state.load(tensors[role])

    @torch.no_grad()
    def load_means(self, means: Mapping[str, Tensor]) -> None:
        """Restores the exponential means from `weights(mean=True)`."""
        if self.ema is None:
            return
        before = self.weights()
        for values, then in ((means, self.ema.take), (before, None)):
            with self._whole(writing=True):
                for name, parameter in self.system.named_parameters():
                    if name in values:
                        parameter.copy_(values[name])
            if then:
                then()

    def scales(self) -> dict[str, Any]:
        """fp16's loss scales by role."""
        return {role: scaler.state_dict() for role, scaler in self._scalers()}

    def load_scales(self, states: Mapping[str, Any]) -> None:
        for role, scaler in self._scalers():
            if role in states:
                scaler.load_state_dict(states[role])

    def _scalers(self) -> Iterator[tuple[str, Any]]:
        for role, engine in self._engines.items():
            inside = getattr(engine.optimizer, "torch_autocast_gradscaler", None)
            scaler = engine.torch_autocast_z0_gradscaler or inside
            if scaler is not None:
                yield role, scaler

    @contextmanager
    def _whole(self, writing: bool = False) -> Iterator[None]:
        """For the length of the block every parameter is whole on every worker."""
        if self.config.zero_stage < 3:
            yield
            return
        import deepspeed

        rank = 0 if writing else None
        with deepspeed.zero.GatheredParameters(list(self.system.parameters()), modifier_rank=rank):
            yield

    def close(self) -> None:
        for engine in self._engines.values():
            engine.destroy()

    # --- making -------------------------------------------------------------------------------------------------

    def _engine(self, role: str, spec: Optimiser, micro_batch: int) -> Any:
        with self._only(role):
            engine, *_ = import_deepspeed().initialize(
                model=self._trees.get(role, self.system),
                model_parameters=list(self._roles[role].values()),
                optimizer=make_optimiser(self._roles[role], spec),
                dist_init_required=False,
                config=settings(self.config, spec, micro_batch),
            )
        if not self.config.zero_stage:
            parameters = tuple(self._roles[role].values())
            # DeepSpeed's own walks through all modules for this, in every step.
            engine.zero_grad = lambda: forget(parameters)
            # DeepSpeed's own average copies every gradient twice, and makes zeros of those that are none.
            engine.enable_backward_allreduce = False
            if dist.get_world_size() > 1:
                self._averages[role] = Average(parameters)
        return engine

    @contextmanager
    def _only(self, role: str) -> Iterator[None]:
        """Lets gradients reach one role's parameters only: a generator's loss must not move its discriminator."""
        for parameter in self._roles[role].values():
            parameter.requires_grad_(True)
        try:
            yield
        finally:
            # With a single role the flags stay up, since ZeRO's hooks hang on them.
            if len(self._roles) > 1:
                for parameter in self._roles[role].values():
                    parameter.requires_grad_(False)


def _placed(batch: Batch) -> Batch:
    """A batch of its own for the step, on the device of this worker."""
    if not torch.cuda.is_available():
        return dict(batch)
    return {k: v.to("cuda", non_blocking=True) if isinstance(v, Tensor) else v for k, v in batch.items()}


def _parameters(system: System, phase: Phase, role: str) -> dict[str, nn.Parameter]:
    spec = phase.optimisers[role]
    found = {name: p for name, p in system.named_parameters() if p.requires_grad and spec.selects(name)}
    if not found:
        raise BadConfig(f"phase {phase.name!r}, role {role!r} trains no parameter", cure="mend its prefixes")
    for prefix in spec.rates:
        if not any(name.startswith(prefix) for name in found):
            raise BadConfig(
                f"phase {phase.name!r}, role {role!r}: no trained parameter begins with {prefix!r}",
                cure="mend its rates",
            )
    return found


def _check_shared(roles: Mapping[str, Mapping[str, nn.Parameter]], phase: Phase, config: TrainConfig) -> None:
    """ZeRO binds a parameter to one optimiser."""
    seen: dict[str, str] = {}
    for role, parameters in roles.items():
        for name in parameters:
            if config.zero_stage and name in seen:
                raise BadConfig(
                    f"phase {phase.name!r}: {name} is trained by {seen[name]!r} and by {role!r}",
                    cure="use zero_stage 0",
                )
            seen[name] = role
