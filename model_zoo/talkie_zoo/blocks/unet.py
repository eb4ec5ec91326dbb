"""Stable Diffusion's U-Net with slots: behind every spatial transformer there may stand one for sound and one for time,
and its self-attention may read a bank. Without them it is the image network, under the names of diffusers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from talkie_zoo.blocks.activations import silu
from talkie_zoo.blocks.masked_audio_attention import MaskedAudioTransformer
from talkie_zoo.blocks.reference_attention import ReferenceTransformer
from talkie_zoo.blocks.stored_weights import load_named
from talkie_zoo.blocks.temporal_attention import TemporalModule
from talkie_zoo.blocks.unet_parts import (
    Downsample,
    GroupNorm,
    ResnetBlock,
    TimeEmbedding,
    Upsample,
    time_features,
)


@dataclass(frozen=True)
class UNetSizes:
    """`widths` and `attention` by level, finest first; `layers` residual blocks a level going down, one more going up;
    `context` and `sound`: channels of their tokens; `length`: frames of one pass, those before it included; without
    `sound` or `length` there are no such slots. `places`: sines of the position are added to the first features, for
    networks that have no pretraining to know from where they are."""

    channels: int
    widths: tuple[int, ...]
    attention: tuple[bool, ...]
    layers: int
    heads: int
    groups: int
    context: int
    sound: int | None = None
    length: int | None = None
    places: bool = False


@dataclass(frozen=True)
class Conditions:
    """What B samples of F frames are made under; what is None is left out.

    context (B, K, D); `bank`: tokens (B, N, C) of each spatial transformer in order, not seen by samples of `blind`
    (B,) bool; `before`: maps (B, M, C, H, W) of the frames before, in the same order; `located` (B, C, H, W) is added
    to the first features; `sound` (B F, K, D) and `masks` {side: (B F, 3, side, side)} with a weight of each region;
    `moving`: whether frames see each other."""

    context: Tensor
    bank: Sequence[Tensor] | None = None
    blind: Tensor | None = None
    before: Sequence[Tensor] | None = None
    located: Tensor | None = None
    sound: Tensor | None = None
    masks: Mapping[int, Tensor] | None = None
    weights: Sequence[float] = (1.0, 1.0, 1.0)
    moving: bool = False


class _Pass:
    """One evaluation: what the slots share, and the tokens they leave."""

    def __init__(self, conditions: Conditions, time: Tensor, frames: int):
        self.conditions, self.frames = conditions, frames
        self.time = time
        self.kept: list[Tensor] = []

    def spatial(self, slot: ReferenceTransformer, x: Tensor) -> Tensor:
        c, number = self.conditions, len(self.kept)
        x, tokens = slot(x, c.context, c.bank[number] if c.bank is not None else None, c.blind)
        self.kept.append(tokens)
        return x

    def sounding(self, slot: MaskedAudioTransformer, x: Tensor) -> Tensor:
        c = self.conditions
        if c.sound is None or c.masks is None:
            return x
        return slot(x, c.sound, c.masks[x.shape[-1]], c.weights)

    def moving(self, slot: TemporalModule, x: Tensor, attended: bool) -> Tensor:
        c = self.conditions
        if not c.moving:
            return x
        before = c.before[len(self.kept) - 1] if attended and c.before is not None else None
        return slot(x, self.frames, before)


class _Block(nn.Module):
    """Residual blocks of one level with their slots."""

    def __init__(self, pairs: Sequence[tuple[int, int]], slots: int, sizes: UNetSizes):
        super().__init__()
        s, width = sizes, pairs[-1][1]
        time = 4 * s.widths[0]
        self.resnets = nn.ModuleList(ResnetBlock(a, b, time, s.groups) for a, b in pairs)
        if slots:
            self.attentions = nn.ModuleList(
                ReferenceTransformer(width, s.context, s.heads, s.groups) for _ in range(slots)
            )
        if slots and s.sound is not None:
            self.audio_modules = nn.ModuleList(
                MaskedAudioTransformer(width, s.sound, s.heads, s.groups) for _ in range(slots)
            )
        if s.length is not None:
            count = slots or len(pairs)
            self.motion_modules = nn.ModuleList(
                TemporalModule(width, s.heads, s.length, s.groups) for _ in range(count)
            )

    def slots(self, x: Tensor, number: int, run: _Pass) -> Tensor:
        """The transformers behind residual block `number`."""
        attended = hasattr(self, "attentions")
        if attended:
            x = run.spatial(self.attentions[number], x)
        if hasattr(self, "audio_modules"):
            x = run.sounding(self.audio_modules[number], x)
        if hasattr(self, "motion_modules"):
            x = run.moving(self.motion_modules[number], x, attended)
        return x


class _Down(_Block):
    def __init__(self, pairs: Sequence[tuple[int, int]], slots: int, sizes: UNetSizes, last: bool):
        super().__init__(pairs, slots, sizes)
        if not last:
            self.downsamplers = nn.ModuleList([Downsample(pairs[-1][1])])

    def forward(self, x: Tensor, run: _Pass) -> Iterator[Tensor]:
        """Every map that the way up takes again; the last one is the block's own."""
        for number, resnet in enumerate(self.resnets):
            x = self.slots(resnet(x, run.time), number, run)
            yield x
        for step in getattr(self, "downsamplers", ()):
            yield step(x)


class _Middle(_Block):
    def forward(self, x: Tensor, run: _Pass) -> Tensor:
        return self.resnets[1](self.slots(self.resnets[0](x, run.time), 0, run), run.time)


class _Up(_Block):
    def __init__(self, pairs: Sequence[tuple[int, int]], slots: int, sizes: UNetSizes, last: bool):
        super().__init__(pairs, slots, sizes)
        if not last:
            self.upsamplers = nn.ModuleList([Upsample(pairs[-1][1])])

    def forward(self, x: Tensor, skipped: list[Tensor], run: _Pass) -> Tensor:
        for number, resnet in enumerate(self.resnets):
            x = self.slots(resnet(torch.cat([x, skipped.pop()], 1), run.time), number, run)
        for step in getattr(self, "upsamplers", ()):
            x = step(x)
        return x


class UNet(nn.Module):
    """Noisy maps (B F, C, H, W) at steps (B,) -> the schedule's target, same shape; and the tokens of each spatial
    transformer in order, which make a bank."""

    def __init__(self, sizes: UNetSizes):
        super().__init__()
        self.sizes = sizes
        w, n = sizes.widths, sizes.layers
        self.conv_in = nn.Conv2d(sizes.channels, w[0], 3, padding=1)
        self.time_embedding = TimeEmbedding(w[0])
        blocks, entered, skips = [], w[0], [w[0]]
        for level, width in enumerate(w):
            pairs = [(entered, width)] + [(width, width)] * (n - 1)
            last = level == len(w) - 1
            blocks.append(_Down(pairs, n * sizes.attention[level], sizes, last))
            skips += [width] * (n + (not last))
            entered = width
        self.down_blocks = nn.ModuleList(blocks)
        self.mid_block = _Middle([(w[-1], w[-1])] * 2, 1, sizes)
        ups = []
        for level, width in reversed(list(enumerate(w))):
            pairs = []
            for _ in range(n + 1):
                pairs.append((entered + skips.pop(), width))
                entered = width
            ups.append(_Up(pairs, (n + 1) * sizes.attention[level], sizes, level == 0))
        self.up_blocks = nn.ModuleList(ups)
        self.conv_norm_out = GroupNorm(sizes.groups, w[0])
        self.conv_out = nn.Conv2d(w[0], sizes.channels, 3, padding=1)
        if sizes.length is not None:
            # The middle has one module between its two residual blocks.
            self.mid_block.motion_modules = self.mid_block.motion_modules[:1]

    def forward(self, x: Tensor, t: Tensor, conditions: Conditions) -> tuple[Tensor, list[Tensor]]:
        frames = len(x) // len(conditions.context)
        time = silu(self.time_embedding(t)).repeat_interleave(frames, 0)
        run = _Pass(conditions, time, frames)
        x = self.conv_in(x)
        if self.sizes.places:
            x = x + placed(x)
        if conditions.located is not None:
            x = x + conditions.located.repeat_interleave(frames, 0)
        skipped = [x]
        for block in self.down_blocks:
            skipped += block(x, run)
            x = skipped[-1]
        x = self.mid_block(x, run)
        for block in self.up_blocks:
            x = block(x, skipped, run)
        return self.conv_out(silu(self.conv_norm_out(x))), run.kept

    def load(self, folder: Path) -> None:
        """Takes the weights of an image U-Net as diffusers stores it; the slots stay. Raises BadConfig."""
        own = [n for n, _ in self.named_parameters() if ".audio_modules." in n or ".motion_modules." in n]
        own += [n for n, _ in self.named_buffers() if ".motion_modules." in n]
        load_named(self, folder, own=own)

    def slot_sides(self, side: int) -> tuple[int, ...]:
        """Sides of the maps that have slots, finest first, of an input of `side`."""
        sides = [side >> level for level, attends in enumerate(self.sizes.attention) if attends]
        return tuple(dict.fromkeys([*sides, side >> (len(self.sizes.widths) - 1)]))


def placed(x: Tensor) -> Tensor:
    """(1, C, H, W) sines of row and column, a half of the channels each."""
    channels, height, width = x.shape[1:]
    half = channels // 2
    # Frequencies were chosen for a thousand steps; sixteen of those lie between two neighbours.
    down, across = (time_features(16 * torch.arange(n, device=x.device), half).T for n in (height, width))
    rows, columns = down[:, :, None].expand(-1, -1, width), across[:, None].expand(-1, height, -1)
    return torch.cat([rows, columns])[None].to(x)
