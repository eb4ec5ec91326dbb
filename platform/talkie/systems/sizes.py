"""How large a preset is, without a clip and without weights: a system on torch's meta device. What a run takes on a
given machine is estimated in `talkie.training`."""

from __future__ import annotations

import torch

from talkie.heads import builtin_head
from talkie.systems.contract import System
from talkie.systems.registry import make_config

BYTES = 4
"""Of a number in fp32."""


def on_meta(cls: type[System], preset: str) -> System:
    """The system with every shape of a typical corpus and no memory behind them. Raises MissingExtra where an optional
    package defines a part."""
    config = make_config(cls, preset, {})
    constants = cls.typical_constants(config)
    # Built before, so that nothing that outlives the call is made without memory.
    builtin_head()
    with torch.device("meta"):
        system = cls(config)
        system.restore(constants)
    return system


def parameter_count(system: System, prefix: str = "") -> int:
    """Numbers among a system's parameters whose names begin with `prefix`."""
    return sum(p.numel() for name, p in system.named_parameters() if name.startswith(prefix))


def training_state_bytes(system: System) -> int:
    """Weights, gradients and Adam's two moments in fp32 of the dearest phase on one worker; activations, which depend
    on the batch, are not in it."""
    largest = 0
    for phase in system.phases():
        names = [spec.selects for spec in phase.optimisers.values()]
        trained = sum(p.numel() for n, p in system.named_parameters() if any(selects(n) for selects in names))
        largest = max(largest, trained)
    return BYTES * (parameter_count(system) + 3 * largest)
