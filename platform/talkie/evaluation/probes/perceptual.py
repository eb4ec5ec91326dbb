"""The probe that tells how far two pictures look apart: a trunk and heads trained to order degradations of known
strength. It stands in for LPIPS's network; the distance itself is `metrics.perceptual.lpips`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from talkie.errors import BadInput
from talkie.evaluation.metrics.perceptual import lpips
from talkie.evaluation.probes.probe import Probe, pixels, stacked
from talkie.evaluation.probes.views import View
from talkie.systems import Measurement

WIDTHS = (16, 32, 48)
LEAST = 16
"""Side in pixels under which the last layer would see next to nothing."""
_BATCH, _MARGIN = 16, 0.05
_LEVELS = np.linspace(0.15, 1.0, 6)
_PER_CLIP = 3


def _blur(frame: np.ndarray, strength: float, draw: np.random.Generator) -> np.ndarray:
    return cv2.GaussianBlur(frame, (0, 0), 0.2 + 2.5 * strength)


def _noise(frame: np.ndarray, strength: float, draw: np.random.Generator) -> np.ndarray:
    return frame + draw.normal(0, 45 * strength, frame.shape)


def _coarse(frame: np.ndarray, strength: float, draw: np.random.Generator) -> np.ndarray:
    size = max(4, round(frame.shape[0] * (1 - 0.85 * strength)))
    small = cv2.resize(frame, (size, size), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, frame.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _moved(frame: np.ndarray, strength: float, draw: np.random.Generator) -> np.ndarray:
    angle = draw.uniform(0, 2 * np.pi)
    way = 6 * strength * np.array([np.cos(angle), np.sin(angle)])
    matrix = np.array([[1, 0, way[0]], [0, 1, way[1]]])
    return cv2.warpAffine(frame, matrix, frame.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)


def _faded(frame: np.ndarray, strength: float, draw: np.random.Generator) -> np.ndarray:
    return frame + (frame.mean((0, 1)) - frame) * 0.8 * strength


DEGRADATIONS: Mapping[str, Callable[[np.ndarray, float, np.random.Generator], np.ndarray]] = {
    "blur": _blur,
    "noise": _noise,
    "coarse": _coarse,
    "moved": _moved,
    "faded": _faded,
}
"""What pictures of answers suffer from, at a strength in [0, 1]: more of one kind is further from the truth. Which of
two kinds is worse, nobody here can say, and they are never compared."""


class _Trunk(nn.Module):
    """The answers of three layers, and a weight that is no less than zero for each of their channels."""

    def __init__(self) -> None:
        super().__init__()
        sizes = (3, *WIDTHS)
        self.layers = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in zip(sizes, WIDTHS, strict=False)
        )
        self.heads = nn.ParameterList(nn.Parameter(torch.full((width,), -2.0)) for width in WIDTHS)

    def forward(self, frames: Tensor) -> list[Tensor]:
        found = []
        for layer in self.layers:
            frames = torch.relu(layer(frames))
            found.append(frames)
        return found

    def weights(self) -> list[Tensor]:
        return [nn.functional.softplus(head) for head in self.heads]

    def distance(self, first: Tensor, second: Tensor) -> Tensor:
        """(N,): LPIPS's formula."""
        total = torch.zeros(len(first))
        for a, b, weight in zip(self(first), self(second), self.weights(), strict=True):
            apart = (_unit(a) - _unit(b)).square().mean((2, 3))
            total = total + apart @ weight
        return total


class Perceptual(Probe):
    """Frames of any size -> distances. Its score is the share of pairs of degradations that it orders as their
    strengths are, on people that it has not seen."""

    name, kind = "perceptual", "lpips"
    steps = 500
    rate = 1e-3

    def build(self) -> nn.Module:
        return _Trunk()

    def learn(self, views: Sequence[View], steps: int) -> None:
        crops, kinds = stacked(views, "faces"), tuple(DEGRADATIONS)

        def loss_of(draw: np.random.Generator) -> Tensor:
            true, less, more = [], [], []
            for row in draw.integers(0, len(crops), _BATCH):
                kind = kinds[int(draw.integers(len(kinds)))]
                low, high = np.sort(draw.uniform(0.02, 1, 2))
                true.append(crops[row])
                less.append(degraded(crops[row], kind, low, draw))
                more.append(degraded(crops[row], kind, high, draw))
            first = pixels(np.stack(true))
            near, far = (self.network.distance(first, pixels(np.stack(p))) for p in (less, more))
            # Ratios, so that a network that only makes all distances large gains nothing.
            return torch.relu(_MARGIN + torch.log(near + 1e-4) - torch.log(far + 1e-4)).mean()

        self.descend([self.network], loss_of, steps)

    def score(self, views: Sequence[View]) -> tuple[Measurement, ...]:
        draw = np.random.default_rng(0)
        frames = [view.faces[i] for view in views for i in np.linspace(0, len(view) - 1, _PER_CLIP).astype(int)]
        ordered: dict[str, list[np.ndarray]] = {kind: [] for kind in DEGRADATIONS}
        for frame in frames:
            for kind, answers in ordered.items():
                given = np.stack([degraded(frame, kind, float(level), draw) for level in _LEVELS])
                found = self(np.repeat(frame[None], len(given), 0), given)
                answers.append(np.diff(found) > 0)
        figures = [("ordered", np.concatenate([np.concatenate(a) for a in ordered.values()]))]
        figures += [(f"ordered_{kind}", np.concatenate(ordered[kind])) for kind in ("blur", "noise")]
        return tuple(self.figure(name, right.mean(), len(right), "pair", views) for name, right in figures)

    def __call__(self, truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
        """(T,) distances of frames (T, H, W, 3) uint8 RGB. Raises BadInput for unlike shapes, other pixels or frames
        under 16 px."""
        for name, frames in (("truth", truth), ("guess", guess)):
            if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or min(frames.shape[:3]) < 1:
                raise BadInput(f"{frames.dtype} {frames.shape}", where=name, cure="give (T, H, W, 3) uint8 RGB")
        if truth.shape != guess.shape or min(truth.shape[1:3]) < LEAST:
            raise BadInput(
                f"{truth.shape} and {guess.shape}", where="frames", cure=f"give both alike, of {LEAST} px or more"
            )
        step = 8
        return np.concatenate(
            [self._distance(truth[i : i + step], guess[i : i + step]) for i in range(0, len(truth), step)]
        )

    @torch.inference_mode()
    def _distance(self, truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
        true, given = ([layer.numpy() for layer in self.network(pixels(f))] for f in (truth, guess))
        return lpips(true, given, [w.numpy() for w in self.network.weights()])


def degraded(frame: np.ndarray, kind: str, strength: float, draw: np.random.Generator) -> np.ndarray:
    """A frame (H, W, 3) uint8 as it looks with so much of one of DEGRADATIONS."""
    given = DEGRADATIONS[kind](frame.astype(np.float32), float(strength), draw)
    return np.asarray(np.clip(np.rint(given), 0, 255).astype(np.uint8))


def _unit(values: Tensor) -> Tensor:
    # The floor stands inside of the root, whose slope at nothing is infinite.
    return values / (values.square().sum(1, keepdim=True) + 1e-10).sqrt()
