"""A decoder whose normalisation is modulated by a feature map (SPADE, Park et al. 2019), with sub-pixel upsampling at
the end (Shi et al. 2016). What is decoded, and adversaries, live elsewhere."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAK = 0.2


class Spade(nn.Module):
    """Instance norm without its own scale, then scale and shift that a map of guides says for every pixel."""

    def __init__(self, channels: int, guides: int, hidden: int):
        super().__init__()
        self.norm = nn.InstanceNorm2d(channels)
        self.shared = nn.Sequential(nn.Conv2d(guides, hidden, 3, padding=1), nn.ReLU())
        self.scale, self.shift = (nn.Conv2d(hidden, channels, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor, guide: Tensor) -> Tensor:
        """x (B, C, H, W), guide (B, G, h, w)."""
        seen = self.shared(F.interpolate(guide, size=x.shape[2:]))
        return self.norm(x) * (1 + self.scale(seen)) + self.shift(seen)


class SpadeBlock(nn.Module):
    """Two SPADE convolutions beside a skip, which is a SPADE convolution of its own where the width changes."""

    def __init__(self, a: int, b: int, guides: int, hidden: int):
        super().__init__()
        middle = min(a, b)
        self.norms = nn.ModuleList([Spade(a, guides, hidden), Spade(middle, guides, hidden)])
        self.convs = nn.ModuleList([nn.Conv2d(a, middle, 3, padding=1), nn.Conv2d(middle, b, 3, padding=1)])
        self.widths = (a, b)
        if a != b:
            self.skip_norm, self.skip = Spade(a, guides, hidden), nn.Conv2d(a, b, 1, bias=False)

    def forward(self, x: Tensor, guide: Tensor) -> Tensor:
        a, b = self.widths
        y = x
        for norm, conv in zip(self.norms, self.convs, strict=True):
            y = conv(F.leaky_relu(norm(y, guide), LEAK))
        return y + (self.skip(self.skip_norm(x, guide)) if a != b else x)


class SpadeDecoder(nn.Module):
    """G: features (B, `guides`, H, W) -> pictures (B, 3, 4 H * shuffle, ...) in [0, 1]. The widest blocks, `middle` of
    them, work at the features' own size; two upsamplings follow, then a pixel shuffle. `outputs`: maps painted, the
    colours first."""

    def __init__(self, guides: int, channels: int, last: int, middle: int, hidden: int, shuffle: int, outputs: int = 3):
        super().__init__()
        self.first = nn.Conv2d(guides, channels, 3, padding=1)
        self.middle = nn.ModuleList(SpadeBlock(channels, channels, guides, hidden) for _ in range(middle))
        self.ups = nn.ModuleList(
            [SpadeBlock(channels, channels // 2, guides, hidden), SpadeBlock(channels // 2, last, guides, hidden)]
        )
        self.paint = nn.Sequential(nn.Conv2d(last, outputs * shuffle**2, 3, padding=1), nn.PixelShuffle(shuffle))

    def forward(self, guide: Tensor) -> Tensor:
        x = self.first(guide)
        for block in self.middle:
            x = block(x, guide)
        for block in self.ups:
            x = block(F.interpolate(x, scale_factor=2), guide)
        return torch.sigmoid(self.paint(F.leaky_relu(x, LEAK)))
