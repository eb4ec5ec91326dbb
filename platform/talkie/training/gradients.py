"""Gradients between backward pass and update: forgotten where a step is refused, and at ZeRO stage 0 averaged over the
workers. What ZeRO's own stages do with them is DeepSpeed's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class Average:
    """Means of gradients over all workers, in one flat buffer for each dtype and device.

    A parameter that no worker's loss has reached keeps no gradient, as on one worker: Adam would move it by its
    momentum alone. Which those are travels behind the gradients. The buffers become the gradients, so that nothing is
    copied back: they are valid until the next call.
    """

    def __init__(self, parameters: Sequence[nn.Parameter]):
        kinds = dict.fromkeys((p.dtype, p.device) for p in parameters)
        self._groups = [[p for p in parameters if (p.dtype, p.device) == kind] for kind in kinds]
        self._flats: list[Tensor] = []
        self._views: list[list[Tensor]] = []
        for group in self._groups:
            sizes = [p.numel() for p in group]
            flat = torch.zeros(sum(sizes) + len(group), dtype=group[0].dtype, device=group[0].device)
            pieces = flat[: sum(sizes)].split(sizes)
            self._flats.append(flat)
            self._views.append([piece.view_as(p) for piece, p in zip(pieces, group, strict=True)])

    @torch.no_grad()
    def __call__(self) -> None:
        """Every worker calls this, after the backward pass of a step's last part."""
        share = 1.0 / dist.get_world_size()
        for group, flat, views in zip(self._groups, self._flats, self._views, strict=True):
            reached = [p.grad is not None for p in group]
            flat[-len(group) :] = torch.tensor(reached, dtype=flat.dtype)
            for view, hit in zip(views, reached, strict=True):
                if not hit:
                    view.zero_()
            mine = [view for view, hit in zip(views, reached, strict=True) if hit]
            if mine:
                torch._foreach_copy_(mine, [p.grad for p in group if p.grad is not None])
            dist.all_reduce(flat)
            flat *= share
            anywhere = flat[-len(group) :].tolist()
            for p, view, hit in zip(group, views, anywhere, strict=True):
                p.grad = view if hit else None


def forget(parameters: Sequence[nn.Parameter]) -> None:
    for parameter in parameters:
        parameter.grad = None


def forget_all(engine: Any, stage: int) -> None:
    """Drops what the parts of a step have left so far: ZeRO keeps sums of its own, which the parameters do not show."""
    engine.zero_grad()
    if not stage:
        return
    zero = engine.optimizer
    zero.zero_grad()
    if stage < 3:
        for group in list(zero.averaged_gradients):
            zero.averaged_gradients[group] = None
        for group in list(zero.all_grad_tensors):
            zero.all_grad_tensors[group] = None
        # The count of parts by which offloaded sums are told from new ones; DeepSpeed's INITIAL_MICRO_STEP_ID.
        zero.micro_step_id = -1
