"""Where along a ray a field is asked: even, jittered and inverse-CDF intervals, and the proposal's loss."""

from __future__ import annotations

import torch
from torch import Tensor

_PADDING = 1e-5


def even_edges(near: Tensor, far: Tensor, steps: int) -> Tensor:
    """near, far: (N,) metres -> (N, steps + 1) edges of equal intervals."""
    share = torch.linspace(0, 1, steps + 1, dtype=near.dtype, device=near.device)
    return near[:, None] + (far - near)[:, None] * share


def stratified(edges: Tensor, generator: torch.Generator | None) -> Tensor:
    """One distance inside each interval: (N, S + 1) -> (N, S), uniform at random (NeRF, eq. 2), or the middles
    without a generator. The generator lives on the device of `edges`."""
    low, high = edges[:, :-1], edges[:, 1:]
    if generator is None:
        return (low + high) / 2
    share = torch.rand(low.shape, generator=generator, dtype=edges.dtype, device=edges.device)
    return low + (high - low) * share


def resample_edges(edges: Tensor, weights: Tensor, steps: int, generator: torch.Generator | None) -> Tensor:
    """Edges of `steps` intervals that share out the weights evenly: (N, S + 1), (N, S) -> (N, steps + 1).

    Inverse transform sampling of the piecewise constant density that the weights make, stratified (NeRF, section
    5.2; edges as in mip-NeRF 360, section 3). The first and last edge stay where they were, so that what the
    proposal overlooks is still seen, if coarsely. Without gradient.
    """
    edges, weights = edges.detach(), weights.detach()
    padded = weights + _PADDING
    cdf = torch.nn.functional.pad(torch.cumsum(padded / padded.sum(1, keepdim=True), 1), (1, 0))
    cdf = cdf / cdf[:, -1:]
    rank = torch.linspace(0, 1, steps + 1, dtype=edges.dtype, device=edges.device).repeat(len(edges), 1)
    if generator is not None:
        shift = torch.rand(rank[:, 1:-1].shape, generator=generator, dtype=edges.dtype, device=edges.device) - 0.5
        rank[:, 1:-1] += shift / steps
    index = torch.searchsorted(cdf, rank, right=True).clamp(1, weights.shape[1])
    low, high = cdf.gather(1, index - 1), cdf.gather(1, index)
    start, stop = edges.gather(1, index - 1), edges.gather(1, index)
    share = ((rank - low) / (high - low)).clamp(0, 1)
    return torch.cat([edges[:, :1], (start + share * (stop - start))[:, 1:-1], edges[:, -1:]], 1)


def proposal_loss(edges: Tensor, weights: Tensor, proposal_edges: Tensor, proposal_weights: Tensor) -> Tensor:
    """How much of the rendered weights the proposal's histogram fails to cover, a scalar: 0 where it bounds them.

    edges (N, S + 1), weights (N, S) of the rendering, taken without gradient; proposal_edges (N, P + 1),
    proposal_weights (N, P) get one. mip-NeRF 360, eqs. 12 and 13: mean over rays of
    sum_i max(0, w_i - bound_i)^2 / w_i, bound_i the sum of the proposal's weights that overlap interval i.
    """
    weights = weights.detach()
    total = torch.nn.functional.pad(torch.cumsum(proposal_weights, 1), (1, 0))
    count = proposal_weights.shape[1]
    ends = proposal_edges.detach().contiguous()
    first = torch.searchsorted(ends, edges[:, :-1].detach().contiguous(), right=True) - 1
    last = torch.searchsorted(ends, edges[:, 1:].detach().contiguous(), right=False)
    bound = total.gather(1, last.clamp(0, count)) - total.gather(1, first.clamp(0, count))
    missed = (weights - bound).clamp(min=0)
    return (missed.square() / (weights + torch.finfo(weights.dtype).eps)).sum(1).mean()
