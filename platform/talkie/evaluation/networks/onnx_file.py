"""A network from an ONNX file, held to the form that its kind has: which forms there are, and how one is run. What goes
into a network and what its answers mean is in the files beside this one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from talkie.errors import BadInput, MissingExtra
from talkie.evaluation.networks.identity import NetworkIdentity
from talkie.evaluation.networks.marks import MARK
from talkie.media import sha256_file

Shape = tuple[int | None, ...]
BATCH = 16
"""Items in work at a time, so that memory does not grow with the clip."""


@dataclass(frozen=True)
class Form:
    """Shapes of the one input and the first output, None where any length will do; the first axis is always the batch.
    Every input is float32."""

    given: Shape
    answered: Shape


FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "inception": Form((None, 3, 299, 299), (None, 2048)),
        "i3d": Form((None, 3, None, 224, 224), (None, 400)),
        "resnet3d": Form((None, 3, 16, 112, 112), (None, 2048)),
        "syncnet_lips": Form((None, 3, 5, 224, 224), (None, 1024)),
        "syncnet_sound": Form((None, 1, 13, 20), (None, 1024)),
        "arcface": Form((None, 3, 112, 112), (None, 512)),
        "openface": Form((None, 3, 96, 96), (None, 128)),
        "face_reconstruction": Form((None, 3, 224, 224), (None, 257)),
        "lip_reader": Form((None, 1, None, 88, 88), (None, None, None)),
        "word_reader": Form((None, 1, None, 88, 88), (None, 500)),
        "emotion": Form((None, 3, 224, 224), (None, None)),
        "head_pose": Form((None, 3, 224, 224), (None, 3)),
        "action_units": Form((None, 3, 224, 224), (None, None)),
        "fan": Form((None, 3, 256, 256), (None, 68, 64, 64)),
        "motion_autoencoder": Form((None, None, None), (None, None)),
    }
)
"""What the published networks take and give. resnet3d: 16 frames of Kinetics ResNets (Hara et al. 2018).
face_reconstruction: Deep3DFaceRecon's 80 identity, 64 expression, 80 texture, 3 rotation, 27 light and 3 translation
coefficients. lip_reader: log-probabilities (N, T, symbols) of a connectionist output; word_reader: LRW's 500 words.
fan: heat maps."""


class OnnxNetwork:
    """A network of a kind of FORMS. Raises MissingExtra without onnxruntime; BadInput for an unknown kind, no file, or
    one that is no ONNX network of that form.

    A file that carries the mark of a stand-in says so in `identity`; any other is taken at its user's word for the
    published network, and told from others by its digest."""

    def __init__(self, path: Path | str, kind: str) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingExtra("onnxruntime is not installed", cure="pip install 'talkie[features]'") from error
        if kind not in FORMS:
            raise BadInput(f"no kind {kind!r} of networks", cure=f"there are {', '.join(FORMS)}")
        self.kind, self.form, file = kind, FORMS[kind], Path(path)
        if not file.is_file():
            raise BadInput("no such file", where=str(file), cure=f"give the {kind} network in ONNX form")
        options = onnxruntime.SessionOptions()
        # One thread: sums over several come out otherwise with another number of cores.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            self._session: Any = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own exceptions share no base
            raise BadInput(f"no ONNX network: {str(error).splitlines()[0]:.120}", where=str(file)) from error
        inputs, told = self._session.get_inputs(), self._session.get_outputs()[0]
        if len(inputs) != 1 or not (
            _agrees(inputs[0].shape, self.form.given) and _agrees(told.shape, self.form.answered)
        ):
            raise BadInput(
                f"a network from {[list(i.shape) for i in inputs]} to {list(told.shape)}",
                where=str(file),
                cure=f"{kind} takes {_shown(self.form.given)} and gives {_shown(self.form.answered)}",
            )
        self._input, self._output = inputs[0].name, told.name
        # A network that was exported for one item takes one at a time.
        self._one = inputs[0].shape[0] == 1
        word = self._session.get_modelmeta().custom_metadata_map.get(MARK, "")
        self.identity = NetworkIdentity(kind, file.name, sha256_file(file), word)

    def __call__(self, items: np.ndarray) -> np.ndarray:
        """Answers (N, ...) float32 to items (N, ...). Raises BadInput for items of another shape, or an answer that is
        no number."""
        if not _agrees(list(items.shape), self.form.given) or 0 in items.shape:
            raise BadInput(f"items of {items.shape}", where=self.kind, cure=f"give {_shown(self.form.given)}")
        step = 1 if self._one else BATCH
        given = np.ascontiguousarray(items, np.float32)
        parts = [self._run(given[i : i + step]) for i in range(0, len(given), step)]
        answer = np.concatenate(parts)
        if not np.isfinite(answer).all():
            raise BadInput("answers NaN or infinity", where=self.identity.name, cure="check the file and its input")
        return answer

    def _run(self, items: np.ndarray) -> np.ndarray:
        try:
            return np.asarray(self._session.run([self._output], {self._input: items})[0])
        except Exception as error:  # an axis that the kind leaves free and the file does not
            raise BadInput(
                f"does not take {items.shape}: {str(error).splitlines()[0]:.120}",
                where=self.identity.name,
                cure="give items of the lengths that the file was exported for",
            ) from error


def named(identity: NetworkIdentity, kind: str) -> NetworkIdentity:
    """The identity under another kind's name: a metric asks for "syncnet", which is two files."""
    return NetworkIdentity(kind, identity.name, identity.digest, identity.stand_in)


def _agrees(found: list[Any], wanted: Shape) -> bool:
    """Whether axes agree: names and None of an ONNX file fit anything."""
    return len(found) == len(wanted) and all(
        not isinstance(n, int) or m is None or n == m for n, m in zip(found, wanted, strict=True)
    )


def _shown(shape: Shape) -> str:
    return "(" + ", ".join("*" if n is None else str(n) for n in shape) + ")"
