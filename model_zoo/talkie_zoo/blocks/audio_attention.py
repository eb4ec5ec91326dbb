"""What personal avatars hear at a frame: a convolutional code of each of the neighbouring windows of sound, weighed by
attention. How sound is cut into windows is here too; what the code moves lives with each system."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from talkie.speech.features import log_mel
from talkie_zoo.blocks.audio import normalise
from talkie_zoo.blocks.rectified import rectified

BANDS, ROWS, WINDOWS = 29, 16, 8
"""Bands of a row of sound, rows at 50 Hz of a window, windows of neighbouring frames: those of DeepSpeech's features in
AD-NeRF (Guo et al., ICCV 2021), which all of its successors keep."""
_SLOPE = 0.02


class SpeechWindows(nn.Module):
    """Log-mel in 29 bands in the place of DeepSpeech's 29 letters, standardised band by band over the training clips,
    and cut into windows."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(BANDS))
        self.register_buffer("deviation", torch.ones(BANDS))

    @staticmethod
    def rows(audio: np.ndarray) -> Tensor:
        """(N,) samples at 16 kHz -> (M, 29) log-mel at 50 Hz."""
        return log_mel(normalise(audio), n_mels=BANDS)

    def measure(self, rows: Tensor) -> None:
        """Sets the statistics from the rows (M, 29) of training clips."""
        self.mean.copy_(rows.mean(0))
        self.deviation.copy_(rows.std(0).clamp_min(1e-3))

    def forward(self, rows: Tensor, frames: Tensor) -> Tensor:
        """rows (M, 29) of a clip, numbers of frames (F,) -> (F, 8, 29, 16): for frame i the windows of frames i - 4 to
        i + 3, each of 16 rows about its frame's middle. Beyond the clip all is zero."""
        known = (rows - self.mean) / self.deviation
        reach = ROWS + 2 * WINDOWS
        padded = nn.functional.pad(known, (0, 0, reach, reach + 2 * int(frames.max()) + 2))
        neighbours = frames[:, None] + torch.arange(-WINDOWS // 2, WINDOWS // 2, device=frames.device)
        first = reach + 2 * neighbours + 1 - ROWS // 2
        at = first[..., None] + torch.arange(ROWS, device=frames.device)
        return padded[at.clamp(0, len(padded) - 1)].transpose(-1, -2)


class AudioNet(nn.Module):
    """One window of sound -> its code: four convolutions of stride 2 over its 16 rows, then two layers (Guo et al.,
    AD-NeRF). windows (B, 29, 16) -> (B, code)."""

    def __init__(self, code: int = 32, widths: tuple[int, int] = (32, 64)):
        super().__init__()
        narrow, wide = widths
        steps = zip((BANDS, narrow, narrow, wide), (narrow, narrow, wide, wide), strict=True)
        layers: list[nn.Module] = []
        for inputs, outputs in steps:
            layers += [nn.Conv1d(inputs, outputs, 3, stride=2, padding=1), nn.LeakyReLU(_SLOPE)]
        self.rows = rectified(nn.Sequential(*layers))
        self.whole = rectified(nn.Sequential(nn.Linear(wide, 64), nn.LeakyReLU(_SLOPE), nn.Linear(64, code)))

    def forward(self, windows: Tensor) -> Tensor:
        return self.whole(self.rows(windows)[..., 0])


class AudioAttention(nn.Module):
    """Codes of neighbouring windows -> their mean under weights that convolutions along time find (Thies et al., ECCV
    2020, Neural Voice Puppetry). codes (B, 8, code) -> (B, code)."""

    def __init__(self, code: int = 32):
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in zip((code, 16, 8, 4, 2), (16, 8, 4, 2, 1), strict=True):
            layers += [nn.Conv1d(inputs, outputs, 3, padding=1), nn.LeakyReLU(_SLOPE)]
        self.score = nn.Sequential(*layers)
        self.weigh = nn.Sequential(nn.Linear(WINDOWS, WINDOWS), nn.Softmax(-1))

    def forward(self, codes: Tensor) -> Tensor:
        weights = self.weigh(self.score(codes.transpose(1, 2))[:, 0])
        return (weights[..., None] * codes).sum(1)


class SpeechCode(nn.Module):
    """Windows of sound about frames -> a code of each frame: (F, 8, 29, 16) -> (F, code)."""

    def __init__(self, code: int = 32, widths: tuple[int, int] = (32, 64)):
        super().__init__()
        self.net, self.attention = AudioNet(code, widths), AudioAttention(code)

    def forward(self, windows: Tensor) -> Tensor:
        return self.attention(self.net(windows.flatten(0, 1)).unflatten(0, windows.shape[:2]))
