"""What self-supervised speech models make of a clip's sound: wav2vec 2.0 and HuBERT, from weights that the user has."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from talkie.clip import FPS, SAMPLE_RATE
from talkie.curation.draft import Annotator, Draft, Findings, Toolbox, Watcher
from talkie.errors import BadConfig, MissingExtra

FEATURE_FPS = 50
HOP = SAMPLE_RATE // FEATURE_FPS
"""320 samples, the product of the strides of both models' seven convolutions; a frame sees FIELD samples (Baevski et
al., "wav2vec 2.0", 2020, section 4.2)."""
FIELD = 400


class SpeechFeatures(Annotator):
    """NAME.npz: features (2 T, D) float16, the last hidden layer, and fps () = 50; frame k is centred on
    (k + 1/2) / 50 s, so that frames 2 i and 2 i + 1 belong to video frame i. Subclasses say which model."""

    kind: ClassVar[str]

    @classmethod
    def made(cls, tools: Toolbox) -> Annotator:
        network = tools.network(cls.kind, cls.name)
        return cls(network.path, network.licence)

    def __init__(self, folder: Path | str, licence: str = "unknown", device: str = "cpu") -> None:
        """licence: of the weights, which the folder does not tell. Raises BadConfig for a folder without this kind of
        model, MissingExtra without transformers."""
        self.folder, self.device = Path(folder), device
        self.licence = licence
        transformers = _transformers()
        if not (self.folder / "config.json").is_file():
            raise BadConfig("holds no model", where=str(folder), cure="give the folder with its config.json")
        try:
            settings = transformers.AutoConfig.from_pretrained(self.folder, local_files_only=True)
            if settings.model_type != self.kind:
                raise BadConfig(f"is a {settings.model_type}, no {self.kind}", where=str(folder))
            self._ears = transformers.AutoFeatureExtractor.from_pretrained(self.folder, local_files_only=True)
            self._model = transformers.AutoModel.from_pretrained(self.folder, local_files_only=True)
        except (OSError, ValueError, KeyError) as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise BadConfig(f"cannot be loaded: {first}", where=str(folder), cure="give a whole checkpoint") from error
        hop = int(np.prod(settings.conv_stride))
        if hop != HOP:
            raise BadConfig(f"has a frame every {hop} samples, not {HOP}", where=str(folder))
        self._model.eval().to(device)

    @property
    def tool(self) -> str:
        return f"{self.kind} {self.folder.name}"

    def features(self, audio: np.ndarray) -> np.ndarray:
        """(N,) float32 at 16 kHz -> (N // HOP, D) float16."""
        import torch

        frames = len(audio) // HOP
        heard = np.asarray(audio[: frames * HOP], np.float32)
        values = self._ears(heard, sampling_rate=SAMPLE_RATE, return_tensors="pt").input_values
        # Half of what a frame sees beyond its hop on either side: as many frames as hops, each in its middle.
        edge = (FIELD - HOP) // 2
        padded = torch.nn.functional.pad(values, (edge, edge)).to(self.device)
        with torch.inference_mode():
            hidden = self._model(padded).last_hidden_state[0]
        return np.asarray(hidden.float().cpu().numpy(), np.float16)

    def start(self) -> Watcher:
        return _Features(self)


class Wav2Vec2Annotator(SpeechFeatures):
    """wav2vec2.npz from a wav2vec 2.0 checkpoint."""

    name: ClassVar[str] = "wav2vec2"
    kind: ClassVar[str] = "wav2vec2"
    fields: ClassVar[tuple[str, ...]] = ("wav2vec2.npz",)


class HubertAnnotator(SpeechFeatures):
    """hubert.npz from a HuBERT checkpoint."""

    name: ClassVar[str] = "hubert"
    kind: ClassVar[str] = "hubert"
    fields: ClassVar[tuple[str, ...]] = ("hubert.npz",)


class _Features(Watcher):
    def __init__(self, model: SpeechFeatures) -> None:
        self.model = model

    def finish(self, draft: Draft) -> Findings:
        if draft.audio is None or len(draft) < FPS // 5:
            return Findings()
        found = {"features": self.model.features(draft.audio), "fps": np.array(FEATURE_FPS)}
        return Findings(fields={self.model.fields[0]: found})


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        cure = "pip install 'talkie[features]'"
        raise MissingExtra("transformers is not installed", where="features", cure=cure) from error
    return transformers
