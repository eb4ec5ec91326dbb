"""A module tree for each role of a phase, so that ZeRO-3, which binds a module to one optimiser, can carry several.
What an engine does with them is in engine.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from talkie.errors import BadConfig
from talkie.systems import System
from talkie.systems.contract import Batch

Call = Callable[[], dict[str, Tensor]]


class RoleTree(nn.Module):
    """The submodules of a system that one role trains. Its forward runs what it is given, inside this tree's hooks."""

    def __init__(self, parts: Mapping[str, nn.Module]):
        super().__init__()
        for name, module in parts.items():
            self.add_module(name.replace(".", "/"), module)

    def forward(self, call: Call) -> dict[str, Tensor]:
        return call()


def role_trees(system: System, roles: Mapping[str, Mapping[str, nn.Parameter]], where: str) -> dict[str, RoleTree]:
    """Raises BadConfig where a role trains a module's parameters in part, naming the stages that can do that."""
    trees = {}
    for role, parameters in roles.items():
        mine = {id(p) for p in parameters.values()}
        parts: dict[str, nn.Module] = {}
        covered: set[int] = set()
        for name, module in system.named_modules():
            own = {id(p) for p in module.parameters()}
            if name and own and own <= mine and not own & covered:
                parts[name] = module
                covered |= own
        if covered != mine:
            loose = next(name for name, p in parameters.items() if id(p) not in covered)
            raise BadConfig(
                f"zero_stage 3 cannot give role {role!r} a tree of its own: it trains {loose}, but not the whole of "
                "the module around it",
                where=where,
                cure="use zero_stage 0, 1 or 2",
            )
        trees[role] = RoleTree(parts)
    return trees


def nested(trees: Mapping[str, RoleTree], role: str, system: System, batch: Batch, phase: str) -> Call:
    """The losses of `role` as a call that runs inside the hooks of all the other trees."""

    def losses() -> Any:
        return system(batch, phase, role)

    call: Call = losses
    for other, tree in trees.items():
        if other != role:
            call = _inside(tree, call)
    return call


def _inside(tree: RoleTree, call: Call) -> Call:
    return lambda: tree(call)
