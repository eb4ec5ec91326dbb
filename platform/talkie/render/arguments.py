"""Checks of tensor arguments that the splats and the volume renderer share: shape, type, finite; no rendering."""

from __future__ import annotations

import torch
from torch import Tensor

from talkie.errors import BadInput


def check(name: str, value: Tensor, shape: tuple[int | None, ...], *, like: Tensor | None = None) -> Tensor:
    """`value`, if it is a finite floating tensor of `shape` (None: any length) with the type and device of `like`.

    Raises BadInput that names the argument."""
    wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
    if not isinstance(value, Tensor):
        raise BadInput(f"a {type(value).__name__}", where=name, cure=f"pass a torch tensor of shape {wanted}")
    fits = value.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape, value.shape, strict=True))
    if not fits:
        raise BadInput(f"shape {tuple(value.shape)}", where=name, cure=f"it must be {wanted}")
    if value.dtype not in (torch.float32, torch.float64):
        raise BadInput(f"{value.dtype}", where=name, cure="pass float32 or float64")
    if like is not None and (value.dtype != like.dtype or value.device != like.device):
        cure = f"every tensor of one call must be {like.dtype} on {like.device}"
        raise BadInput(f"{value.dtype} on {value.device}", where=name, cure=cure)
    if not bool(torch.isfinite(value.detach()).all()):
        raise BadInput("values that are infinite or not a number", where=name, cure="pass finite values")
    return value
