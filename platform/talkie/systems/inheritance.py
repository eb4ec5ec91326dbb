"""Weights taken over from a trained module into one of the same shape. Which parts a system takes over is its own
(`System.inherit`); where the model lies is known to training."""

from __future__ import annotations

from torch import nn

from talkie.errors import BadConfig


def take_over(mine: nn.Module, theirs: nn.Module, name: str) -> None:
    """Copies every parameter and buffer of `theirs` into `mine`. Raises BadConfig for `name` and the first tensors that
    have no counterpart of their shape."""
    target, source = mine.state_dict(), theirs.state_dict()
    wrong = sorted(
        key for key in target.keys() | source.keys()
        if key not in target or key not in source or target[key].shape != source[key].shape
    )  # fmt: skip
    if wrong:
        shown = ", ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")
        raise BadConfig(
            f"{name} of the model to begin with has other shapes: {shown}",
            cure="use its settings (its config.json), or begin without it",
        )
    mine.load_state_dict(source)
