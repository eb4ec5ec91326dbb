"""torch's optimiser of one role, its parameter groups, and its state by parameter name whatever ZeRO has made of it.
Which roles there are and when they act is in engine.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from talkie.systems import Optimiser

MOMENTS = {"adam": ("exp_avg", "exp_avg_sq"), "adamw": ("exp_avg", "exp_avg_sq"), "sgd": ("momentum_buffer",)}
"""What an algorithm remembers of each parameter, in torch's names; Adam also counts its steps."""


def groups_of(parameters: Mapping[str, nn.Parameter], spec: Optimiser) -> list[dict[str, Any]]:
    """torch's parameter groups: one for each multiplier of the learning rate, in the order of first appearance."""
    groups: dict[float, dict[str, Any]] = {}
    for name, parameter in parameters.items():
        factor = spec.multiplier(name)
        groups.setdefault(factor, {"params": [], "factor": factor, "lr": spec.lr * factor})["params"].append(parameter)
    return list(groups.values())


def make_optimiser(parameters: Mapping[str, nn.Parameter], spec: Optimiser) -> torch.optim.Optimizer:
    """The algorithm of a role; of SGD the first beta is the momentum (torch's form, without dampening).

    Without a CUDA device Adam takes torch's fused kernel: one pass over the memory in place of six.
    On a CUDA device torch chooses by itself, and keeps the counts of steps where it wants them.
    """
    groups = groups_of(parameters, spec)
    if spec.algorithm == "sgd":
        return torch.optim.SGD(groups, lr=spec.lr, momentum=spec.betas[0], weight_decay=spec.weight_decay)
    kind = torch.optim.AdamW if spec.algorithm == "adamw" else torch.optim.Adam
    fused = None if torch.cuda.is_available() else True
    return kind(groups, lr=spec.lr, betas=spec.betas, eps=spec.eps, weight_decay=spec.weight_decay, fused=fused)


def moments_of(spec: Optimiser) -> tuple[str, ...]:
    return () if spec.algorithm == "sgd" and not spec.betas[0] else MOMENTS[spec.algorithm]


def own_piece(parameter: nn.Parameter, value: Tensor) -> Tensor:
    """This worker's piece of a whole tensor as ZeRO-3 shares `parameter` out: flat, equal pieces, zeros after the end.

    DeepSpeed's own setters of whole tensors leave the zeros out, and fail where workers do not divide the size.
    """
    size = parameter.ds_tensor.numel()  # type: ignore[attr-defined]
    flat = nn.functional.pad(value.flatten(), (0, size * dist.get_world_size() - value.numel()))
    return flat.narrow(0, size * dist.get_rank(), size)


class OptimiserState:
    """The state of one role's optimiser: full fp32 tensors by parameter name, at every ZeRO stage.

    At stages 1 to 3 every worker has to call the same methods in the same order: the pieces travel between them.
    """

    def __init__(self, engine: Any, parameters: Mapping[str, nn.Parameter], spec: Optimiser, stage: int):
        self._engine, self._parameters, self._stage = engine, parameters, stage
        self.names = tuple(parameters)
        self._keys = moments_of(spec)
        self._counts = spec.algorithm != "sgd"
        self._linked = False

    @property
    def _base(self) -> torch.optim.Optimizer:
        return self._engine.optimizer.optimizer if self._stage else self._engine.optimizer

    def steps(self) -> int:
        """Updates done."""
        return max((int(state["step"]) for state in self._base.state.values() if "step" in state), default=0)

    def started(self) -> bool:
        """Whether there is any state: it appears with the first update."""
        return any(state for state in self._base.state.values())

    def get(self, name: str, key: str) -> Tensor | None:
        """A copy of one moment of a parameter; None before its first update."""
        parameter = self._parameters[name]
        if self._stage:
            from deepspeed.utils import safe_get_full_optimizer_state

            self._link()
            value = safe_get_full_optimizer_state(parameter, key) if self.started() else None
        else:
            value = self._base.state.get(parameter, {}).get(key)
        return None if value is None else value.detach().clone()

    def set(self, name: str, key: str, value: Tensor) -> None:
        parameter = self._parameters[name]
        if self._stage == 3:
            from deepspeed.utils import safe_set_local_optimizer_state

            safe_set_local_optimizer_state(parameter, own_piece(parameter, value), key)
        elif self._stage:
            from deepspeed.utils import safe_set_full_optimizer_state

            safe_set_full_optimizer_state(parameter, value, key)
        else:
            self._base.state[parameter][key].copy_(value)

    def tensors(self) -> dict[str, Tensor]:
        """Everything, as "<parameter>/<moment>" and "<parameter>/step"; empty before the first update."""
        if not self.started():
            return {}
        found: dict[str, Tensor] = {}
        shared = torch.tensor(float(self.steps()))
        for name, parameter in self._parameters.items():
            for key in self._keys:
                value = self.get(name, key)
                if value is not None:
                    found[f"{name}/{key}"] = value.cpu().contiguous()
            if self._counts and f"{name}/{self._keys[0]}" in found:
                own = None if self._stage else self._base.state[parameter].get("step")
                found[f"{name}/step"] = (shared if own is None else own).detach().cpu().clone()
        return found

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Restores what `tensors` gave, under whatever stage and world it was taken."""
        if not tensors:
            return
        if self._stage:
            self._prime(max((int(v) for k, v in tensors.items() if k.endswith("/step")), default=0))
        for name, parameter in self._parameters.items():
            mine = {key: tensors[f"{name}/{key}"] for key in self._keys if f"{name}/{key}" in tensors}
            if not mine:
                continue
            if not self._stage:
                state = {key: torch.empty_like(parameter) for key in mine}
                if self._counts:
                    state["step"] = tensors[f"{name}/step"].clone()
                self._base.state[parameter] = state
            for key, value in mine.items():
                self.set(name, key, value.to(parameter.device))

    def _prime(self, steps: int) -> None:
        """Empty state in the shape that ZeRO's flat partitions will have, as their first update would make it."""
        zero = self._engine.optimizer
        flats = zero.fp32_partitioned_groups_flat if self._stage == 3 else zero.single_partition_of_fp32_groups
        for flat in flats:
            state = {key: torch.zeros_like(flat) for key in self._keys}
            if self._counts:
                state["step"] = torch.tensor(float(steps))
            zero.optimizer.state[flat] = state
        self._linked = False
        self._link()

    def _link(self) -> None:
        """DeepSpeed links parameters to their state during its first update, when later groups have none yet."""
        if self._stage < 3 and not self._linked and self.started():
            zero = self._engine.optimizer
            zero._hp_optimizer_states_linked = False
            zero._lazy_init_hp_params_optimizer_state()
            self._linked = True


class RowMoments:
    """`talkie.systems.phases.Moments` over the optimisers of a phase, by the name of a parameter."""

    def __init__(self, states: Mapping[str, OptimiserState], owners: Mapping[str, str]):
        self._states, self._owners = states, owners

    def copy_rows(self, parameter: str, to: Tensor, source: Tensor) -> None:
        for state, key, value in self._values(parameter):
            value[to] = value[source]
            state.set(parameter, key, value)

    def zero_rows(self, parameter: str, rows: Tensor) -> None:
        for state, key, value in self._values(parameter):
            value[rows] = 0
            state.set(parameter, key, value)

    def _values(self, parameter: str) -> list[tuple[OptimiserState, str, Tensor]]:
        # A parameter without an optimiser in this phase has no memory to change.
        state = self._states.get(self._owners.get(parameter, ""))
        if state is None:
            return []
        found = [(state, key, state.get(parameter, key)) for key in state._keys]
        return [(state, key, value) for state, key, value in found if value is not None]
