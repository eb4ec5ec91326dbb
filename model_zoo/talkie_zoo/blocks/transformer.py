"""A transformer encoder with a convolutional position embedding, as HuBERT and wav2vec 2.0 have it. Encoders whose
attention is biased by distance are in alibi.py and temporal.py."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class ContextEncoder(nn.Module):
    """Rows of any length -> rows that have seen all others: a grouped convolution over `reach` rows tells each where it
    stands, then pre-norm layers with GELU, then a norm (Baevski et al. 2020; AV-HuBERT Base: 768 wide, 12 layers)."""

    def __init__(
        self, width: int, layers: int, heads: int, feedforward: int, dropout: float, reach: int = 128, groups: int = 16
    ):
        super().__init__()
        self.position = nn.Conv1d(width, width, reach, padding=reach // 2, groups=groups)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, feedforward, dropout, F.gelu, batch_first=True, norm_first=True)
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, C), mask (B, T) bool, True where the row is real -> (B, T, C), zero outside the mask."""
        x = x * mask[..., None]
        # An even kernel gives one row too many.
        place = self.position(x.transpose(1, 2))[..., : x.shape[1]].transpose(1, 2)
        x = x + F.gelu(place)
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=~mask)
        return self.norm(x) * mask[..., None]
