"""LPIPS from files of weights: the ImageNet trunk, whose layers answer, and the five linear heads that weigh them. The
distance is `metrics.perceptual.lpips`; the seeded stand-in for those without weights is here as well."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from talkie.errors import BadInput
from talkie.evaluation.metrics.perceptual import lpips as distance
from talkie.evaluation.networks.identity import NetworkIdentity
from talkie.evaluation.networks.marks import mark_of
from talkie.media import sha256_file

Trunk = Literal["alex", "vgg"]
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""ImageNet's mean and deviation for frames in [-1, 1], as the LPIPS code has them."""
_VGG = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512)
_TAPS = {"alex": (1, 4, 7, 9, 11), "vgg": (3, 8, 15, 22, 29)}
"""Layers whose answers count, all of them ReLUs, in torchvision's numbering of `features`."""
WIDTHS = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}
_BATCH = 8


class LpipsNetwork:
    """Trunk and heads, version 0.1 of richzhang/PerceptualSimilarity.

    trunk: safetensors with torchvision's names ("features.0.weight" ...) of AlexNet or VGG16; heads: safetensors with
    "lin0.model.1.weight" (1, C, 1, 1) ... "lin4.model.1.weight". Raises BadInput for other files."""

    def __init__(self, trunk: Path | str, heads: Path | str, net: Trunk = "alex") -> None:
        files = Path(trunk), Path(heads)
        self.net, self._layers = net, _trunk(net)
        held, linear = (_tensors(file) for file in files)
        wanted = self._layers.state_dict()
        found = {name: held.get(f"features.{name}") for name in wanted}
        wrong = [n for n, t in found.items() if t is None or t.shape != wanted[n].shape]
        if wrong:
            raise BadInput(
                f"lacks features.{wrong[0]} of {net}", where=str(files[0]), cure="give torchvision's weights"
            )
        self._layers.load_state_dict({name: tensor for name, tensor in found.items() if tensor is not None})
        self.weights = [_head(linear, i, width, files[1]) for i, width in enumerate(WIDTHS[net])]
        digest = hashlib.sha256("".join(map(sha256_file, files)).encode()).hexdigest()
        word = mark_of(files[0]) or mark_of(files[1])
        self.identity = NetworkIdentity("lpips", f"{net} {files[0].name} + {files[1].name}", digest, word)

    @classmethod
    def random(cls, seed: int, net: Trunk = "vgg") -> LpipsNetwork:
        """The stand-in "rand": the trunk with weights drawn from `seed` (He et al. 2015) and heads of ones over the
        number of channels. Its figures are rand_lpips; those of two seeds differ: the seed is in its name."""
        self = cls.__new__(cls)
        generator = torch.Generator().manual_seed(seed)
        self.net, self._layers = net, _trunk(net)
        with torch.no_grad():
            for layer in self._layers:
                if isinstance(layer, nn.Conv2d):
                    fan_in = layer.weight[0].numel()
                    layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * (2 / fan_in) ** 0.5)
                    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        self.weights = [np.full(width, 1 / width) for width in WIDTHS[net]]
        digest = hashlib.sha256(b"".join(t.numpy().tobytes() for t in self._layers.state_dict().values())).hexdigest()
        self.identity = NetworkIdentity("lpips", f"random {net}, seed {seed}", digest, "rand")
        return self

    @torch.inference_mode()
    def features(self, frames: np.ndarray) -> list[np.ndarray]:
        """Answers (T, C, H, W) float32 of the five layers to frames (T, H, W, 3) uint8 RGB. Raises BadInput for other
        frames, or such under 32 px, of which the last layer would have nothing."""
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or min(frames.shape) == 0:
            raise BadInput(f"{frames.dtype} {frames.shape}", where="frames", cure="give (T, H, W, 3) uint8 RGB")
        if min(frames.shape[1:3]) < 32:
            raise BadInput(
                f"frames of {frames.shape[1:3]} px, 32 are needed", where="frames", cure="give larger frames"
            )
        shift, scale = (torch.tensor(v)[:, None, None] for v in (_SHIFT, _SCALE))
        pixels = torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2))).float() / 127.5 - 1
        answer, found = (pixels - shift) / scale, []
        for number, layer in enumerate(self._layers):
            answer = layer(answer)
            if number in _TAPS[self.net]:
                found.append(answer.numpy())
        return found

    def __call__(self, truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
        """(T,) distances of two clips (T, H, W, 3) uint8 RGB; a few frames are in work at a time."""
        if truth.shape != guess.shape:
            raise BadInput(f"has shape {guess.shape}, the truth {truth.shape}", where="guess", cure="trim both alike")
        starts = range(0, max(len(truth), 1), _BATCH)
        return np.concatenate(
            [
                distance(self.features(truth[i : i + _BATCH]), self.features(guess[i : i + _BATCH]), self.weights)
                for i in starts
            ]
        )


def _trunk(net: Trunk) -> nn.Sequential:
    """`features` of torchvision's AlexNet or VGG16 without what follows the last layer that counts."""
    if net == "vgg":
        layers: list[nn.Module] = []
        width = 3
        for size in _VGG:
            if isinstance(size, str):
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.Conv2d(width, size, 3, padding=1), nn.ReLU()]
                width = size
        return nn.Sequential(*layers).eval()
    if net == "alex":
        return nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(),
        ).eval()  # fmt: skip
    raise BadInput(f"no trunk {net!r}", where="lpips", cure='"alex" or "vgg"')


def _tensors(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise BadInput("no such file", where=str(path), cure="give weights in safetensors form")
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise BadInput(f"no safetensors file: {error}", where=str(path), cure="convert the weights") from error


def _head(tensors: dict[str, Tensor], layer: int, width: int, path: Path) -> np.ndarray:
    name = f"lin{layer}.model.1.weight"
    held = tensors.get(name)
    if held is None or held.shape != (1, width, 1, 1):
        shape = None if held is None else tuple(held.shape)
        raise BadInput(
            f"{name} is {shape}, wanted (1, {width}, 1, 1)", where=str(path), cure="give version 0.1's heads"
        )
    return held.double().numpy().ravel()
