"""One phase of training through DeepSpeed: an engine per optimiser role, one step over all roles, and their state as
tensors. The loop around it is in worker.py. Import only where DS_ACCELERATOR has been set."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from talkie.errors import BadConfig, NonFiniteLoss
from talkie.systems import Optimiser, Phase, System
from talkie.training.config import TrainConfig


def choose_accelerator() -> None:
    """Tells DeepSpeed which accelerator to use, before it is imported for the first time."""
    if not torch.cuda.is_available():
        os.environ["DS_ACCELERATOR"] = "cpu"


def _import_deepspeed() -> Any:
    import deepspeed
    import deepspeed.ops

    if os.environ.get("DS_ACCELERATOR") == "cpu":
        # No compiled op is used here: Adam is torch's and gloo carries the collectives. Left to itself, DeepSpeed
        # probes every op with a compiler and builds a shared-memory transport: a minute, where there is a compiler.
        deepspeed.ops.__compatible_ops__ = {}
    return deepspeed


class PhaseEngine:
    """A system under the optimisers of one phase. `start` is the global step at which the phase begins."""

    def __init__(self, system: System, phase: Phase, start: int, config: TrainConfig):
        self.system, self.phase, self.start, self.config = system, phase, start, config
        if config.zero_stage and len(phase.optimisers) > 1:
            raise BadConfig(
                f"phase {phase.name!r} of {system.card.slug} has several optimisers", cure="use zero_stage 0"
            )
        self._roles = {role: _parameters(system, spec) for role, spec in phase.optimisers.items()}
        for parameter in system.parameters():
            parameter.requires_grad_(False)
        self._engines = {role: self._engine(role, spec) for role, spec in phase.optimisers.items()}

    def step(self, step: int, batch: dict[str, Any]) -> dict[str, float]:
        """Trains every role once on this worker's slice; returns each named loss (before the update).

        Raises NonFiniteLoss, naming the clips, before such a loss can reach the weights.
        """
        values: dict[str, float] = {}
        self.system.train()
        for role, engine in self._engines.items():
            spec = self.phase.optimisers[role]
            for group in engine.optimizer.param_groups:
                group["lr"] = spec.rate(step - self.start, self.phase.steps)
            with _only(self._roles, role):
                losses = engine(batch, self.phase.name, role)
                numbers = {name: float(loss.detach()) for name, loss in losses.items()}
                _guard(numbers, batch["ids"], step)
                engine.backward(torch.stack(list(losses.values())).sum())
            engine.step()
            values |= numbers
        return values

    def weights(self) -> dict[str, Tensor]:
        """The full state dict of the system, whole on every worker whatever the ZeRO stage."""
        if self.config.zero_stage < 3:
            return {name: t.detach().clone() for name, t in self.system.state_dict().items()}
        import deepspeed

        with deepspeed.zero.GatheredParameters(list(self.system.parameters())):
            return {name: t.detach().clone() for name, t in self.system.state_dict().items()}

    def save_optimisers(self, folder: Path, rank: int) -> None:
        """Every worker calls this. Stage 0: safetensors from rank 0; else DeepSpeed's own sharded files."""
        for role, engine in self._engines.items():
            if self.config.zero_stage:
                engine.save_checkpoint(str(folder / f"engine-{role}"), tag="zero", save_latest=False)
            elif rank == 0:
                save_file(_adam_state(engine.optimizer, self._roles[role]), folder / f"optimiser-{role}.safetensors")

    def load_optimisers(self, folder: Path) -> None:
        """Restores what `save_optimisers` wrote into a *verified* folder: DeepSpeed's files hold pickles."""
        for role, engine in self._engines.items():
            if self.config.zero_stage:
                engine.load_checkpoint(str(folder / f"engine-{role}"), tag="zero")
            else:
                state = load_file(folder / f"optimiser-{role}.safetensors")
                _load_adam(engine.optimizer, self._roles[role], state)

    def close(self) -> None:
        for engine in self._engines.values():
            engine.destroy()

    def _engine(self, role: str, spec: Optimiser) -> Any:
        parameters = self._roles[role]
        if not parameters:
            raise BadConfig(f"phase {self.phase.name!r}, role {role!r} trains no parameter", cure="mend its prefixes")
        with _only(self._roles, role):
            optimiser = torch.optim.Adam(parameters.values(), lr=spec.lr, betas=spec.betas)
            engine, *_ = _import_deepspeed().initialize(
                model=self.system,
                model_parameters=list(parameters.values()),
                optimizer=optimiser,
                dist_init_required=False,
                config=_deepspeed_config(self.config, spec),
            )
        return engine


def _deepspeed_config(config: TrainConfig, spec: Optimiser) -> dict[str, Any]:
    return {
        "train_micro_batch_size_per_gpu": config.batch_size // config.workers,
        "gradient_accumulation_steps": 1,
        "gradient_clipping": spec.clip_norm,
        "zero_optimization": {"stage": config.zero_stage},
        # Adam is passed in, so that no C++ optimiser has to be compiled.
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "steps_per_print": 1_000_000_000,
    }


def _parameters(system: System, spec: Optimiser) -> dict[str, nn.Parameter]:
    return {name: p for name, p in system.named_parameters() if spec.selects(name)}


@contextmanager
def _only(roles: Mapping[str, Mapping[str, nn.Parameter]], role: str) -> Iterator[None]:
    """Lets gradients reach one role's parameters only: a generator's loss must not move its discriminator."""
    for parameter in roles[role].values():
        parameter.requires_grad_(True)
    try:
        yield
    finally:
        # With a single role the flags stay up, since ZeRO's hooks hang on them.
        if len(roles) > 1:
            for parameter in roles[role].values():
                parameter.requires_grad_(False)


def _guard(losses: Mapping[str, float], ids: list[str], step: int) -> None:
    bad = [name for name, value in losses.items() if not torch.isfinite(torch.tensor(value))]
    if bad:
        raise NonFiniteLoss(
            f"loss {', '.join(bad)} is {losses[bad[0]]} at step {step} on the clips {', '.join(ids)}",
            cure="look at these clips with `talkie inspect`, or lower the learning rate",
        )


def _adam_state(optimiser: Any, parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """Adam's moments and step counts by parameter name."""
    state = {}
    for name, parameter in parameters.items():
        for key, value in optimiser.state.get(parameter, {}).items():
            state[f"{name}/{key}"] = torch.as_tensor(value).detach().clone().contiguous()
    return state


def _load_adam(optimiser: Any, parameters: Mapping[str, nn.Parameter], state: Mapping[str, Tensor]) -> None:
    for name, parameter in parameters.items():
        keys = [k for k in state if k.rsplit("/", 1)[0] == name]
        optimiser.state[parameter] = {k.rsplit("/", 1)[1]: state[k].clone() for k in keys}
