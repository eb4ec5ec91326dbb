"""Padding of variable-length clips and reductions that ignore it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


def pad(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Tensors (T_b, ...) -> (B, max T, ...) padded with zeros, and their lengths (B,) int64."""
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True), torch.tensor([len(r) for r in rows])


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the frames of each clip, then over the clips: values, mask (B, T) -> scalar; 0 for no clips.

    Long clips do not outweigh short ones, as with the paper's batches of one clip.
    """
    per_clip = (values * mask).sum(-1) / mask.sum(-1).clamp_min(1)
    return per_clip.sum() / max(1, len(per_clip))


def assigned(clip_id: str, shares: Mapping[str, float]) -> str:
    """One of the names, drawn by a digest of the clip's id with odds proportional to the shares."""
    u = int.from_bytes(hashlib.sha256(f"share|{clip_id}".encode()).digest()[:8], "big") / 2**64
    reach = 0.0
    for name, share in shares.items():
        reach += share / sum(shares.values())
        if u < reach:
            return name
    return next(reversed(shares))
