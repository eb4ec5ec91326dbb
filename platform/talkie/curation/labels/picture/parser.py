"""A face parser of CelebAMask-HQ's 19 classes from an ONNX file that the user gives, in the classes of our masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from talkie.curation.labels.picture.face_shapes import LEFT_EYE, RIGHT_EYE
from talkie.errors import BadInput, MissingExtra
from talkie.heads.mask_classes import INDEX
from talkie.media import sha256_file

PARSED = ("background", "skin", "skin", "skin", "eye", "eye", "other", "ear", "ear", "other", "skin", "mouth_inside",
          "lips", "lips", "neck", "other", "cloth", "hair", "other")  # fmt: skip
"""What the channels of face-parsing BiSeNets mean (Yu et al. 2018, on CelebAMask-HQ, Lee et al. 2020), in order:
background, skin, brows, eyes, glasses, ears, earring, nose, mouth, lips, neck, necklace, cloth, hair, hat. Which eye or
ear is the person's left is decided by the landmarks: files do not agree on it."""
_MEAN, _STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
_CODE = np.array([INDEX.get(name, INDEX["other"]) for name in PARSED], np.uint8)
_SIDED = ("eye", "ear")


class Parser:
    """Raises MissingExtra without onnxruntime, BadInput for a file that is no such network: one input (1, 3, H, W) of
    fixed size, a first output (1, 19, H, W)."""

    def __init__(self, path: str | Path) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingExtra("a face parser needs onnxruntime", cure="pip install 'talkie[features]'") from error
        file = Path(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        try:
            self._session: Any = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own exceptions share no base
            raise BadInput(f"no ONNX network: {str(error).splitlines()[0]}", where=str(file)) from error
        given, made = self._session.get_inputs()[0], self._session.get_outputs()[0]
        shape = given.shape
        if len(shape) != 4 or shape[1] != 3 or not all(isinstance(n, int) for n in shape[2:]):
            raise BadInput(f"takes {shape}, expected (1, 3, H, W) of fixed size", where=str(file))
        if len(made.shape) != 4 or made.shape[1] != len(PARSED):
            raise BadInput(f"gives {made.shape}, expected (1, {len(PARSED)}, H, W)", where=str(file))
        self._input, self._output, self._size = given.name, made.name, (int(shape[3]), int(shape[2]))
        self.tool = f"{file.name} sha256:{sha256_file(file)[:12]}"

    def parse(self, crop: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """Classes (S, S) uint8 of `talkie.heads.mask_classes` of a crop (S, S, 3) uint8 RGB."""
        scaled = cv2.resize(crop, self._size, interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255
        pixels = ((scaled - _MEAN) / _STD).transpose(2, 0, 1)[None]
        channel = self._session.run([self._output], {self._input: pixels})[0][0].argmax(0).astype(np.uint8)
        channel = cv2.resize(channel, crop.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        out = _CODE[channel]
        left, right = (landmarks[list(eye), :2].mean(0) for eye in (LEFT_EYE, RIGHT_EYE))
        y, x = np.nonzero(np.isin(channel, [k for k, name in enumerate(PARSED) if name in _SIDED]))
        on_left = ((np.stack([x, y], 1) + 0.5 - (left + right) / 2) @ (left - right)) > 0
        for k, name in enumerate(PARSED):
            if name in _SIDED:
                here = channel[y, x] == k
                out[y, x] = np.where(here & on_left, INDEX[f"left_{name}"], out[y, x])
                out[y, x] = np.where(here & ~on_left, INDEX[f"right_{name}"], out[y, x])
        return np.asarray(out)
