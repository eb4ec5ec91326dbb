"""Speech into a map, region by region: three cross-attentions to the same tokens of sound, each within its own spatial
mask and with a weight of the user's (Xu et al. 2024, Hallo). Masks and tokens are made elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from talkie_zoo.blocks.unet_parts import Attention, FeedForward, GroupNorm

REGIONS = ("pose", "face", "lip")
"""In the order of masks and weights."""


def _zeroed(layer: nn.Conv2d) -> nn.Conv2d:
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class MaskedAudioBlock(nn.Module):
    """Self-attention, the three masked cross-attentions side by side, feed-forward. The convolutions behind those begin
    with zeros as published; here what is behind the block does, and two zeros in a row have no gradient."""

    def __init__(self, channels: int, sound: int, heads: int):
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(channels) for _ in range(3))
        self.attn1 = Attention(channels, channels, heads)
        self.attn2 = nn.ModuleList(Attention(channels, sound, heads) for _ in REGIONS)
        self.zero_convs = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in REGIONS)
        self.ff = FeedForward(channels)

    def forward(self, x: Tensor, sound: Tensor, masks: Tensor, weights: Sequence[float]) -> Tensor:
        """x (N, H W, C), sound (N, K, D), masks (N, 3, H, W)."""
        normed = self.norm1(x)
        x = x + self.attn1(normed, normed)
        normed = self.norm2(x)
        for number, (attention, conv) in enumerate(zip(self.attn2, self.zero_convs, strict=True)):
            mask = masks[:, number : number + 1]
            heard = attention(normed, sound).transpose(1, 2).unflatten(2, mask.shape[-2:]) * mask
            x = x + weights[number] * conv(heard).flatten(2).transpose(1, 2)
        return x + self.ff(self.norm3(x))


class MaskedAudioTransformer(nn.Module):
    """`MaskedAudioBlock` on a map (N, C, H, W). Its last projection begins with zeros, so that an image network is the
    same with it as without it until it is trained."""

    def __init__(self, channels: int, sound: int, heads: int, groups: int):
        super().__init__()
        self.norm = GroupNorm(groups, channels, 1e-6)
        self.proj_in = nn.Conv2d(channels, channels, 1)
        self.transformer_blocks = nn.ModuleList([MaskedAudioBlock(channels, sound, heads)])
        self.proj_out = _zeroed(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor, sound: Tensor, masks: Tensor, weights: Sequence[float] = (1.0, 1.0, 1.0)) -> Tensor:
        """sound (N, K, D): tokens of each picture; masks (N, 3, H, W) at the map's size; weights: one a region."""
        tokens = self.proj_in(self.norm(x)).flatten(2).transpose(1, 2)
        tokens = self.transformer_blocks[0](tokens, sound, masks, weights)
        return x + self.proj_out(tokens.transpose(1, 2).reshape(x.shape))


def pyramid(masks: Tensor, sides: Sequence[int]) -> dict[int, Tensor]:
    """Masks (N, 3, S, S) at every side, by averaging: {side: (N, 3, side, side)}."""
    return {side: torch.nn.functional.interpolate(masks, (side, side), mode="area") for side in sides}
