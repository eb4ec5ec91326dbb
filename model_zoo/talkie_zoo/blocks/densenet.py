"""DenseNet (Huang et al., "Densely Connected Convolutional Networks", CVPR 2017) as a feature extractor, with the
parameter names under which torchvision's weights are published."""

from __future__ import annotations

import re
from collections import OrderedDict
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from talkie.errors import BadConfig

DENSENET_201 = (6, 12, 48, 32)
"""Layers of each dense block (the paper's table 1)."""
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_GROWTH, _STEM, _NARROW = 32, 64, 4
_OLD_NAME = re.compile(r"(denselayer\d+)\.(norm|conv)\.([12])\.")
"""Published weights are older than today's names: denselayer1.norm.1.weight became denselayer1.norm1.weight."""


class DenseNet(nn.Module):
    """Pictures (B, 3, H, W) in [0, 1] -> what the last average pooling gives, (B, channels): 1920 of DenseNet-201."""

    def __init__(self, blocks: tuple[int, ...] = DENSENET_201):
        super().__init__()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)
        parts: OrderedDict[str, nn.Module] = OrderedDict(
            conv0=nn.Conv2d(3, _STEM, 7, stride=2, padding=3, bias=False),
            norm0=nn.BatchNorm2d(_STEM),
            relu0=nn.ReLU(),
            pool0=nn.MaxPool2d(3, stride=2, padding=1),
        )
        channels = _STEM
        for number, layers in enumerate(blocks, 1):
            parts[f"denseblock{number}"] = _DenseBlock(channels, layers)
            channels += layers * _GROWTH
            if number < len(blocks):
                parts[f"transition{number}"] = _transition(channels)
                channels //= 2
        parts["norm5"] = nn.BatchNorm2d(channels)
        self.features = nn.Sequential(parts)
        self.channels = channels

    def forward(self, pictures: Tensor) -> Tensor:
        return F.relu(self.features((pictures - self.mean) / self.std)).mean((-2, -1))

    def load(self, path: Path) -> None:
        """Takes the weights of a safetensors file with torchvision's names, its classifier left out. Raises BadConfig
        where they are not those of this network."""
        try:
            found = load_file(path)
        except (OSError, SafetensorError) as error:
            raise BadConfig(
                f"no weights can be read: {error}", where=str(path), cure="give a safetensors file"
            ) from error
        state = {_OLD_NAME.sub(r"\1.\2\3.", n): t for n, t in found.items() if not n.startswith("classifier.")}
        missing, unexpected = self.load_state_dict(state, strict=False)
        missing = [name for name in missing if not name.endswith("num_batches_tracked")]
        if missing or unexpected:
            wrong = ", ".join([*missing, *unexpected][:3])
            raise BadConfig(
                f"these weights are no DenseNet of this depth: {wrong}",
                where=str(path),
                cure="give torchvision's densenet201 as safetensors",
            )


class _DenseBlock(nn.Module):
    def __init__(self, channels: int, layers: int):
        super().__init__()
        for number in range(layers):
            self.add_module(f"denselayer{number + 1}", _dense_layer(channels + number * _GROWTH))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.children():
            x = torch.cat([x, layer(x)], 1)
        return x


def _dense_layer(channels: int) -> nn.Sequential:
    """Norm, ReLU and convolution, narrow and then 3 x 3: the paper's bottleneck layer."""
    narrow = _NARROW * _GROWTH
    return nn.Sequential(
        OrderedDict(
            norm1=nn.BatchNorm2d(channels),
            relu1=nn.ReLU(),
            conv1=nn.Conv2d(channels, narrow, 1, bias=False),
            norm2=nn.BatchNorm2d(narrow),
            relu2=nn.ReLU(),
            conv2=nn.Conv2d(narrow, _GROWTH, 3, padding=1, bias=False),
        )
    )


def _transition(channels: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm2d(channels),
            relu=nn.ReLU(),
            conv=nn.Conv2d(channels, channels // 2, 1, bias=False),
            pool=nn.AvgPool2d(2),
        )
    )
