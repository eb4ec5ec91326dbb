"""Lip readers from ONNX files: crops in, texts or words out. Error rates are in `metrics.reading`.

A reader is any network with a connectionist (CTC) output and the list of its symbols, read greedily. AV-HuBERT and
the mpc001 readers publish figures of beam search with an attention decoder and a language model, which no single file
holds: such figures cannot be repeated here, and the protocol says "ctc greedy".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from talkie.errors import BadInput
from talkie.evaluation.networks.onnx_file import OnnxNetwork, named

SIDE, MEAN, DEVIATION = 88, 0.421, 0.165
"""Middle of a 96 px mouth crop, and the grey values' mean and deviation of the mpc001 readers."""
CROP = 96


def mouth_input(mouths: np.ndarray) -> np.ndarray:
    """(1, 1, T, 88, 88) float32 of mouth crops (T, H, W, 3) or (T, H, W) uint8: grey, 96 px, the middle 88 px, (v / 255
    - 0.421) / 0.165. Raises BadInput for other arrays."""
    if mouths.dtype != np.uint8 or mouths.ndim not in (3, 4) or mouths.size == 0:
        raise BadInput(f"{mouths.dtype} {mouths.shape}", where="mouths", cure="give (T, H, W, 3) or (T, H, W) uint8")
    grey = [cv2.cvtColor(m, cv2.COLOR_RGB2GRAY) if m.ndim == 3 else m for m in mouths]
    edge = (CROP - SIDE) // 2
    crops = np.stack([cv2.resize(m, (CROP, CROP))[edge:-edge, edge:-edge] for m in grey])
    return ((crops.astype(np.float32) / 255 - MEAN) / DEVIATION)[None, None]


class LipReader:
    """A CTC reader: (1, 1, T, 88, 88) -> (1, T', S) scores of S symbols, the first of them the blank. Errors as of
    OnnxNetwork; BadInput for another number of symbols."""

    def __init__(self, path: Path | str, symbols: Sequence[str]) -> None:
        self._network, self._symbols = OnnxNetwork(path, "lip_reader"), tuple(symbols)
        self.identity = self._network.identity

    def read(self, mouths: np.ndarray) -> str:
        """The text of one clip's mouth crops."""
        scores = self._network(mouth_input(mouths))[0]
        if scores.shape[1] != len(self._symbols):
            raise BadInput(
                f"scores {scores.shape[1]} symbols, {len(self._symbols)} were named",
                where=self.identity.name,
                cure="give the list of symbols that the reader was trained with, the blank first",
            )
        return greedy(scores, self._symbols)


class WordReader:
    """A reader of LRW's 500 words. Errors as of OnnxNetwork."""

    def __init__(self, path: Path | str) -> None:
        self._network = OnnxNetwork(path, "word_reader")
        self.identity = named(self._network.identity, "lip_reader")

    def read(self, mouths: np.ndarray) -> int:
        """The number of the likeliest word of one clip's mouth crops."""
        return int(self._network(mouth_input(mouths))[0].argmax())


def greedy(scores: np.ndarray, symbols: Sequence[str]) -> str:
    """The best symbol of each step, repetitions and blanks (symbol 0) left out (Graves et al. 2006)."""
    best = scores.argmax(1)
    kept = best[np.diff(best, prepend=-1) != 0]
    return "".join(symbols[k] for k in kept if k != 0)
