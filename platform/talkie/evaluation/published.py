"""Published networks from files as judges of video answers, each with the metrics that are measured with it. What the
files must hold is in networks/; stand-ins trained on the stage are in probes/."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np

from talkie.clip import Clip
from talkie.errors import BadInput
from talkie.evaluation.metrics import find_metric, measure, measure_set, perceptual, published_name
from talkie.evaluation.metrics.sync import SyncScores, sync_scores
from talkie.evaluation.networks.faces import FaceIdentity
from talkie.evaluation.networks.frames import for_i3d, for_inception
from talkie.evaluation.networks.identity import NetworkIdentity
from talkie.evaluation.networks.lpips import LpipsNetwork
from talkie.evaluation.networks.onnx_file import OnnxNetwork
from talkie.evaluation.networks.syncnet import SyncNet
from talkie.evaluation.probes.metrics import track
from talkie.systems import Measurement
from talkie.systems.tasks.checks import clip_audio
from talkie.systems.tasks.video import VideoResult

Files = Sequence[Path]


class Published(ABC):
    """One network. `metrics`: their published names; a file with a stand-in's mark puts its word before them."""

    metrics: tuple[str, ...]
    identity: NetworkIdentity

    @abstractmethod
    def keep(self, clip: Clip, truth: np.ndarray, answer: np.ndarray) -> Mapping[str, Any]:
        """What is kept of a clip by metric. truth, answer: (T, S, S, 3) uint8 of one size and length."""

    def name(self, metric: str) -> str:
        return published_name(metric, self.identity)

    def score(self, clip: Clip, truth: VideoResult, answer: VideoResult) -> Mapping[str, Any]:
        """As `keep`; BadInput in the place of what could not be taken."""
        frames = min(len(truth), len(answer))
        given = answer.frames[:frames]
        size = given.shape[2], given.shape[1]
        true = np.stack([cv2.resize(f, size, interpolation=cv2.INTER_AREA) for f in truth.frames[:frames]])
        try:
            return self.keep(clip, true, given)
        except BadInput as error:
            return dict.fromkeys(self.metrics, error)

    def figure(self, metric: str, clips: Sequence[Mapping[str, Any]], left_out: str) -> Measurement:
        """One metric over clips, from what was kept of each."""
        said = {
            "size": "the answer's",
            "length": "trimmed to the shorter",
            **({"left out": left_out} if left_out else {}),
        }
        return measure(metric, [clip[metric] for clip in clips], network=self.identity, protocol=said)


class SyncJudge(Published):
    """SyncNet on clips that are face crops already, as the LRS script takes them: whole frames at 224 px."""

    metrics = ("lse_d", "lse_c", "av_offset")

    def __init__(self, lips: Path, sound: Path):
        self._network = SyncNet(lips, sound)
        self.identity = self._network.identity

    def keep(self, clip: Clip, truth: np.ndarray, answer: np.ndarray) -> Mapping[str, Any]:
        if "flac" not in clip.fields:
            raise BadInput("no sound", where=clip.id, cure="give clips with flac")
        found: SyncScores = sync_scores(*self._network.embed(answer, clip_audio(clip)))
        return {"lse_d": found.distance, "lse_c": found.confidence, "av_offset": found.offset}


class IdentityJudge(Published):
    """ArcFace: the answer's faces beside the mean of the true ones."""

    metrics = ("csim",)

    def __init__(self, file: Path):
        self._network = FaceIdentity(file)
        self.identity = self._network.identity

    def keep(self, clip: Clip, truth: np.ndarray, answer: np.ndarray) -> Mapping[str, Any]:
        true, given = (self._network.embed(frames, track(frames)) for frames in (truth, answer))
        return {"csim": perceptual.csim(true.mean(0), given)}


class LpipsJudge(Published):
    """LPIPS with AlexNet's trunk, of whole frames."""

    metrics = ("lpips",)

    def __init__(self, trunk: Path, heads: Path):
        self._network = LpipsNetwork(trunk, heads)
        self.identity = self._network.identity

    def keep(self, clip: Clip, truth: np.ndarray, answer: np.ndarray) -> Mapping[str, Any]:
        return {"lpips": self._network(truth, answer)}


class FeatureJudge(Published):
    """A network whose features' distributions are compared: over all frames, or over all clips."""

    def __init__(self, file: Path, kind: str, measured: tuple[str, ...], prepare: Callable[[np.ndarray], np.ndarray]):
        self._network = OnnxNetwork(file, kind)
        self.identity, self.metrics, self._prepare = self._network.identity, measured, prepare

    def keep(self, clip: Clip, truth: np.ndarray, answer: np.ndarray) -> Mapping[str, Any]:
        pair = tuple(self._network(self._prepare(frames)) for frames in (truth, answer))
        return dict.fromkeys(self.metrics, pair)

    def figure(self, metric: str, clips: Sequence[Mapping[str, Any]], left_out: str) -> Measurement:
        true, given = (np.concatenate([clip[metric][side] for clip in clips]) for side in (0, 1))
        value = find_metric(metric).function(true, given)
        said = {"items": f"{len(true)} true, {len(given)} given", **({"left out": left_out} if left_out else {})}
        return measure_set(metric, value, len(given), network=self.identity, protocol=said)


_MAKERS: Mapping[str, Callable[..., Published]] = MappingProxyType(
    {
        "syncnet": SyncJudge,
        "arcface": IdentityJudge,
        "lpips": LpipsJudge,
        "inception": lambda file: FeatureJudge(file, "inception", ("fid", "kid"), for_inception),
        "i3d": lambda file: FeatureJudge(file, "i3d", ("fvd",), for_i3d),
    }
)
FILES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "syncnet": ("lips.onnx", "sound.onnx"),
        "arcface": ("arcface.onnx",),
        "lpips": ("alexnet.safetensors", "heads.safetensors"),
        "inception": ("inception.onnx",),
        "i3d": ("i3d.onnx",),
    }
)
"""By name, the files that each is given, in this order."""


def load_published(name: str, files: Files) -> Published:
    """The judge of that name from its files. Raises BadInput for another number of files or what they do not hold,
    MissingExtra without onnxruntime."""
    if len(files) != len(FILES[name]):
        wanted = ",".join(FILES[name])
        raise BadInput(f"{len(files)} files for {name}", where="--network", cure=f"give {name}={wanted}")
    return _MAKERS[name](*files)
