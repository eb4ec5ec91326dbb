"""Distances between pictures in the features of a frozen convolutional network, over a pyramid of sizes. The metric of
the bench is `talkie.evaluation`'s, and never trained against."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from talkie.errors import BadConfig
from talkie_zoo.blocks.plane import shrunk

VGG19 = (2, 2, 4, 4)
"""Convolutions before each pooling of which a feature is read; after the last pooling there is one more."""
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Perceptual(nn.Module):
    """A network of VGG's build, read after the first ReLU of each of five stages (Johnson et al. 2016): VGG-19's for
    base 64 and `plan` VGG19. `path`: a safetensors file with the keys of torchvision's VGG-19 (`features.N.weight`);
    without one the weights stay as they are drawn (random features still order degradations: Zhang et al. 2018, 4.2).
    """

    def __init__(self, base: int = 64, plan: Sequence[int] = VGG19, scales: int = 4, path: str | None = None):
        super().__init__()
        layers: list[nn.Module] = []
        self.read: list[int] = []
        inputs = 3
        for stage, count in enumerate((*plan, 1)):
            width = base * 2 ** min(stage, 3)
            if stage:
                layers.append(nn.MaxPool2d(2))
            for number in range(count):
                conv = nn.Conv2d(inputs, width, 3, padding=1)
                nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
                nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
                layers += [conv, nn.ReLU()]
                if number == 0:
                    self.read.append(len(layers) - 1)
                inputs = width
        self.features = nn.Sequential(*layers)
        self.scales = scales
        if path:
            self._load(Path(path))

    def _load(self, path: Path) -> None:
        if not path.is_file():
            raise BadConfig(f"no file {path}", where="vgg", cure="give VGG-19's weights as a safetensors file")
        found = {k: v for k, v in load_file(path).items() if k in self.state_dict()}
        missing, wrong = self.load_state_dict(found, strict=False)
        if missing or wrong:
            raise BadConfig(f"{path} lacks {missing[:2]}", where="vgg", cure="store torchvision's VGG-19")

    def answers(self, pictures: Tensor) -> list[Tensor]:
        """Features of pictures (B, 3, H, W) in [0, 1], one tensor a stage."""
        mean, deviation = (pictures.new_tensor(v).view(1, 3, 1, 1) for v in (_MEAN, _DEVIATION))
        x, found = (pictures - mean) / deviation, []
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number in self.read:
                found.append(x)
        return found

    def forward(self, truth: Tensor, made: Tensor) -> Tensor:
        """Sum over sizes 1, 1/2, 1/4 ... and stages of the mean absolute difference of features; no gradient to the
        network or the truth."""
        total = made.new_zeros(())
        for scale in range(self.scales):
            with torch.no_grad():
                true = self.answers(shrunk(truth, 2**scale))
            for a, b in zip(true, self.answers(shrunk(made, 2**scale)), strict=True):
                total = total + F.l1_loss(b, a)
        return total
