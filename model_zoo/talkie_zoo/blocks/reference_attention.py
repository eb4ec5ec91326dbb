"""Spatial attention that can look at a second picture: a reference network leaves its tokens in a bank, and a denoiser
reads K, V = concat(own, bank) (Hu et al. 2024, Animate Anyone). Which networks do so is the caller's."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from talkie_zoo.blocks.unet_parts import Attention, FeedForward, GroupNorm


class ReferenceBlock(nn.Module):
    """Self-attention with an optional bank, cross-attention to a context, feed-forward, each before its own norm."""

    def __init__(self, channels: int, context: int, heads: int):
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(channels) for _ in range(3))
        self.attn1 = Attention(channels, channels, heads)
        self.attn2 = Attention(channels, context, heads)
        self.ff = FeedForward(channels)

    def forward(
        self, x: Tensor, context: Tensor, bank: Tensor | None = None, blind: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Tokens x (B F, N, C), context (B, K, D) -> (tokens, what a bank keeps of them: their norm).

        bank (B, M, C) is shared by the F pictures of a sample. blind (B,) bool: samples that do not see it.
        """
        samples = len(context)
        normed = self.norm1(x)
        q, k, v = self.attn1.to_q(normed), self.attn1.to_k(normed), self.attn1.to_v(normed)
        if bank is not None:
            # The bank is projected once for all frames.
            more = [_spread(project(bank), len(x) // samples) for project in (self.attn1.to_k, self.attn1.to_v)]
            if blind is not None and blind.any():
                # Attention to one's own tokens twice is attention to them once; all samples stay in one batch.
                hidden = blind.repeat_interleave(len(x) // samples)[:, None, None]
                more = [torch.where(hidden, own, other) for own, other in zip((k, v), more, strict=True)]
            k, v = torch.cat([k, more[0]], 1), torch.cat([v, more[1]], 1)
        x = x + self.attn1.mixed(q, k, v)
        x = x + self.attn2(self.norm2(x), _spread(context, len(x) // samples))
        return x + self.ff(self.norm3(x)), normed


def _spread(rows: Tensor, frames: int) -> Tensor:
    """(B, …) -> (B F, …), each sample's rows F times in a row."""
    return rows if frames == 1 else rows.repeat_interleave(frames, 0)


class ReferenceTransformer(nn.Module):
    """A transformer block on a map (B F, C, H, W), between a norm with a 1 x 1 convolution and another of these."""

    def __init__(self, channels: int, context: int, heads: int, groups: int):
        super().__init__()
        self.norm = GroupNorm(groups, channels, 1e-6)
        self.proj_in = nn.Conv2d(channels, channels, 1)
        self.transformer_blocks = nn.ModuleList([ReferenceBlock(channels, context, heads)])
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(
        self, x: Tensor, context: Tensor, bank: Tensor | None = None, blind: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The map, and the tokens (B F, H W, C) that a bank keeps of it."""
        tokens = self.proj_in(self.norm(x)).flatten(2).transpose(1, 2)
        tokens, normed = self.transformer_blocks[0](tokens, context, bank, blind)
        return x + self.proj_out(tokens.transpose(1, 2).reshape(x.shape)), normed
